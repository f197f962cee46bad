"""Routes for the members of a team and for its invitations."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.teams.app import app
from functions.teams.models import (
    Allocation,
    DeclinedAnswer,
    InvitationListAnswer,
    Invite,
    RoleChange,
    TeamAnswer,
    TeamMemberAnswer,
    TeamMemberListAnswer,
    Transfer,
)
from stoa.core.settings import settings
from stoa.http.cursors import id_after
from stoa.http.dependencies import AsMember
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, Limit, UuidText
from stoa.workflows.teams import team_members, teams

TeamId = Annotated[UuidText, Path(alias="teamId")]
UserId = Annotated[UuidText, Path(alias="userId")]


@app.get("/api/teams/invitations", summary="Invitations for oneself", tags=["teams"])
def get_invitations(caller: AsMember) -> InvitationListAnswer:
    """Open invitations for the e-mail that the member signs in with, newest first."""
    return InvitationListAnswer.of(team_members.list_invitations(caller))


@app.get("/api/teams/<teamId>/members", summary="Who is in a team", tags=["teams"])
def get_members(
    caller: AsMember, team_id: TeamId, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None
) -> TeamMemberListAnswer:
    """Active members and open invitations with the tokens that each used in this period, oldest first."""
    page = teams.list_members(caller, team_id, after=id_after(cursor), limit=limit)
    return TeamMemberListAnswer.of(page)


@app.post(
    "/api/teams/<teamId>/members",
    summary="Invite somebody",
    tags=["teams"],
    status_code=201,
    responses=errors(409, 429),
)
def post_member(caller: AsMember, team_id: TeamId, body: Invite) -> TeamMemberAnswer:
    """By e-mail; it holds for 14 days and takes a place until then. Admins of a team invite members, its owner also
    admins."""
    invited = team_members.invite(caller, team_id, email=body.email, role=body.role, client_url=settings().client_url)
    return TeamMemberAnswer.of(invited)


@app.patch(
    "/api/teams/<teamId>/members/<userId>", summary="Change a member's role", tags=["teams"], responses=errors(409)
)
def patch_member(caller: AsMember, team_id: TeamId, user_id: UserId, body: RoleChange) -> TeamMemberAnswer:
    """For the owner. `userId` is a user's id, or an invitation's `id`."""
    role = body.role
    return TeamMemberAnswer.of(team_members.set_role(caller, team_id, user_id, role))


@app.delete(
    "/api/teams/<teamId>/members/<userId>", summary="Remove a member, or leave", tags=["teams"], responses=errors(409)
)
def delete_member(caller: AsMember, team_id: TeamId, user_id: UserId) -> TeamMemberAnswer:
    """`userId` is a user's id, one's own to leave, or an invitation's `id` to take it back. Who was removed can be
    invited again. The owner hands over first (409 `OWNER_STAYS`)."""
    return TeamMemberAnswer.of(team_members.remove(caller, team_id, user_id))


@app.put("/api/teams/<teamId>/members/<userId>/allocation", summary="Allot tokens to a member", tags=["teams"])
def put_allocation(caller: AsMember, team_id: TeamId, user_id: UserId, body: Allocation) -> TeamMemberAnswer:
    """Tokens of each period that the member may use; the pool holds beside them. Null takes the allotment back:
    then the pool alone is the limit where it is shared, and the member has nothing where it is not."""
    tokens = body.tokens
    return TeamMemberAnswer.of(team_members.allocate(caller, team_id, user_id, tokens))


@app.post("/api/teams/<teamId>/accept", summary="Join a team", tags=["teams"], responses=errors(409, 410))
def post_accept(caller: AsMember, team_id: TeamId) -> TeamAnswer:
    """For whoever signs in with the e-mail that was invited. An invitation that has expired is 410."""
    return TeamAnswer.of(team_members.accept(caller, team_id))


@app.post("/api/teams/<teamId>/decline", summary="Decline an invitation", tags=["teams"])
def post_decline(caller: AsMember, team_id: TeamId) -> DeclinedAnswer:
    """For whoever signs in with the e-mail that was invited."""
    team_members.decline(caller, team_id)
    return DeclinedAnswer.of({"team_id": team_id, "status": "declined"})


@app.post("/api/teams/<teamId>/transfer", summary="Hand a team over", tags=["teams"], responses=errors(409))
def post_transfer(caller: AsMember, team_id: TeamId, body: Transfer) -> TeamAnswer:
    """For the owner: another active member becomes the owner, who had it an admin."""
    return TeamAnswer.of(team_members.transfer(caller, team_id, body.user_id))
