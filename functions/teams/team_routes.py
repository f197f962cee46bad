"""Teams: made and kept by their own people, joined by invitation, switched on by the tenant's admins."""

from datetime import date
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator

from functions.teams.app import app
from functions.teams.models import TeamAnswer, TeamChange, TeamCreate, TeamListAnswer, TeamUsageAnswer
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsMember
from stoa.http.errors import errors
from stoa.http.parameters import (
    DEFAULT_PAGE,
    TEXT,
    Cursor,
    IfMatch,
    Limit,
    UuidText,
    expected_version,
    short_text,
)
from stoa.http.parameters import day as read_day
from stoa.http.parameters import user_id as read_user_id
from stoa.workflows.teams import team_usage, teams

MOST_FILTER_CHARACTERS = 200

TeamId = Annotated[UuidText, Path(alias="teamId")]
PeriodFilter = Annotated[
    date | None,
    BeforeValidator(read_day),
    TEXT,
    Query(alias="period", description="A day of the period, such as 2026-03-31; else that of `day`, or of today."),
]
DayFilter = Annotated[
    date | None, BeforeValidator(read_day), TEXT, Query(alias="day", description="Of one day of the tenant's calendar.")
]
UserIdFilter = Annotated[
    UUID | None, BeforeValidator(read_user_id), TEXT, Query(alias="userId", description="Of one member.")
]
ModelIdFilter = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_FILTER_CHARACTERS)),
    TEXT,
    Query(alias="modelId", description="To one model."),
]


@app.post("/api/teams", summary="Make a team", tags=["teams"], status_code=201, responses=errors(409))
def post_team(caller: AsMember, body: TeamCreate) -> TeamAnswer:
    """The member becomes its owner. It gives access to nothing until an admin of the tenant, or its subscription, has
    switched it on. Without `models` the plan covers every premium model that the tenant sells now."""
    return TeamAnswer.of(teams.create_team(caller, body.given()))


@app.get("/api/teams", summary="Own teams", tags=["teams"])
def get_teams(caller: AsMember, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None) -> TeamListAnswer:
    """Teams that the member is in, with their part in each, newest first."""
    return TeamListAnswer.of(teams.list_teams(caller, before=id_after(cursor), limit=limit))


@app.get("/api/teams/<teamId>", summary="One team", tags=["teams"])
def get_team(caller: AsMember, team_id: TeamId) -> TeamAnswer:
    """Plan, period, tokens left, and the member's own part. A team that the member is not in is 404 on every route."""
    return TeamAnswer.of(teams.read_team(caller, team_id))


@app.patch("/api/teams/<teamId>", summary="Change a team", tags=["teams"], responses=errors(409))
def patch_team(caller: AsMember, team_id: TeamId, body: TeamChange, if_match: IfMatch = None) -> TeamAnswer:
    """For its owner and admins. What is sent is written, what is not is kept. Type, size, tokens and models can be
    changed until the team is switched on, and afterwards within what its plan has (else 409 `PLAN_FIXED`)."""
    given = body.given()
    version = expected_version(if_match, given.pop("version", None))
    return TeamAnswer.of(teams.change_team(caller, team_id, given, version=version))


@app.delete("/api/teams/<teamId>", summary="Close a team", tags=["teams"], responses=errors(409))
def delete_team(caller: AsMember, team_id: TeamId) -> TeamAnswer:
    """For its owner. Everyone in it loses its access with their next message; what was used stays on the ledger."""
    return TeamAnswer.of(teams.close_team(caller, team_id))


@app.get("/api/teams/<teamId>/usage", summary="What a team used", tags=["teams"])
def get_usage(
    caller: AsMember,
    team_id: TeamId,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
    period: PeriodFilter = None,
    user_id: UserIdFilter = None,
    model_id: ModelIdFilter = None,
    day: DayFilter = None,
) -> TeamUsageAnswer:
    """Messages that the team paid for in one period, newest first, and on the first page their sums by member, model
    and day. Members see their own, owner and admins everyone's. A message under way is in it with its estimate."""
    wanted = team_usage.Wanted(
        period_day=period,
        user_id=user_id,
        model_id=model_id,
        day=day,
    )
    report = team_usage.read_usage(caller, team_id, wanted, before=id_after(cursor), limit=limit)
    return TeamUsageAnswer.of(report)
