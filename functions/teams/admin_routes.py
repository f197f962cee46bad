"""Teams in the hands of the tenant's admins: routes of this function, in a file of their own."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from functions.teams.app import app
from functions.teams.models import AdminTeamAnswer, AdminTeamListAnswer, TeamChange
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsAdmin
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, IfMatch, Limit, UuidText, expected_version, one_of
from stoa.workflows.teams import team_admin

STATUSES = ("incomplete", "active", "past_due", "suspended", "canceled", "closed")

StatusFilter = Annotated[
    str | None,
    BeforeValidator(one_of(STATUSES)),
    BeforeValidator(lambda status: status or None),
    WithJsonSchema({"type": "string", "enum": list(STATUSES)}),
    Query(alias="status", description="Only those that stand so."),
]
TeamId = Annotated[UuidText, Path(alias="teamId")]


@app.get("/api/admin/teams", summary="All teams of the tenant", tags=["admin"])
def get_all_teams(
    caller: AsAdmin, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None, status: StatusFilter = None
) -> AdminTeamListAnswer:
    """With their owners, newest first, closed ones included."""
    return AdminTeamListAnswer.of(team_admin.list_teams(caller, status=status, before=id_after(cursor), limit=limit))


@app.get("/api/admin/teams/<teamId>", summary="A team of the tenant", tags=["admin"])
def get_any_team(caller: AsAdmin, team_id: TeamId) -> AdminTeamAnswer:
    """Plan, period, tokens left and owner."""
    return AdminTeamAnswer.of(team_admin.read_team(caller, team_id))


@app.patch("/api/admin/teams/<teamId>", summary="Change a team's plan", tags=["admin"], responses=errors(409))
def patch_any_team(caller: AsAdmin, team_id: TeamId, body: TeamChange, if_match: IfMatch = None) -> AdminTeamAnswer:
    """Writes the fields that are sent and keeps the others. It holds from the next message on."""
    admin, given = caller.member, body.given()
    version = expected_version(if_match, given.pop("version", None))
    return AdminTeamAnswer.of(team_admin.change_team(caller, admin, team_id, given, version=version))


@app.post("/api/admin/teams/<teamId>/activate", summary="Switch a team on", tags=["admin"], responses=errors(409))
def post_activate(caller: AsAdmin, team_id: TeamId, if_match: IfMatch = None) -> AdminTeamAnswer:
    """Its members may use the models of its plan from now on. Its periods begin on this day of the month. Send the
    version that you looked at: the team's own people may change what it gives them until it is switched on."""
    version = expected_version(if_match)
    return AdminTeamAnswer.of(team_admin.activate(caller, team_id, version=version))


@app.post("/api/admin/teams/<teamId>/suspend", summary="Switch a team off", tags=["admin"], responses=errors(409))
def post_suspend(caller: AsAdmin, team_id: TeamId) -> AdminTeamAnswer:
    """Its members lose its access with their next message. Nothing else of it changes."""
    return AdminTeamAnswer.of(team_admin.suspend(caller, team_id))
