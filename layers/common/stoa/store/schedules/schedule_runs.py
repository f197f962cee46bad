"""Runs of scheduled prompts: planned once each, worked on under a lease, ended by the worker that holds them."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.core.values import Private
from stoa.database.pool import Connection, Rows, Statement, json_parameter

SUCCEEDED, FAILED = "succeeded", "failed"  # before: queued, running; instead: cancelled

# A planned run whose message did not reach the queue, because who planned it died, is sent again after this time.
UNSENT_LEASE = timedelta(minutes=1)

_PLAN = """
INSERT INTO schedule_runs (id, tenant_id, user_id, schedule_id, planned_at, trigger, lease_until)
SELECT r.id, :tenant_id ::uuid, r.user_id, r.schedule_id, r.planned_at, r.trigger, :lease_until ::timestamptz
FROM jsonb_to_recordset(:runs ::jsonb) AS r (
    id uuid, user_id uuid, schedule_id uuid, planned_at timestamptz, trigger text
)
ON CONFLICT (schedule_id, planned_at) DO NOTHING
RETURNING id
"""

_HAS_WORK = """
SELECT
    EXISTS (SELECT FROM schedules s WHERE s.tenant_id = :tenant_id ::uuid AND s.next_run <= :now ::timestamptz)
    OR EXISTS (SELECT FROM schedule_runs r WHERE r.tenant_id = :tenant_id AND r.lease_until <= :now)
    OR EXISTS (SELECT FROM schedule_runs r WHERE r.tenant_id = :tenant_id AND r.deliver_at <= :now) AS has_work
"""

# Runs that nobody works on any more: their message was lost, or their worker died. Taken by moving the lease.
_TAKE_LEFT = """
WITH left_alone AS (
    SELECT r.id FROM schedule_runs r
    WHERE r.tenant_id = :tenant_id ::uuid AND r.lease_until <= :now ::timestamptz
    ORDER BY r.lease_until
    LIMIT :rows ::int
    FOR UPDATE SKIP LOCKED
)
UPDATE schedule_runs r SET lease_until = :lease_until ::timestamptz, status = 'queued'
FROM left_alone
WHERE r.id = left_alone.id
RETURNING r.id
"""

_MARK_SENT = """
UPDATE schedule_runs r SET lease_until = :lease_until ::timestamptz
WHERE r.tenant_id = :tenant_id ::uuid AND r.id = ANY(:run_ids ::uuid[]) AND r.status = 'queued'
"""

_START = """
UPDATE schedule_runs r SET
    status = 'running', attempts = r.attempts + 1, lease_until = :lease_until ::timestamptz,
    started_at = coalesce(r.started_at, :now ::timestamptz)
FROM schedules s, users u
WHERE r.tenant_id = :tenant_id ::uuid AND r.id = :run_id ::uuid
    AND (r.status = 'queued' OR (r.status = 'running' AND r.lease_until <= :now))
    AND s.id = r.schedule_id AND u.id = r.user_id
RETURNING
    r.id, r.tenant_id, r.user_id, r.schedule_id, r.planned_at, r.attempts, r.started_at,
    s.name, s.prompt, s.model_id, s.persona_id, s.domain_mode, s.time_zone, s.notification_email,
    s.output_destination,
    u.subject, u.email, u.status AS owner_status
"""

# Only whoever still holds the run may end it: a worker that was too slow finds another number of attempts. Schedule
# first, run second, as its owner locks them who pauses or deletes: so nobody waits in a circle.
_END = """
WITH schedule AS MATERIALIZED (
    SELECT s.id FROM schedules s
    WHERE s.tenant_id = :tenant_id ::uuid AND s.id = :schedule_id ::uuid
    FOR NO KEY UPDATE
),
ended AS (
    UPDATE schedule_runs r SET
        status = :status ::text, lease_until = NULL, ended_at = :now ::timestamptz, model_id = :model_id,
        conversation_id = :conversation_id ::uuid, output = :output, input_tokens = :input_tokens,
        output_tokens = :output_tokens, charge = :charge ::numeric, latency_ms = :latency_ms,
        error_code = :error_code, error_message = :error_message, delivery_status = :delivery_status ::text,
        deliver_at = :deliver_at ::timestamptz, delivered_at = :delivered_at ::timestamptz
    FROM schedule
    WHERE r.tenant_id = :tenant_id AND r.id = :run_id ::uuid AND r.schedule_id = schedule.id
        AND r.status = 'running' AND r.attempts = :attempts
    RETURNING r.schedule_id
),
-- What deactivates a schedule is the number of failures with no success between them.
noted AS (
    UPDATE schedules s SET
        last_status = :status, failures_in_row = CASE WHEN :status = 'failed' THEN s.failures_in_row + 1 ELSE 0 END
    FROM ended
    WHERE s.tenant_id = :tenant_id AND s.id = ended.schedule_id
    RETURNING s.failures_in_row, s.is_active
)
SELECT
    (SELECT failures_in_row FROM noted) AS failures_in_row,
    (SELECT is_active FROM noted) AS is_active,
    CASE WHEN NOT EXISTS (SELECT FROM noted) THEN refuse('run_not_held') END
