"""Requests and answers about teams."""

from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from stoa.schemas import AnswerSchema, Schema

TeamType = Literal["family", "team", "enterprise"]
TeamStatus = Literal["incomplete", "active", "past_due", "suspended", "canceled", "closed"]
Role = Literal["owner", "admin", "member"]
Email = Annotated[
    str,
    StringConstraints(pattern=r"^[^@\s\x00-\x1f\x7f<>,;]+@[^@\s\x00-\x1f\x7f<>,;]+$", min_length=3, max_length=320),
    AfterValidator(str.lower),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"\S")]
Size = Annotated[int, Field(ge=1, le=10_000)]
Tokens = Annotated[int, Field(ge=0, le=1_000_000_000_000)]
PoolTokens = Annotated[int, Field(ge=1, le=1_000_000_000_000)]


def _distinct(words: list[str]) -> list[str]:
    return list(dict.fromkeys(words))


Models = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=200)]],
    Field(max_length=500),
    AfterValidator(_distinct),
]


def _without_defaults(schema: dict[str, Any]) -> None:
    """What is not sent is kept, so the document must not promise a default for it."""
    for field in schema["properties"].values():
        field.pop("default", None)


class TeamCreate(Schema):
    """A new team."""

    name: Name = Field(examples=["Lions"])
    type: TeamType = Field(examples=["team"])
    max_members: Size = Field(description="Members and open invitations, the owner included.", examples=[10])
    total_tokens_monthly: PoolTokens = Field(description="Input and output tokens of all together.", examples=[5000000])
    shared_pool: bool = Field(True, description="False: each member may use what is allotted to them.")
    billing_email: Email | None = None
    models: Models | None = Field(
        None, description="Models that the plan covers. Without it: every premium model now.", examples=[["gpt-4o"]]
    )


class TeamChange(Schema):
    """A change in part."""

    name: Name = Field("", examples=["Lions"])
    type: TeamType = Field("team", examples=["team"])
    max_members: Size = Field(1, examples=[10])
    total_tokens_monthly: PoolTokens = Field(1, examples=[5000000])
    shared_pool: bool = True
    billing_email: Email | None = Field(None, description="Null: none.")
    models: Models = Field([], examples=[["gpt-4o"]])
    version: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = Field(
        None, description="The version you read. Another one now: 409.", examples=[3]
    )

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set - {"version"}:
            raise ValueError("send at least one field to change")
        return self


class EditParameters(Schema):
    """The version that was read, as a header."""

    if_match: str | None = Field(
        None,
        alias="If-Match",
        description="The version you read, where it is not in the body.",
        json_schema_extra={"in": "header"},
    )


class Invite(Schema):
    """Whom to invite."""

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


class TeamPeriod(AnswerSchema):
    """The present period, by the tenant's calendar."""

    starts_on: str
    ends_on: str = Field(description="The first day of the next one.")
    reset_at: str
    tokens_used: int = Field(description="What messages under way hold included.")
    tokens_remaining: int


class OwnTokens(AnswerSchema):
    """The member's part of the present period."""

    allotted: int | None = Field(description="Null: the pool alone is the limit.")
    used: int
    remaining: int | None = Field(description="Of the allotment.")


class TeamPlan(AnswerSchema):
    """What everyone who may see a team sees of it."""

    id: str
    name: str
    type: TeamType
    status: TeamStatus = Field(description="Only an active team gives access.")
    max_members: int
    member_count: int = Field(description="Members and open invitations.")
    total_tokens_monthly: int
    shared_pool: bool
    models: list[str] = Field(description="That the plan covers.")
    billing_email: str | None = Field(description="For managers; null to others.")
    period: TeamPeriod | None = Field(description="Null: it was never switched on.")
    version: int
    created_at: str
    activated_at: str | None


class Team(TeamPlan):
    """A team that the member is in."""

    role: Role
    own_tokens: OwnTokens


class TeamAnswer(AnswerSchema):
    """One team."""

    data: Team


