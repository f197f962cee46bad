"""A team: made, changed, shown to its members."""

from typing import Self

from pydantic import Field, model_validator

from stoa.http.fields import Part, Version
from stoa.http.request_schemas import Schema
from stoa.http.schemas import AnswerSchema, DataAnswer, Day, Id, Instant, PageAnswer

from .fields import Email, Models, Name, PoolTokens, Role, Size, TeamStatus, TeamType


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


class TeamChange(Part):
    """A change in part."""

    name: Name = Field("", examples=["Lions"])
    type: TeamType = Field("team", examples=["team"])
    max_members: Size = Field(1, examples=[10])
    total_tokens_monthly: PoolTokens = Field(1, examples=[5000000])
    shared_pool: bool = True
    billing_email: Email | None = Field(None, description="Null: none.")
    models: Models = Field([], examples=[["gpt-4o"]])
    version: Version | None = Field(None, description="The version you read. Another one now: 409.", examples=[3])

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set - {"version"}:
            raise ValueError("send at least one field to change")
        return self


class TeamPeriod(AnswerSchema):
    """The present period, by the tenant's calendar."""

    starts_on: Day
    ends_on: Day = Field(description="The first day of the next one.")
    reset_at: Instant
    tokens_used: int = Field(description="What messages under way hold included.")
    tokens_remaining: int


class OwnTokens(AnswerSchema):
    """The member's part of the present period."""

    allotted: int | None = Field(description="Null: the pool alone is the limit.")
    used: int
    remaining: int | None = Field(description="Of the allotment.")


class TeamPlan(AnswerSchema):
    """The part of a team that everyone sees who may see the team."""

    id: Id
    name: str
    type: TeamType
    status: TeamStatus = Field(
        description="incomplete: not paid for yet; past_due: a month is not paid, asked for again."
    )
    gives_access: bool = Field(description="Whether its members may use its models now.")
    access_until: Instant | None = Field(description="When access ends unless it is paid on; null: no end is known.")
    max_members: int
    member_count: int = Field(description="Members and open invitations.")
    total_tokens_monthly: int
    shared_pool: bool
    models: list[str] = Field(description="That the plan covers.")
    billing_email: str | None = Field(description="For managers; null to others.")
    period: TeamPeriod | None = Field(description="Null: it was never switched on.")
    version: int
    created_at: Instant
    activated_at: Instant | None


class Team(TeamPlan):
    """A team that the member is in."""

    role: Role
    own_tokens: OwnTokens


class TeamAnswer(DataAnswer[Team]):
    """A team."""


class TeamListAnswer(PageAnswer[Team]):
    """Own teams, newest first."""
