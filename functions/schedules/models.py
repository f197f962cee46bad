"""Requests and answers of scheduled prompts."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from msgspec.structs import asdict
from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from stoa.http.fields import Identifier, Part
from stoa.http.request_schemas import EmailAddress, Schema
from stoa.http.schemas import AnswerSchema, DataAnswer, ExactAmount, Id, Instant, ModelId, PageAnswer
from stoa.workflows.schedules.views import ShownSchedule

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
LONGEST_PROMPT = 20_000  # all of a member's, 50 at most, fit into one answer of Lambda's, which holds 6 MB
Prompt = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_PROMPT)]
Kind = Literal["once", "cron", "interval"]
Destination = Literal["email", "webhook", "storage"]
MissedRuns = Literal["run_once", "skip"]


def _moment(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):  # a number, too, which pydantic would take for seconds since 1970
        raise ValueError("Input should be a date and time as text, such as 2026-07-03T09:00:00Z") from None


Moment = Annotated[
    datetime, BeforeValidator(_moment), Field(strict=False), WithJsonSchema({"type": "string", "format": "date-time"})
]
LocalTime = Annotated[
    str,
    BeforeValidator(lambda value: value.isoformat(timespec="seconds") if isinstance(value, datetime) else value),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
CronExpression = Annotated[str, StringConstraints(max_length=200)]

# What the API calls otherwise than the rules do.
_INNER_NAMES = {"model": "model_id", "type": "kind", "timezone": "time_zone"}


class Fields(Schema):
    """Fields of a schedule, under the names by which the rules know them."""

    def fields(self) -> dict[str, Any]:
        """The fields that the client sent."""
        return {_INNER_NAMES.get(name, name): value for name, value in self.given().items()}


class CadencePreview(Fields):
    """A rhythm to look at."""

    type: Kind = Field(examples=["cron"])
    cron_expression: CronExpression | None = Field(
        None,
        description="For `cron`: minute, hour, day of the month, month, weekday.",
        examples=["0 9 * * MON-FRI"],
    )
    run_at: Moment | None = Field(
        None, description="For `once`. Without an offset it is a time of the zone's clocks.", examples=[None]
    )
    interval_minutes: int | None = Field(None, description="For `interval`: 5 or more.", examples=[None])
    timezone: Identifier = Field("UTC", description="IANA's name.", examples=["America/New_York"])


class NewSchedule(CadencePreview):
    """A prompt that runs by itself."""

    name: Name = Field(examples=["Morning thoughts"])
    prompt: Prompt = Field(description="What is sent to the model.", examples=["Give me one thought for the day."])
    model: Identifier = Field(description="One of our model ids, or `auto`.", examples=["gpt-4o-mini"])
    persona_id: Identifier | None = Field(None, description="The persona that answers.", examples=["marcus"])
    domain_mode: Identifier | None = Field(None, description="The field the prompt is in.", examples=["general"])
    max_runs: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        None, description="After so many runs by the clock it ends. Null: never."
    )
    missed_runs: MissedRuns = Field(
        "run_once",
        description="What becomes of times that passed while nothing could run: one run for all, or none.",
    )
    output_destination: Destination = Field(examples=["email"])
    notification_email: EmailAddress | None = Field(
        None,
        description="Where mail goes; null: to your own address.",
        examples=["ada@example.test"],
    )
    webhook_url: Annotated[str, StringConstraints(max_length=2000)] | None = Field(
        None, description="For `webhook`: an https address on the public internet.", examples=[None]
    )


class ScheduleChange(Part, Fields):
    """A change of a schedule: absent keeps, null clears. With another `type`, the old type's field is cleared."""

    name: Name = Field("-", examples=["Morning thoughts"])
    prompt: Prompt = Field("-", description="What is sent to the model.")
    model: Identifier = Field("-", description="One of our model ids, or `auto`.")
    persona_id: Identifier | None = Field(None, description="The persona that answers.")
    domain_mode: Identifier | None = Field(None, description="The field the prompt is in.")
    type: Kind = Field("cron", description="The kind of rhythm.")
    cron_expression: CronExpression | None = Field(
        None, description="For `cron`: minute, hour, day of the month, month, weekday."
    )
    run_at: Moment | None = Field(None, description="For `once`.")
    interval_minutes: int | None = Field(None, description="For `interval`: 5 or more.")
    timezone: Identifier = Field("UTC", description="IANA's name.")
    max_runs: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(None, description="Null: no end.")
    missed_runs: MissedRuns = Field("run_once", description="One run for all times that were missed, or none.")
    output_destination: Destination = Field("email", description="With another one, `webhookUrl` is cleared by itself.")
    notification_email: EmailAddress | None = Field(None, description="Where mail goes; null: to your own address.")
    webhook_url: Annotated[str, StringConstraints(max_length=2000)] | None = Field(
        None, description="For `webhook`: an https address on the public internet."
    )


