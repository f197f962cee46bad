"""Teams: made and kept by their own people, joined by invitation, switched on by the tenant's admins."""

from datetime import date
from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.http.api import Api, Request
from stoa.http.cursors import make_cursor, paged, read_id
from stoa.http.desks import team_desk_of
from stoa.http.preconditions import expected_version
from stoa.workflows.teams import team_usage, teams

from . import admin_routes, member_routes

api = Api(__name__)
handler = api
member_routes.add_to(api)
admin_routes.add_to(api)

MOST_FILTER_CHARACTERS = 200


@api.route(
    "POST",
    "/api/teams",
    summary="Make a team",
    body="TeamCreate",
    answer="TeamAnswer",
    status=201,
    errors=(409,),
    tags=("teams",),
)
def post_team(request: Request) -> dict[str, Any]:
    """The member becomes its owner. It gives access to nothing until an admin of the tenant, or its subscription, has
    switched it on. Without `models` the plan covers every premium model that the tenant sells now."""
    return {"data": teams.create_team(team_desk_of(request), request.body().given())}


@api.route("GET", "/api/teams", summary="Own teams", answer="TeamListAnswer", paged=True, tags=("teams",))
def get_teams(request: Request) -> dict[str, Any]:
    """Teams that the member is in, with their part in each, newest first."""
    return paged(teams.list_teams(team_desk_of(request), before=read_id(request.cursor()), limit=request.limit()))


@api.route("GET", "/api/teams/{teamId}", summary="One team", answer="TeamAnswer", tags=("teams",))
def get_team(request: Request) -> dict[str, Any]:
    """Plan, period, tokens left, and the member's own part. A team that the member is not in is 404 on every route."""
    return {"data": teams.read_team(team_desk_of(request), _team_id(request))}


@api.route(
    "PATCH",
    "/api/teams/{teamId}",
    summary="Change a team",
    body="TeamChange",
    answer="TeamAnswer",
    parameters="EditParameters",
    errors=(409,),
    tags=("teams",),
)
def patch_team(request: Request) -> dict[str, Any]:
    """For its owner and admins. What is sent is written, what is not is kept. Type, size, tokens and models can be
    changed until the team is switched on, and afterwards within what its plan has (else 409 `PLAN_FIXED`)."""
    desk, given = team_desk_of(request), request.body().given()
    version = expected_version(request.event, given.pop("version", None))
    return {"data": teams.change_team(desk, _team_id(request), given, version=version)}


@api.route("DELETE", "/api/teams/{teamId}", summary="Close a team", answer="TeamAnswer", errors=(409,), tags=("teams",))
def delete_team(request: Request) -> dict[str, Any]:
    """For its owner. Everyone in it loses its access with their next message; what was used stays on the ledger."""
    return {"data": teams.close_team(team_desk_of(request), _team_id(request))}


@api.route(
    "GET",
    "/api/teams/{teamId}/usage",
    summary="What a team used",
    answer="TeamUsageAnswer",
    parameters="TeamUsageParameters",
    paged=True,
    tags=("teams",),
)
def get_usage(request: Request) -> dict[str, Any]:
    """Messages that the team paid for in one period, newest first, and on the first page their sums by member, model
    and day. Members see their own, owner and admins everyone's. A message under way is in it with its estimate."""
    wanted = team_usage.Wanted(
        period_day=_day(request, "period"),
        user_id=_user_id(request),
        model_id=request.text("modelId", MOST_FILTER_CHARACTERS),
        day=_day(request, "day"),
    )
    told = team_usage.read_usage(
        team_desk_of(request), _team_id(request), wanted, before=read_id(request.cursor()), limit=request.limit()
    )
    last = told["meta"]["nextCursor"]
    return {"data": told["data"], "meta": {"nextCursor": last and make_cursor(last)}}


def _team_id(request: Request) -> UUID:
    return request.identifier("teamId", "team")


def _user_id(request: Request) -> UUID | None:
    text = request.query.get("userId")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidFields([FieldProblem("userId", "a user's id, as the answers give it")]) from error


def _day(request: Request, name: str) -> date | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidFields([FieldProblem(name, "a day such as 2026-03-31")]) from error
    if not 2000 <= day.year <= 2200:
        raise InvalidFields([FieldProblem(name, "a day of the years 2000 to 2200")])
    return day
