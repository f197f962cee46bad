"""Routes of the tenant's settings and of its audit log."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.model_admin.app import ShortText, app
from functions.model_admin.models.audit import AuditAnswer
from functions.model_admin.models.settings import SettingsAnswer, SettingsChange
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsAdmin
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, IfMatch, Limit, expected_version
from stoa.store.tenancy.audit import Filter
from stoa.workflows.tenancy import audit, tenant_settings

Author = Annotated[ShortText, Query(description="A user's id or e-mail.")]
Action = Annotated[ShortText, Query(description="The kind of change, such as `model.disable`.")]
Target = Annotated[ShortText, Query(description="The thing changed: a model's id, a user's id, `settings`.")]


@app.get("/api/admin/settings", summary="The tenant's settings", tags=["admin"])
def get_settings(caller: AsAdmin) -> SettingsAnswer:
    """Returns name, time zone, currency and the switches."""
    return SettingsAnswer.of(tenant_settings.read_settings(caller))


@app.patch("/api/admin/settings", summary="Change the tenant's settings", tags=["admin"], responses=errors(409))
def patch_settings(caller: AsAdmin, change: SettingsChange, if_match: IfMatch = None) -> SettingsAnswer:
    """A field that is sent is written, another is kept. A new time zone moves the end of the day at once."""
    given = change.given()
    version = expected_version(if_match, given.pop("version", None))
    return SettingsAnswer.of(tenant_settings.change_settings(caller, given, version=version))


@app.get("/api/admin/audit", summary="Who changed what", tags=["admin"])
def get_audit(
    caller: AsAdmin,
    actor: Author = None,
    action: Action = None,
    target: Target = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
) -> AuditAnswer:
    """Returns every change by an admin, before and after, newest first. Nothing in it can be changed or deleted."""
    wanted = Filter(actor, action, target)
    return AuditAnswer.of(audit.list_changes(caller, wanted, before=id_after(cursor), limit=limit))
