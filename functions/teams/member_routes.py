"""Who is in a team, and who is invited: routes of this function, in a file of their own."""

from typing import Any
from uuid import UUID

from stoa.core.settings import settings
from stoa.http.api import Api, Request
from stoa.http.cursors import paged, read_id
from stoa.http.desks import team_desk_of
from stoa.workflows.teams import team_members, teams


def add_to(api: Api) -> None:
    """Register the routes."""

    @api.route(
        "GET",
        "/api/teams/invitations",
        summary="Invitations for oneself",
        answer="InvitationListAnswer",
        tags=("teams",),
    )
    def get_invitations(request: Request) -> dict[str, Any]:
        """Open invitations for the e-mail that the member signs in with, newest first."""
        return {"data": team_members.list_invitations(team_desk_of(request))}

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
        page = teams.list_members(
            team_desk_of(request), _team_id(request), after=read_id(request.cursor()), limit=request.limit()
        )
        return paged(page)

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
        desk, body = team_desk_of(request), request.body()
        invited = team_members.invite(
            desk, _team_id(request), email=body.email, role=body.role, client_url=settings().client_url
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
        desk, role = team_desk_of(request), request.body().role
        return {"data": team_members.set_role(desk, _team_id(request), _who(request), role)}

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
        return {"data": team_members.remove(team_desk_of(request), _team_id(request), _who(request))}

    @api.route(
        "PUT",
        "/api/teams/{teamId}/members/{userId}/allocation",
        summary="Allot tokens to a member",
        body="Allocation",
        answer="TeamMemberAnswer",
        tags=("teams",),
    )
    def put_allocation(request: Request) -> dict[str, Any]:
        """Tokens of each period that the member may use; the pool holds beside them. Null takes the allotment back:
        then the pool alone is the limit where it is shared, and the member has nothing where it is not."""
        desk, tokens = team_desk_of(request), request.body().tokens
        return {"data": team_members.allocate(desk, _team_id(request), _who(request), tokens)}

    @api.route(
        "POST",
        "/api/teams/{teamId}/accept",
        summary="Join a team",
        answer="TeamAnswer",
        errors=(409, 410),
        tags=("teams",),
    )
    def post_accept(request: Request) -> dict[str, Any]:
        """For whoever signs in with the e-mail that was invited. An invitation that has expired is 410."""
        return {"data": team_members.accept(team_desk_of(request), _team_id(request))}

    @api.route(
        "POST",
        "/api/teams/{teamId}/decline",
        summary="Decline an invitation",
        answer="DeclinedAnswer",
        tags=("teams",),
    )
    def post_decline(request: Request) -> dict[str, Any]:
        """For whoever signs in with the e-mail that was invited."""
        return {"data": team_members.decline(team_desk_of(request), _team_id(request))}

    @api.route(
        "POST",
        "/api/teams/{teamId}/transfer",
        summary="Hand a team over",
        body="Transfer",
        answer="TeamAnswer",
        errors=(409,),
        tags=("teams",),
    )
    def post_transfer(request: Request) -> dict[str, Any]:
        """For the owner: another active member becomes the owner, who had it an admin."""
        return {"data": team_members.transfer(team_desk_of(request), _team_id(request), request.body().user_id)}


def _team_id(request: Request) -> UUID:
    return request.identifier("teamId", "team")


def _who(request: Request) -> UUID:
    return request.identifier("userId", "member")
