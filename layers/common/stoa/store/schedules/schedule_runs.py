"""Runs of scheduled prompts: planned once each, worked on under a lease, their output delivered."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, Statement, json_parameter

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

# Without the whole output, which may be long: only its beginning travels.
_SHOWN = """
    r.id, r.schedule_id, r.trigger, r.status, r.planned_at, r.started_at, r.ended_at, r.attempts, r.model_id,
    r.conversation_id, r.input_tokens, r.output_tokens, r.charge, r.latency_ms, r.error_code, r.error_message,
    r.delivery_status, r.delivery_attempts, r.delivered_at, r.delivery_error, r.storage_key,
    length(r.output) AS output_length"""

_PAGE = f"""
SELECT {_SHOWN}, left(r.output, :characters ::int) AS output_start
FROM schedule_runs r
WHERE r.tenant_id = :tenant_id AND r.user_id = :user_id AND r.schedule_id = :schedule_id
    AND (:before ::uuid IS NULL OR r.id < :before)
ORDER BY r.id DESC
LIMIT :rows ::int
"""  # noqa: S608 - constants of ours

_GET = f"""
SELECT {_SHOWN}, r.output AS output_start
FROM schedule_runs r
WHERE r.tenant_id = :tenant_id AND r.user_id = :user_id AND r.schedule_id = :schedule_id AND r.id = :run_id
"""  # noqa: S608 - constants of ours

_TAKE_DELIVERIES = """
WITH due AS (
    SELECT r.id FROM schedule_runs r
    WHERE r.tenant_id = :tenant_id ::uuid AND r.deliver_at <= :now ::timestamptz
    ORDER BY r.deliver_at
    LIMIT :rows ::int
    FOR UPDATE SKIP LOCKED
)
UPDATE schedule_runs r SET deliver_at = :lease_until ::timestamptz
FROM due
WHERE r.id = due.id
RETURNING r.id, r.delivery_attempts
"""

# Counting from the number of attempts that the message names: a message that comes twice is taken up once.
_START_DELIVERY = """
UPDATE schedule_runs r SET
    delivery_attempts = r.delivery_attempts + 1, deliver_at = :lease_until ::timestamptz
FROM schedules s, users u
WHERE r.tenant_id = :tenant_id ::uuid AND r.id = :run_id ::uuid AND r.delivery_status = 'pending'
    AND r.delivery_attempts = :attempts ::int AND s.id = r.schedule_id AND u.id = r.user_id
RETURNING
    r.id, r.tenant_id, r.schedule_id, r.planned_at, r.output, r.model_id, r.delivery_attempts, r.conversation_id,
    r.input_tokens, r.output_tokens, r.charge, r.ended_at, r.trigger,
    s.name, s.time_zone, s.output_destination, s.webhook_url, s.webhook_secret, s.notification_email,
    u.email
"""

_END_DELIVERY = """
UPDATE schedule_runs r SET
    delivery_status = :status ::text, deliver_at = :deliver_at ::timestamptz,
    delivered_at = :delivered_at ::timestamptz, delivery_error = :error, storage_key = :storage_key
WHERE r.tenant_id = :tenant_id ::uuid AND r.id = :run_id ::uuid AND r.delivery_status = 'pending'
    AND r.delivery_attempts = :attempts
RETURNING r.id
"""


def mail_key(run_id: UUID) -> str:
    """The key under which a run's output, or the link to it, is in the outbox."""
    return f"scheduled-run-{run_id}"


def has_work(connection: Connection, tenant_id: UUID, now: datetime) -> bool:
    """Whether the tick has anything to do for the tenant."""
    return bool(connection.run(_HAS_WORK, tenant_id=tenant_id, now=now)[0]["has_work"])


def plan(
    connection: Connection, tenant_id: UUID, runs: Iterable[Mapping[str, Any]], lease_until: datetime
) -> list[UUID]:
    """Write planned runs (`id`, `user_id`, `schedule_id`, `planned_at`, `trigger`); ids of those that were new."""
    rows = connection.run(_PLAN, tenant_id=tenant_id, runs=json_parameter(list(runs)), lease_until=lease_until)
    return [row["id"] for row in rows]


def take_left(
    connection: Connection, tenant_id: UUID, now: datetime, *, lease_until: datetime, rows: int
) -> list[UUID]:
    """Runs whose lease is over, to be sent to workers anew."""
    taken = connection.run(_TAKE_LEFT, tenant_id=tenant_id, now=now, lease_until=lease_until, rows=rows)
    return [row["id"] for row in taken]


