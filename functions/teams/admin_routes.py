"""Teams in the hands of the tenant's admins: routes of this function, in a file of their own."""

from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.http.api import Api, Request
from stoa.http.cursors import paged, read_id
from stoa.http.desks import desk_of
from stoa.http.preconditions import expected_version
from stoa.workflows.teams import team_admin

STATUSES = ("incomplete", "active", "past_due", "suspended", "canceled", "closed")


def add_to(api: Api) -> None:
    """Register the routes."""

    @api.route(
        "GET",
        "/api/admin/teams",
        summary="All teams of the tenant",
        answer="AdminTeamListAnswer",
        parameters="AdminTeamParameters",
        paged=True,
        tags=("admin",),
    )
    def get_all_teams(request: Request) -> dict[str, Any]:
        """With their owners, newest first, closed ones included."""
        status = request.query.get("status") or None
        if status not in (None, *STATUSES):
            raise InvalidFields([FieldProblem("status", f"one of {', '.join(STATUSES)}")])
        desk = desk_of(request)
        return paged(
            team_admin.list_teams(desk, status=status, before=read_id(request.cursor()), limit=request.limit())
        )

    @api.route(
        "GET",
        "/api/admin/teams/{teamId}",
        summary="A team of the tenant",
        answer="AdminTeamAnswer",
        tags=("admin",),
    )
    def get_any_team(request: Request) -> dict[str, Any]:
        """Plan, period, tokens left and owner."""
        return {"data": team_admin.read_team(desk_of(request), _team_id(request))}

    @api.route(
        "PATCH",
        "/api/admin/teams/{teamId}",
        summary="Change a team's plan",
        body="TeamChange",
        answer="AdminTeamAnswer",
        parameters="EditParameters",
        errors=(409,),
        tags=("admin",),
    )
    def patch_any_team(request: Request) -> dict[str, Any]:
        """What is sent is written, what is not is kept. It holds from the next message on."""
        admin, given = request.admin(), request.body().given()
        version = expected_version(request.event, given.pop("version", None))
        desk = desk_of(request)
        return {"data": team_admin.change_team(desk, admin, _team_id(request), given, version=version)}

    @api.route(
        "POST",
        "/api/admin/teams/{teamId}/activate",
        summary="Switch a team on",
        answer="AdminTeamAnswer",
        parameters="EditParameters",
        errors=(409,),
        tags=("admin",),
    )
    def post_activate(request: Request) -> dict[str, Any]:
        """Its members may use the models of its plan from now on. Its periods begin on this day of the month. Send the
        version that you looked at: the team's own people may change what it gives them until it is switched on."""
        version = expected_version(request.event, None)
        return {"data": team_admin.activate(desk_of(request), _team_id(request), version=version)}

    @api.route(
        "POST",
        "/api/admin/teams/{teamId}/suspend",
        summary="Switch a team off",
        answer="AdminTeamAnswer",
        errors=(409,),
        tags=("admin",),
    )
    def post_suspend(request: Request) -> dict[str, Any]:
        """Its members lose its access with their next message. Nothing else of it changes."""
        return {"data": team_admin.suspend(desk_of(request), _team_id(request))}


def _team_id(request: Request) -> UUID:
    return request.identifier("teamId", "team")