"""

_POSTPONE = """
UPDATE schedule_runs r SET status = 'queued', lease_until = :lease_until ::timestamptz
WHERE r.tenant_id = :tenant_id ::uuid AND r.id = :run_id ::uuid AND r.status = 'running' AND r.attempts = :attempts
"""

_HAS_OPEN = """
SELECT EXISTS (
    SELECT FROM schedule_runs r
    WHERE r.tenant_id = :tenant_id AND r.schedule_id = :schedule_id AND r.lease_until IS NOT NULL
) AS is_open
"""

_CANCEL_QUEUED = """
UPDATE schedule_runs r SET status = 'cancelled', lease_until = NULL, ended_at = :now
WHERE r.tenant_id = :tenant_id AND r.schedule_id = :schedule_id AND r.status = 'queued'
"""


class PlannedRun(Struct, frozen=True):
    """A run to be written. `trigger` is clock or owner."""

    id: UUID
    user_id: UUID
    schedule_id: UUID
    planned_at: datetime
    trigger: str


class StartedRun(Private, frozen=True):
    """A run that a worker has taken up, with its schedule and its owner. `attempts` counts this attempt, too."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    schedule_id: UUID
    planned_at: datetime
    attempts: int
    started_at: datetime
    name: str
    prompt: str
    model_id: str
    persona_id: str | None
    domain_mode: str | None
    time_zone: str
    notification_email: str | None
    output_destination: str
    subject: str
    email: str | None
    owner_status: str


class RunEnd(Private, frozen=True):
    """The end of a run: with an answer and the delivery to come, or with an error. `now` is the instant of the end."""

    status: str
    now: datetime
    latency_ms: int
    model_id: str | None = None
    conversation_id: UUID | None = None
    output: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    charge: Decimal | None = None
    error_code: str | None = None
    error_message: str | None = None
    delivery_status: str | None = None
    deliver_at: datetime | None = None
    delivered_at: datetime | None = None


class ScheduleState(Struct, frozen=True):
    """A schedule right after the end of one of its runs."""

    failures_in_row: int
    is_active: bool


def has_work(connection: Connection, tenant_id: UUID, now: datetime) -> bool:
    """Returns whether the tick has anything to do for the tenant."""
    return bool(connection.run(_HAS_WORK, tenant_id=tenant_id, now=now)[0]["has_work"])


def plan(connection: Connection, tenant_id: UUID, runs: Iterable[PlannedRun], lease_until: datetime) -> list[UUID]:
    """Writes planned runs and returns the ids of those that were new."""
    planned = json_parameter([asdict(run) for run in runs])
    rows = connection.run(_PLAN, tenant_id=tenant_id, runs=planned, lease_until=lease_until)
    return [row["id"] for row in rows]


def take_left(
    connection: Connection, tenant_id: UUID, now: datetime, *, lease_until: datetime, rows: int
) -> list[UUID]:
    """Takes runs whose lease is over, to be sent to workers anew."""
    taken = connection.run(_TAKE_LEFT, tenant_id=tenant_id, now=now, lease_until=lease_until, rows=rows)
    return [row["id"] for row in taken]


def mark_sent(connection: Connection, tenant_id: UUID, run_ids: Sequence[UUID], lease_until: datetime) -> None:
    """Notes that the messages of runs are in the queue. Workers have until `lease_until` to take them up."""
    connection.run(_MARK_SENT, tenant_id=tenant_id, run_ids=list(run_ids), lease_until=lease_until)


def start(
    connection: Connection, tenant_id: UUID, run_id: UUID, now: datetime, lease_until: datetime
) -> StartedRun | None:
    """Takes a run up. None: it has ended, is gone, or another worker holds it."""
    return connection.fetch_one(
        StartedRun, _START, tenant_id=tenant_id, run_id=run_id, now=now, lease_until=lease_until
    )


def end_statement(run: StartedRun, end: RunEnd) -> Statement:
    """Returns the statement that ends a run and notes it on its schedule; `state_after` reads its rows.

    It refuses (run_not_held) when the run is no longer this worker's, or was deleted.
    """
    return _END, {
        "tenant_id": run.tenant_id,
        "schedule_id": run.schedule_id,
        "run_id": run.id,
        "attempts": run.attempts,
        **asdict(end),
    }


def state_after(rows: Rows) -> ScheduleState:
    """Returns the state of the schedule, from the rows of an `end_statement`."""
    (row,) = rows
    return ScheduleState(row["failures_in_row"], row["is_active"])


def postpone(connection: Connection, tenant_id: UUID, run_id: UUID, attempts: int, lease_until: datetime) -> None:
    """Gives a run back, to be taken up again at `lease_until`."""
    connection.run(_POSTPONE, tenant_id=tenant_id, run_id=run_id, attempts=attempts, lease_until=lease_until)


def has_open(connection: Connection, tenant_id: UUID, schedule_id: UUID) -> bool:
    """Returns whether a run of the schedule is queued or running."""
    return bool(connection.run(_HAS_OPEN, tenant_id=tenant_id, schedule_id=schedule_id)[0]["is_open"])


def cancel_queued(connection: Connection, tenant_id: UUID, schedule_id: UUID, now: datetime) -> None:
    """Cancels the schedule's runs that no worker has taken up."""
    connection.run(_CANCEL_QUEUED, tenant_id=tenant_id, schedule_id=schedule_id, now=now)
