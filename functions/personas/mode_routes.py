"""Focus and domain modes in the hands of the tenant's admins: routes of this function, in a file of their own."""

from typing import Any

from stoa.http.api import Api, Request
from stoa.http.desks import desk_of
from stoa.http.preconditions import expected_version
from stoa.workflows.catalogue import domain_mode_admin, focus_mode_admin


def add_to(api: Api) -> None:
    """Register the routes."""

    @api.route(
        "GET",
        "/api/admin/focus-modes",
        summary="All focus modes with their prompts",
        answer="TenantFocusModeListAnswer",
        tags=("admin",),
    )
    def get_focus_modes(request: Request) -> dict[str, Any]:
        """The system's, those that take the place of one, and the tenant's own, in order; disabled ones included."""
        return {"data": focus_mode_admin.list_modes(desk_of(request))}

    @api.route(
        "POST",
        "/api/admin/focus-modes",
        summary="Make a focus mode",
        body="NewFocusMode",
        answer="TenantFocusModeAnswer",
        status=201,
        errors=(409,),
        tags=("admin",),
    )
    def post_focus_mode(request: Request) -> dict[str, Any]:
        """A focus mode of the tenant's own, or one in the place of the system's with the same id."""
        desk, body = desk_of(request), request.body()
        return {"data": focus_mode_admin.create_mode(desk, body.model_dump())}

    @api.route(
        "GET",
        "/api/admin/focus-modes/{modeId}",
        summary="One focus mode",
        answer="TenantFocusModeAnswer",
        tags=("admin",),
    )
    def get_focus_mode(request: Request) -> dict[str, Any]:
        """One focus mode as it holds for the tenant."""
        return {"data": focus_mode_admin.read_mode(desk_of(request), request.path["modeId"])}

    @api.route(
        "PATCH",
        "/api/admin/focus-modes/{modeId}",
        summary="Change a focus mode",
        body="FocusModeChange",
        answer="TenantFocusModeAnswer",
        parameters="EditParameters",
        errors=(409,),
        tags=("admin",),
    )
    def patch_focus_mode(request: Request) -> dict[str, Any]:
        """What is sent is written, null clears, what is not sent is kept. One of the system's is changed for this
        tenant alone."""
        desk, given = desk_of(request), request.body().given()
        version = expected_version(request.event, given.pop("version", None))
        return {"data": focus_mode_admin.change_mode(desk, request.path["modeId"], given, version=version)}

    @api.route(
        "DELETE",
        "/api/admin/focus-modes/{modeId}",
        summary="Delete an own focus mode",
        answer="FocusModeDeletedAnswer",
        errors=(409,),
        tags=("admin",),
    )
    def delete_focus_mode(request: Request) -> dict[str, Any]:
        """The system's mode of the same id, where there is one, is in force again."""
        focus_mode_admin.delete_mode(desk_of(request), request.path["modeId"])
        return {"data": {"deleted": True}}

    @api.route(
        "GET",
        "/api/admin/thinktank/domain-modes",
        summary="What holds for the domain modes",
        answer="DomainModesAnswer",
        tags=("admin",),
    )
    def get_domain_modes(request: Request) -> dict[str, Any]:
        """The seven domain modes as they hold for the tenant."""
        return domain_mode_admin.read_modes(desk_of(request))

    @api.route(
        "PUT",
        "/api/admin/thinktank/domain-modes",
        summary="Set the domain modes",
        body="DomainModesUpdate",
        answer="DomainModesAnswer",
        parameters="EditParameters",
        errors=(409,),
        tags=("admin",),
    )
    def put_domain_modes(request: Request) -> dict[str, Any]:
        """What is sent is written, by mode and field; what is not is kept; null gives a field back to the system."""
        desk, body = desk_of(request), request.body()
        version = expected_version(request.event, body.version)
        given = {mode_id: setting.given() for mode_id, setting in body.modes.items()}
        return domain_mode_admin.put_modes(desk, given, version=version)
