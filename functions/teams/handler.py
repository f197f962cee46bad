"""Teams: made and kept by their own people, joined by invitation, switched on by the tenant's admins."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from stoa.admin_desk import Desk
from stoa.api import Api, Request, make_cursor
from stoa.domain.text import storable
from stoa.errors import InvalidFields
from stoa.identity import Member
from stoa.pages import Page, read_place
from stoa.preconditions import expected_version
from stoa.settings import settings
from stoa.team_desk import TeamDesk
from stoa.workflows import team_admin, team_members, team_usage, teams

api = Api(__name__)
handler = api

STATUSES = ("incomplete", "active", "past_due", "suspended", "canceled", "closed")
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
    return {"data": teams.create_team(_desk(request), request.body().given())}


@api.route("GET", "/api/teams", summary="Own teams", answer="TeamListAnswer", paged=True, tags=("teams",))
def get_teams(request: Request) -> dict[str, Any]:
    """Teams that the member is in, with their part in each, newest first."""
    return _paged(teams.list_teams(_desk(request), before=_place(request), limit=request.limit()))


@api.route(
    "GET",
    "/api/teams/invitations",
    summary="Invitations for oneself",
    answer="InvitationListAnswer",
    tags=("teams",),
)
def get_invitations(request: Request) -> dict[str, Any]:
    """Open invitations for the e-mail that the member signs in with, newest first."""
    return {"data": team_members.list_invitations(_desk(request))}


@api.route("GET", "/api/teams/{teamId}", summary="One team", answer="TeamAnswer", tags=("teams",))
def get_team(request: Request) -> dict[str, Any]:
    """Plan, period, tokens left, and the member's own part. A team that the member is not in is 404 on every route."""
    return {"data": teams.read_team(_desk(request), _team_id(request))}


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
    given = request.body().given()
    version = expected_version(request.event, given.pop("version", None))
    return {"data": teams.change_team(_desk(request), _team_id(request), given, version=version)}


@api.route("DELETE", "/api/teams/{teamId}", summary="Close a team", answer="TeamAnswer", errors=(409,), tags=("teams",))
def delete_team(request: Request) -> dict[str, Any]:
    """For its owner. Everyone in it loses its access with their next message; what was used stays on the ledger."""
    return {"data": teams.close_team(_desk(request), _team_id(request))}


@api.route(
    "GET",
    "/api/teams/{teamId}/members",
    summary="Who is in a team",
    answer="TeamMemberListAnswer",
    paged=True,
    tags=("teams",),
)
def get_members(request: Request) -> dict[str, Any]:
    """Active members and open invitations with the tokens that each used in this period, oldest first."""
    page = teams.list_members(_desk(request), _team_id(request), after=_place(request), limit=request.limit())
    return _paged(page)


@api.route(
    "POST",
    "/api/teams/{teamId}/members",
    summary="Invite somebody",
    body="Invite",
    answer="TeamMemberAnswer",
    status=201,
    errors=(409, 429),
    tags=("teams",),
)
def post_member(request: Request) -> dict[str, Any]:
    """By e-mail; it holds for 14 days and takes a place until then. Admins of a team invite members, its owner also
    admins."""
    body = request.body()
    invited = team_members.invite(
        _desk(request), _team_id(request), email=body.email, role=body.role, client_url=settings().client_url
    )
    return {"data": invited}


@api.route(
    "PATCH",
    "/api/teams/{teamId}/members/{userId}",
    summary="Change a member's role",
    body="RoleChange",
    answer="TeamMemberAnswer",
    errors=(409,),
    tags=("teams",),
)
def patch_member(request: Request) -> dict[str, Any]:
    """For the owner. `userId` is a user's id, or an invitation's `id`."""
    role = request.body().role
    return {"data": team_members.set_role(_desk(request), _team_id(request), _who(request), role)}


@api.route(
    "DELETE",
    "/api/teams/{teamId}/members/{userId}",
    summary="Remove a member, or leave",
    answer="TeamMemberAnswer",
    errors=(409,),
    tags=("teams",),
)
def delete_member(request: Request) -> dict[str, Any]:
    """`userId` is a user's id, one's own to leave, or an invitation's `id` to take it back. Who was removed can be
    invited again. The owner hands over first (409 `OWNER_STAYS`)."""
    return {"data": team_members.remove(_desk(request), _team_id(request), _who(request))}


@api.route(
    "PUT",
    "/api/teams/{teamId}/members/{userId}/allocation",
    summary="Allot tokens to a member",
    body="Allocation",
    answer="TeamMemberAnswer",
    tags=("teams",),
)
def put_allocation(request: Request) -> dict[str, Any]:
    """Tokens of each period that the member may use; the pool holds beside them. Null takes the allotment back: then
    the pool alone is the limit where it is shared, and the member has nothing where it is not."""
    tokens = request.body().tokens
    return {"data": team_members.allocate(_desk(request), _team_id(request), _who(request), tokens)}


