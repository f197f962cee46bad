"""Schedules and their runs as their owner is shown them."""

from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from msgspec import Struct

from stoa.core.errors import InvalidFields
from stoa.core.values import Private
from stoa.domain.schedules.cadence import Cadence, read_cadence
from stoa.domain.schedules.cron_words import instant_words
from stoa.store.operations.mail_outbox import MailStanding
from stoa.store.schedules.own_runs import OwnRun
from stoa.store.schedules.schedules import Schedule

DeliveryStatus = Literal["pending", "delivered", "failed"]

_OF_MAIL: dict[str, DeliveryStatus] = {"queued": "pending", "sent": "delivered", "dead": "failed"}
_OF_RUN: dict[str, DeliveryStatus] = {"pending": "pending", "delivered": "delivered", "failed": "failed"}
SHOWN_CHARACTERS = 2000  # of an output in a list; alone it is shown whole


class ShownSchedule(Private, frozen=True):
    """A schedule, its rhythm in plain words, and the new secret of its webhook where one was just made."""

    schedule: Schedule
    description: str
    webhook_secret: str | None = None


class PlannedTime(Struct, frozen=True):
    """A time at which a schedule would run: in UTC, by the clocks of its zone, and in plain words."""

    at: datetime
    local: datetime
    words: str


class Preview(Struct, frozen=True):
    """A rhythm in plain words, with its next times."""

    description: str
    next_runs: list[PlannedTime]


class RunError(Struct, frozen=True):
    """The reason for which a run failed, for its owner."""

    code: str
    message: str


class ShownDelivery(Struct, frozen=True):
    """The state of a delivery. `link` leads to a stored output, where a link was asked for."""

    status: DeliveryStatus
    attempts: int
    delivered_at: datetime | None
    error: str | None
    link: str | None = None


class ShownRun(Private, frozen=True):
    """A run with its output, or with the beginning of it. `charge` is in USD."""

    id: UUID
    schedule_id: UUID
    trigger: Literal["schedule", "manual"]
    status: str
    planned_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    attempts: int
    output: str | None
    output_truncated: bool
    model_id: str | None
    conversation_id: UUID | None
    input_tokens: int | None
    output_tokens: int | None
    charge: Decimal | None
    latency_ms: int | None
    error: RunError | None
    delivery: ShownDelivery | None


def cadence_of(schedule: Schedule) -> Cadence:
    """Returns the rhythm of a saved schedule."""
    return read_cadence(schedule.rhythm, schedule.anchor)


def shown_schedule(schedule: Schedule, webhook_secret: str | None = None) -> ShownSchedule:
    """Returns a schedule as it is shown. A secret that is not new is never shown again."""
    return ShownSchedule(schedule, _words(schedule), webhook_secret)


def _words(schedule: Schedule) -> str:
    try:
        return cadence_of(schedule).words()
    except InvalidFields:  # its zone was lost; the owner must still find it to set another one
        return "Never: its times cannot be reckoned any more"


def preview_of(cadence: Cadence, now: datetime) -> Preview:
    """Returns a rhythm in plain words, and its next times."""
    zone = ZoneInfo(cadence.time_zone)
    times = [PlannedTime(at, at.astimezone(zone), instant_words(at, zone)) for at in cadence.upcoming(now)]
    return Preview(cadence.words(), times)


def is_by_mail(run: OwnRun) -> bool:
    """Returns whether the run was handed to the outbox, where its delivery stands."""
    return run.delivery_status == "delivered" and run.delivery_attempts == 0


def shown_run(run: OwnRun, mail: MailStanding | None = None) -> ShownRun:
    """Returns a run, with as much of its output as the query brought."""
    return ShownRun(
        id=run.id,
        schedule_id=run.schedule_id,
        trigger="schedule" if run.trigger == "clock" else "manual",
        status=run.status,
        planned_at=run.planned_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        attempts=run.attempts,
        output=run.output_start,
        output_truncated=(run.output_length or 0) > len(run.output_start or ""),
        model_id=run.model_id,
        conversation_id=run.conversation_id,
        input_tokens=run.input_tokens,
        output_tokens=run.output_tokens,
        charge=run.charge,
        latency_ms=run.latency_ms,
        error=RunError(run.error_code, run.error_message or "") if run.error_code else None,
        delivery=_by_mail(mail) if is_by_mail(run) else _by_worker(run),
    )


def _by_worker(run: OwnRun) -> ShownDelivery | None:
    if run.delivery_status is None:
        return None
    return ShownDelivery(_OF_RUN[run.delivery_status], run.delivery_attempts, run.delivered_at, run.delivery_error)


def _by_mail(mail: MailStanding | None) -> ShownDelivery | None:
    if mail is None:  # the outbox forgets mails after a while: workflows/operations/send_mail.py
        return None
    if mail.status == "sent":
        return ShownDelivery("delivered", mail.attempts, mail.settled_at, None)
    error = mail.last_error and f"the mail was not taken ({mail.last_error})"
    return ShownDelivery(_OF_MAIL[mail.status], mail.attempts, None, error)
