"""Usage of a team."""

from typing import Literal, Self

from pydantic import Field

from stoa.http.cursors import cursor_of
from stoa.http.fields import NextPage
from stoa.http.schemas import AnswerSchema, Day, Id, Instant, ModelId
from stoa.workflows.teams.team_usage import TeamUsageReport


class UsagePeriod(AnswerSchema):
    """The period that is told of."""

    starts_on: Day
    ends_on: Day


class MemberTokens(AnswerSchema):
    """The sum of a member."""

    user_id: Id
    email: str | None
    messages: int
    tokens: int


class ModelTokens(AnswerSchema):
    """The sum of a model."""

    model_id: ModelId
    messages: int
    tokens: int


class DayTokens(AnswerSchema):
    """The sum of a day."""

    day: Day
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
    """A message that the team paid for."""

    id: Id
    user_id: Id
    email: str | None
    model_id: ModelId
    day: Day
    created_at: Instant
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
    """The usage of a team."""

    data: TeamUsage
    meta: NextPage

    @classmethod
    def of(cls, report: TeamUsageReport) -> Self:
        """Returns the answer for one page of a report."""
        data = {"period": report.period, "stats": report.stats, "log": report.page.rows}
        return cls.model_validate({"data": data, "meta": {"next_cursor": cursor_of(report.page)}})