@api.route(
    "POST",
    "/api/teams/{teamId}/accept",
    summary="Join a team",
    answer="TeamAnswer",
    errors=(410,),
    tags=("teams",),
)
def post_accept(request: Request) -> dict[str, Any]:
    """For whoever signs in with the e-mail that was invited. An invitation that has expired is 410."""
    return {"data": team_members.accept(_desk(request), _team_id(request))}


@api.route(
    "POST",
    "/api/teams/{teamId}/decline",
    summary="Decline an invitation",
    answer="DeclinedAnswer",
    tags=("teams",),
)
def post_decline(request: Request) -> dict[str, Any]:
    """For whoever signs in with the e-mail that was invited."""
    return {"data": team_members.decline(_desk(request), _team_id(request))}


@api.route(
    "POST",
    "/api/teams/{teamId}/transfer",
    summary="Hand a team over",
    body="Transfer",
    answer="TeamAnswer",
    tags=("teams",),
)
def post_transfer(request: Request) -> dict[str, Any]:
    """For the owner: another active member becomes the owner, who had it an admin."""
    return {"data": team_members.transfer(_desk(request), _team_id(request), request.body().user_id)}


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
        model_id=_text(request, "modelId"),
        day=_day(request, "day"),
    )
    told = team_usage.read_usage(
        _desk(request), _team_id(request), wanted, before=_place(request), limit=request.limit()
    )
    last = told["meta"]["nextCursor"]
    return {"data": told["data"], "meta": {"nextCursor": last and make_cursor(last)}}


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
    status = _text(request, "status")
    if status not in (None, *STATUSES):
        raise InvalidFields([{"path": "status", "reason": f"one of {', '.join(STATUSES)}"}])
    desk = _admin_desk(request, request.admin())
    return _paged(team_admin.list_teams(desk, status=status, before=_place(request), limit=request.limit()))


@api.route(
    "GET",
    "/api/admin/teams/{teamId}",
    summary="A team of the tenant",
    answer="AdminTeamAnswer",
    tags=("admin",),
)
def get_any_team(request: Request) -> dict[str, Any]:
    """Plan, period, tokens left and owner."""
    return {"data": team_admin.read_team(_admin_desk(request, request.admin()), _team_id(request))}


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
    desk = _admin_desk(request, admin)
    return {"data": team_admin.change_team(desk, admin, _team_id(request), given, version=version)}


@api.route(
    "POST",
    "/api/admin/teams/{teamId}/activate",
    summary="Switch a team on",
    answer="AdminTeamAnswer",
    errors=(409,),
    tags=("admin",),
)
def post_activate(request: Request) -> dict[str, Any]:
    """Its members may use the models of its plan from now on. Its periods begin on this day of the month."""
    return {"data": team_admin.activate(_admin_desk(request, request.admin()), _team_id(request))}


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
    return {"data": team_admin.suspend(_admin_desk(request, request.admin()), _team_id(request))}


def _desk(request: Request) -> TeamDesk:
    member = request.member()
    return TeamDesk(request.database, member, _verified_email(request), datetime.now(UTC))


def _verified_email(request: Request) -> str | None:
    """The e-mail that invitations are compared with. An issuer that calls it unverified is believed."""
    authorizer = (request.event.get("requestContext") or {}).get("authorizer") or {}
    claims = (authorizer.get("jwt") or {}).get("claims") or {}
    email = request.principal().email
    if email is None or str(claims.get("email_verified", "true")).lower() == "false":
        return None
    return email.lower()


def _admin_desk(request: Request, admin: Member) -> Desk:
    return Desk(request.database, admin.tenant_id, request.actor(admin), datetime.now(UTC))


def _team_id(request: Request) -> UUID:
    return request.identifier("teamId", "team")


def _who(request: Request) -> UUID:
    return request.identifier("userId", "member")


def _place(request: Request) -> UUID | None:
    (place,) = read_place(request.cursor(), UUID) or (None,)
    return place


def _text(request: Request, name: str) -> str | None:
    text = request.query.get(name)
    try:
        if not text or len(text) <= MOST_FILTER_CHARACTERS:
            return storable(text) if text else None
    except ValueError as error:
        raise InvalidFields([{"path": name, "reason": "it holds characters that nothing here can have"}]) from error
    raise InvalidFields([{"path": name, "reason": f"at most {MOST_FILTER_CHARACTERS} characters"}])


def _user_id(request: Request) -> UUID | None:
    text = request.query.get("userId")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidFields([{"path": "userId", "reason": "a user's id, as the answers give it"}]) from error


def _day(request: Request, name: str) -> date | None:
    text = request.query.get(name)
    if not text:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidFields([{"path": name, "reason": "a day such as 2026-03-31"}]) from error
    if not 2000 <= day.year <= 2200:
        raise InvalidFields([{"path": name, "reason": "a day of the years 2000 to 2200"}])
    return day


def _paged(page: Page) -> dict[str, Any]:
    return {"data": page.rows, "meta": {"nextCursor": None if page.cursor is None else make_cursor(*page.cursor)}}