class Schedule(AnswerSchema):
    """A scheduled prompt."""

    id: Id
    name: str
    prompt: str
    model: str
    persona_id: str | None
    domain_mode: str | None
    type: Kind
    cron_expression: str | None
    run_at: Instant | None
    interval_minutes: int | None
    timezone: str
    description: str = Field(description="The rhythm in plain words.", examples=["Every weekday at 09:00 (UTC)"])
    max_runs: int | None
    missed_runs: MissedRuns
    notification_email: str | None
    output_destination: Destination
    webhook_url: str | None
    is_active: bool
    inactive_reason: str | None = Field(
        description="paused, completed, max_runs, failing (five failures in a row) or owner_blocked"
    )
    next_run: Instant | None
    last_run: Instant | None = Field(description="When the newest run was planned for.")
    last_status: str | None = Field(description="Of the newest run: queued, running, succeeded, failed or cancelled.")
    run_count: int = Field(description="Runs by the clock, which `maxRuns` is held against.")
    total_runs: int = Field(description="All runs, those started by hand included.")
    failures_in_row: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, shown: ShownSchedule) -> Self:
        """Returns the answer for a schedule, under the names of the API."""
        saved = shown.schedule
        outer = {"model": saved.model_id, "type": saved.kind, "timezone": saved.time_zone}
        shown_once = {"description": shown.description, "webhook_secret": shown.webhook_secret}
        values = {**asdict(saved), **outer, **shown_once}
        return cls.model_validate({name: values[name] for name in cls.model_fields})


class ScheduleWithSecret(Schedule):
    """A schedule as it was just saved."""

    webhook_secret: str | None = Field(description="A new webhook's secret, shown this once; otherwise null.")


class ScheduleListAnswer(DataAnswer[list[Schedule]]):
    """Own schedules."""


class ScheduleAnswer(DataAnswer[Schedule]):
    """A schedule."""


class NewScheduleAnswer(DataAnswer[ScheduleWithSecret]):
    """The schedule as saved."""


class PlannedTime(AnswerSchema):
    """An instant."""

    at: Instant = Field(description="In UTC.")
    local: LocalTime = Field(description="As clocks in the schedule's zone show it.")
    words: str = Field(description="The same in plain words.", examples=["Friday 3 July 2026 at 09:00"])


class Preview(AnswerSchema):
    """A rhythm in plain words, with its next times."""

    description: str = Field(examples=["Every weekday at 09:00 (New York time)"])
    next_runs: list[PlannedTime] = Field(description="At most five.")


class PreviewAnswer(DataAnswer[Preview]):
    """A rhythm in words and times."""


class Secret(AnswerSchema):
    """Shown this once."""

    webhook_secret: str


class SecretAnswer(DataAnswer[Secret]):
    """The webhook's new secret."""


class RunError(AnswerSchema):
    """The reason for which a run failed."""

    code: str
    message: str


class Delivery(AnswerSchema):
    """The delivery of an output."""

    status: Literal["pending", "delivered", "failed"]
    attempts: int
    delivered_at: Instant | None
    error: str | None
    link: str | None = Field(description="Of a stored output, in the answer for one run alone.")


class Run(AnswerSchema):
    """A run of a schedule."""

    id: Id
    schedule_id: Id
    trigger: Literal["schedule", "manual"]
    status: Literal["queued", "running", "succeeded", "failed", "cancelled"]
    planned_at: Instant
    started_at: Instant | None
    ended_at: Instant | None
    attempts: int
    output: str | None
    output_truncated: bool = Field(description="True in a list, when the output is longer; alone it comes whole.")
    model_id: ModelId | None = Field(description="The model that answered.")
    conversation_id: Id | None
    input_tokens: int | None
    output_tokens: int | None
    charge: ExactAmount | None = Field(description="USD, exact.")
    latency_ms: int | None
    error: RunError | None
    delivery: Delivery | None = Field(description="Null: nothing to deliver, or a mail of more than 90 days ago.")


class RunAnswer(DataAnswer[Run]):
    """A run."""


class RunListAnswer(PageAnswer[Run]):
    """Runs, the newest first."""


class Deletion(AnswerSchema):
    """Confirms a deletion."""

    deleted: bool


class DeletedAnswer(DataAnswer[Deletion]):
    """It is gone."""
