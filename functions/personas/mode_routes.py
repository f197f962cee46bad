"""Focus and domain modes in the hands of the tenant's admins: routes of this function, in a file of their own."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.personas.app import app
from functions.personas.models import (
    DomainModesAnswer,
    DomainModesUpdate,
    FocusModeChange,
    FocusModeDeletedAnswer,
    NewFocusMode,
    TenantFocusModeAnswer,
    TenantFocusModeListAnswer,
)
from stoa.http.dependencies import AsAdmin
from stoa.http.errors import errors
from stoa.http.parameters import IfMatch, expected_version
from stoa.store.catalogue.mode_admin import FocusModeFields
from stoa.workflows.catalogue import domain_mode_admin, focus_mode_admin

ModeId = Annotated[str, Path(alias="modeId")]


@app.get("/api/admin/focus-modes", summary="All focus modes with their prompts", tags=["admin"])
def get_focus_modes(caller: AsAdmin) -> TenantFocusModeListAnswer:
    """The system's, those that take the place of one, and the tenant's own, in order; disabled ones included."""
    return TenantFocusModeListAnswer.of(focus_mode_admin.list_modes(caller))


@app.post("/api/admin/focus-modes", summary="Make a focus mode", tags=["admin"], status_code=201, responses=errors(409))
def post_focus_mode(caller: AsAdmin, body: NewFocusMode) -> TenantFocusModeAnswer:
    """A focus mode of the tenant's own, or one in the place of the system's with the same id."""
    return TenantFocusModeAnswer.of(focus_mode_admin.create_mode(caller, FocusModeFields(**body.model_dump())))


@app.get("/api/admin/focus-modes/<modeId>", summary="One focus mode", tags=["admin"])
def get_focus_mode(caller: AsAdmin, mode_id: ModeId) -> TenantFocusModeAnswer:
    """Returns a focus mode as it holds for the tenant."""
    return TenantFocusModeAnswer.of(focus_mode_admin.read_mode(caller, mode_id))


@app.patch("/api/admin/focus-modes/<modeId>", summary="Change a focus mode", tags=["admin"], responses=errors(409))
def patch_focus_mode(
    caller: AsAdmin, mode_id: ModeId, body: FocusModeChange, if_match: IfMatch = None
) -> TenantFocusModeAnswer:
    """Writes the fields that are sent, null clears, the others are kept. A mode of the system is changed for this
    tenant alone."""
    given = body.given()
    version = expected_version(if_match, given.pop("version", None))
    return TenantFocusModeAnswer.of(focus_mode_admin.change_mode(caller, mode_id, given, version=version))


@app.delete(
    "/api/admin/focus-modes/<modeId>", summary="Delete an own focus mode", tags=["admin"], responses=errors(409)
)
def delete_focus_mode(caller: AsAdmin, mode_id: ModeId) -> FocusModeDeletedAnswer:
    """The system's mode of the same id, where there is one, is in force again."""
    focus_mode_admin.delete_mode(caller, mode_id)
    return FocusModeDeletedAnswer.of({"deleted": True})


@app.get("/api/admin/thinktank/domain-modes", summary="What holds for the domain modes", tags=["admin"])
def get_domain_modes(caller: AsAdmin) -> DomainModesAnswer:
    """The seven domain modes as they hold for the tenant."""
    return DomainModesAnswer.model_validate(domain_mode_admin.read_modes(caller))


@app.put("/api/admin/thinktank/domain-modes", summary="Set the domain modes", tags=["admin"], responses=errors(409))
def put_domain_modes(caller: AsAdmin, body: DomainModesUpdate, if_match: IfMatch = None) -> DomainModesAnswer:
    """Writes the fields that are sent, by mode and field, and keeps the others. Null gives a field back."""
    version = expected_version(if_match, body.version)
    given: dict[str, dict[str, Any]] = {mode_id: setting.given() for mode_id, setting in body.modes.items()}
    return DomainModesAnswer.model_validate(domain_mode_admin.put_modes(caller, given, version=version))