def mark_sent(connection: Connection, tenant_id: UUID, run_ids: Sequence[UUID], lease_until: datetime) -> None:
    """The runs' messages are in the queue: give workers until then to take them up."""
    connection.run(_MARK_SENT, tenant_id=tenant_id, run_ids=list(run_ids), lease_until=lease_until)


def start(connection: Connection, tenant_id: UUID, run_id: UUID, now: datetime, lease_until: datetime) -> Row | None:
    """Take a run up, with its schedule and owner; None when it has ended, is gone, or another worker holds it."""
    rows = connection.run(_START, tenant_id=tenant_id, run_id=run_id, now=now, lease_until=lease_until)
    return rows[0] if rows else None


def end_statement(
    tenant_id: UUID, schedule_id: UUID, run_id: UUID, attempts: int, ended: Mapping[str, Any]
) -> Statement:
    """End a run that was taken up as the `attempts`-th, and note it on its schedule; its row says `failures_in_row` and
    `is_active` of the schedule. Refuses (run_not_held) when the run is no longer this worker's, or was deleted."""
    return _END, {"tenant_id": tenant_id, "schedule_id": schedule_id, "run_id": run_id, "attempts": attempts, **ended}


def postpone(connection: Connection, tenant_id: UUID, run_id: UUID, attempts: int, lease_until: datetime) -> None:
    """Give a run back, to be taken up again then."""
    connection.run(_POSTPONE, tenant_id=tenant_id, run_id=run_id, attempts=attempts, lease_until=lease_until)


def has_open(connection: Connection, tenant_id: UUID, schedule_id: UUID) -> bool:
    """Whether a run of the schedule is queued or running."""
    return bool(connection.run(_HAS_OPEN, tenant_id=tenant_id, schedule_id=schedule_id)[0]["is_open"])


def cancel_queued(connection: Connection, tenant_id: UUID, schedule_id: UUID, now: datetime) -> None:
    """Drop the schedule's runs that no worker has taken up."""
    connection.run(_CANCEL_QUEUED, tenant_id=tenant_id, schedule_id=schedule_id, now=now)


def page(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    schedule_id: UUID,
    *,
    before: UUID | None,
    rows: int,
    characters: int,
) -> list[Row]:
    """A page of a schedule's runs, the newest first, with the first `characters` of each output."""
    return connection.run(
        _PAGE,
        tenant_id=tenant_id,
        user_id=user_id,
        schedule_id=schedule_id,
        before=before,
        rows=rows,
        characters=characters,
    )


def get(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID, run_id: UUID) -> Row | None:
    """One run of one of the member's own schedules, with all of its output."""
    rows = connection.run(_GET, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id, run_id=run_id)
    return rows[0] if rows else None


def take_deliveries(
    connection: Connection, tenant_id: UUID, now: datetime, *, lease_until: datetime, rows: int
) -> list[Row]:
    """Runs whose output is to be delivered now (`id`, `delivery_attempts`), kept from others until then."""
    return connection.run(_TAKE_DELIVERIES, tenant_id=tenant_id, now=now, lease_until=lease_until, rows=rows)


def start_delivery(
    connection: Connection, tenant_id: UUID, run_id: UUID, attempts: int, lease_until: datetime
) -> Row | None:
    """Begin another attempt after `attempts` of them; None when somebody else has, or nothing is to be delivered."""
    rows = connection.run(
        _START_DELIVERY, tenant_id=tenant_id, run_id=run_id, attempts=attempts, lease_until=lease_until
    )
    return rows[0] if rows else None


def end_delivery(
    connection: Connection,
    tenant_id: UUID,
    run_id: UUID,
    attempts: int,
    *,
    status: str,
    deliver_at: datetime | None = None,
    delivered_at: datetime | None = None,
    error: str | None = None,
    storage_key: str | None = None,
) -> bool:
    """Note how the `attempts`-th attempt ended; False when another one has been begun since."""
    return bool(
        connection.run(
            _END_DELIVERY,
            tenant_id=tenant_id,
            run_id=run_id,
            attempts=attempts,
            status=status,
            deliver_at=deliver_at,
            delivered_at=delivered_at,
            error=error,
            storage_key=storage_key,
        )
    )
