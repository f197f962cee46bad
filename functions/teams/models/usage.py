"""What a team used."""

from typing import Literal

from pydantic import Field

from stoa.http.fields import NextPage
from stoa.http.schemas import AnswerSchema, Id


class UsagePeriod(AnswerSchema):
    """The period that is told of."""

    starts_on: str
    ends_on: str


class MemberTokens(AnswerSchema):
    """One member's sum."""

    user_id: Id
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

    id: Id
    user_id: Id
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
    meta: NextPage