class NextTeamPage(AnswerSchema):
    """Where the page ended."""

    next_cursor: str | None = Field(description="Send as `cursor` for the next page; null: this was the last one.")


class TeamListAnswer(AnswerSchema):
    """Own teams, newest first."""

    data: list[Team]
    meta: NextTeamPage


class TeamMember(AnswerSchema):
    """Somebody in a team, or an invitation that nobody has taken up."""

    id: str
    user_id: str | None = Field(description="Null: an invitation.")
    email: str | None
    display_name: str | None
    role: Role
    status: Literal["invited", "active", "removed", "declined"]
    allocation: int | None = Field(description="Tokens of each period; null: the pool alone is the limit.")
    tokens_used: int = Field(description="In the present period.")
    joined_at: str | None
    invitation_expires_at: str | None


class TeamMemberAnswer(AnswerSchema):
    """One member."""

    data: TeamMember


class TeamMemberListAnswer(AnswerSchema):
    """Members and invitations, oldest first."""

    data: list[TeamMember]
    meta: NextTeamPage


class Invitation(AnswerSchema):
    """An invitation for the member."""

    id: str
    team_id: str = Field(description="For accept and decline.")
    team_name: str
    team_type: TeamType
    role: Role
    invited_by: str | None
    created_at: str
    expires_at: str


class InvitationListAnswer(AnswerSchema):
    """Open invitations, newest first."""

    data: list[Invitation]


class Declined(AnswerSchema):
    """What was declined."""

    team_id: str
    status: Literal["declined"]


class DeclinedAnswer(AnswerSchema):
    """A declined invitation."""

    data: Declined


class TeamUsageParameters(Schema):
    """Which messages."""

    period: str | None = Field(None, description="A day of the period, such as 2026-03-31; else the present one.")
    user_id: str | None = Field(None, description="Of one member.")
    model_id: str | None = Field(None, description="To one model.")
    day: str | None = Field(None, description="Of one day of the tenant's calendar.")


class UsagePeriod(AnswerSchema):
    """The period that is told of."""

    starts_on: str
    ends_on: str


class MemberTokens(AnswerSchema):
    """One member's sum."""

    user_id: str
    email: str | None
    messages: int
    tokens: int


class ModelTokens(AnswerSchema):
    """One model's sum."""

    model_id: str
    messages: int
    tokens: int


class DayTokens(AnswerSchema):
    """One day's sum."""

    day: str
    messages: int
    tokens: int


class TeamStats(AnswerSchema):
    """Sums of all lines that match, not of the page alone."""

    messages: int
    tokens: int
    by_member: list[MemberTokens]
    by_model: list[ModelTokens]
    by_day: list[DayTokens]


class TeamUsageLine(AnswerSchema):
    """One message that the team paid for."""

    id: str
    user_id: str
    email: str | None
    model_id: str
    day: str
    created_at: str
    status: Literal["reserved", "completed", "partial"]
    input_tokens: int | None
    output_tokens: int | None
    tokens: int = Field(description="Taken from the pool; of a reserved message, held.")


class TeamUsage(AnswerSchema):
    """A page of the log and the sums."""

    period: UsagePeriod
    stats: TeamStats | None = Field(description="Null on further pages.")
    log: list[TeamUsageLine]


class TeamUsageAnswer(AnswerSchema):
    """What the team used."""

    data: TeamUsage
    meta: NextTeamPage


class AdminTeamParameters(Schema):
    """Which teams."""

    status: TeamStatus | None = Field(None, description="Only those that stand so.")


class TeamOwner(AnswerSchema):
    """Whose team it is."""

    user_id: str
    email: str | None


class AdminTeam(TeamPlan):
    """A team as the tenant's admins see it."""

    owner: TeamOwner | None


class AdminTeamAnswer(AnswerSchema):
    """One team of the tenant."""

    data: AdminTeam


class AdminTeamListAnswer(AnswerSchema):
    """Teams of the tenant, newest first."""

    data: list[AdminTeam]
    meta: NextTeamPage
