"""Requests and answers about the members of a team and its invitations."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from stoa.http.request_schemas import Schema
from stoa.http.schemas import AnswerSchema, DataAnswer, Id, Instant, PageAnswer

from .fields import Email, Role, TeamType, Tokens


class Invite(Schema):
    """An invitation."""

    email: Email = Field(examples=["ben@example.com"])
    role: Literal["admin", "member"] = "member"


class RoleChange(Schema):
    """A member's new role."""

    role: Literal["admin", "member"] = Field(examples=["admin"])


class Allocation(Schema):
    """A member's own tokens."""

    tokens: Tokens | None = Field(description="Of each period; null: none of their own.", examples=[250000])


class Transfer(Schema):
    """The new owner."""

    user_id: Annotated[UUID, Field(strict=False)] = Field(examples=["01890a5d-ac96-774b-bcce-b302099a8057"])


class TeamMember(AnswerSchema):
    """Somebody in a team, or an invitation that nobody has taken up."""

    id: Id
    user_id: Id | None = Field(description="Null: an invitation.")
    email: str | None
    display_name: str | None
    role: Role
    status: Literal["invited", "active", "removed", "declined"]
    allocation: int | None = Field(description="Tokens of each period; null: the pool alone is the limit.")
    tokens_used: int = Field(description="In the present period.")
    joined_at: Instant | None
    invitation_expires_at: Instant | None


class TeamMemberAnswer(DataAnswer[TeamMember]):
    """A member of a team."""


class TeamMemberListAnswer(PageAnswer[TeamMember]):
    """Members and invitations, oldest first."""


class Invitation(AnswerSchema):
    """An invitation for the member."""

    id: Id
    team_id: Id = Field(description="For accept and decline.")
    team_name: str
    team_type: TeamType
    role: Role
    invited_by: str | None
    created_at: Instant
    expires_at: Instant


class InvitationListAnswer(DataAnswer[list[Invitation]]):
    """Open invitations, newest first."""


class Declined(AnswerSchema):
    """An invitation that was declined."""

    team_id: Id
    status: Literal["declined"]


class DeclinedAnswer(DataAnswer[Declined]):
    """A declined invitation."""
