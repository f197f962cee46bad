"""Scheduled prompts: their owner's rows, and what the minute tick takes up."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter

MOST_A_MEMBER = 50
EMAIL, WEBHOOK, STORAGE = "email", "webhook", "storage"  # where an output goes

_LOCK_OWNER = "SELECT u.id FROM users u WHERE u.tenant_id = :tenant_id AND u.id = :user_id FOR NO KEY UPDATE"

_COUNT = "SELECT count(*) AS schedules FROM schedules s WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id"

_LIST = "SELECT s.* FROM schedules s WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id ORDER BY s.id"

_GET = """
SELECT s.* FROM schedules s
WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id AND s.id = :schedule_id
"""

_LOCK = _GET + "FOR UPDATE"

_INSERT = """
INSERT INTO schedules (
    id, tenant_id, user_id, name, prompt, model_id, persona_id, domain_mode, kind, cron_expression, run_at,
    interval_minutes, anchor, time_zone, max_runs, missed_runs, notification_email, output_destination, webhook_url,
    webhook_secret, next_run, created_at, updated_at
)
VALUES (
    :id, :tenant_id, :user_id, :name, :prompt, :model_id, :persona_id, :domain_mode, :kind, :cron_expression, :run_at,
    :interval_minutes, :anchor, :time_zone, :max_runs, :missed_runs, :notification_email, :output_destination,
    :webhook_url, :webhook_secret, :next_run, :now ::timestamptz, :now
)
"""

_UPDATE = """
UPDATE schedules s SET
    name = :name, prompt = :prompt, model_id = :model_id, persona_id = :persona_id, domain_mode = :domain_mode,
    kind = :kind, cron_expression = :cron_expression, run_at = :run_at, interval_minutes = :interval_minutes,
    anchor = :anchor, time_zone = :time_zone, max_runs = :max_runs, missed_runs = :missed_runs,
    notification_email = :notification_email, output_destination = :output_destination, webhook_url = :webhook_url,
    webhook_secret = :webhook_secret, is_active = :is_active, inactive_reason = :inactive_reason,
    next_run = :next_run, failures_in_row = :failures_in_row, updated_at = :now
WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id AND s.id = :id
"""

_DELETE = """
DELETE FROM schedules s
WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id AND s.id = :schedule_id
RETURNING s.id
"""

# Another tick that runs at the same time passes by what this one holds. Prompts stay where they are.
_TAKE_DUE = """
SELECT
    s.id, s.tenant_id, s.user_id, s.name, s.kind, s.cron_expression, s.run_at, s.interval_minutes, s.anchor,
    s.time_zone, s.missed_runs, s.run_count, s.max_runs, s.next_run, s.notification_email,
    u.status AS owner_status, u.email AS owner_email
FROM schedules s
JOIN users u ON u.id = s.user_id
WHERE s.tenant_id = :tenant_id AND s.next_run <= :now ::timestamptz
ORDER BY s.next_run, s.id
LIMIT :rows ::int
FOR UPDATE OF s SKIP LOCKED
"""

_ADVANCE = """
UPDATE schedules s SET
    next_run = p.next_run, is_active = p.next_run IS NOT NULL, inactive_reason = p.inactive_reason,
    run_count = s.run_count + CASE WHEN p.planned_at IS NULL THEN 0 ELSE 1 END,
    total_runs = s.total_runs + CASE WHEN p.planned_at IS NULL THEN 0 ELSE 1 END,
    last_run = coalesce(p.planned_at, s.last_run),
    last_status = CASE WHEN p.planned_at IS NULL THEN s.last_status ELSE 'queued' END
FROM jsonb_to_recordset(:plans ::jsonb) AS p (
    schedule_id uuid, planned_at timestamptz, next_run timestamptz, inactive_reason text
)
WHERE s.tenant_id = :tenant_id ::uuid AND s.id = p.schedule_id
"""

_STARTED_BY_HAND = """
UPDATE schedules s SET total_runs = s.total_runs + 1, last_run = :planned_at ::timestamptz, last_status = 'queued'
WHERE s.tenant_id = :tenant_id AND s.user_id = :user_id AND s.id = :schedule_id
"""

_DEACTIVATE = """
UPDATE schedules s SET is_active = false, next_run = NULL, inactive_reason = :reason ::text
WHERE s.tenant_id = :tenant_id ::uuid AND s.id = :schedule_id ::uuid AND s.is_active
"""


def lock_owner(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """Make the member's other requests that change the number of their schedules wait for this transaction."""
    connection.run(_LOCK_OWNER, tenant_id=tenant_id, user_id=user_id)


def count(connection: Connection, tenant_id: UUID, user_id: UUID) -> int:
    """How many schedules a member has, active or not."""
    return int(connection.run(_COUNT, tenant_id=tenant_id, user_id=user_id)[0]["schedules"])


def of_member(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[Row]:
    """All of a member's schedules, the oldest first. They are never more than MOST_A_MEMBER."""
    return connection.run(_LIST, tenant_id=tenant_id, user_id=user_id)


def get(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID) -> Row | None:
    """One of the member's own schedules."""
    rows = connection.run(_GET, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id)
    return rows[0] if rows else None


def lock(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID) -> Row | None:
    """One of the member's own schedules, held until the transaction ends."""
    rows = connection.run(_LOCK, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id)
    return rows[0] if rows else None


def insert(connection: Connection, fields: Mapping[str, Any], now: datetime) -> None:
    """Save a new schedule; `fields` by column, with its tenant and user."""
    connection.run(_INSERT, **fields, now=now)


def update(connection: Connection, row: Mapping[str, Any], now: datetime) -> None:
    """Save a schedule that was locked: every column that its owner may change, and whether it is active."""
    columns = [name for name in _UPDATE_COLUMNS if name in row]
    connection.run(_UPDATE, **{name: row[name] for name in columns}, now=now)


def delete(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID) -> bool:
    """Delete one of the member's own schedules with its runs. The ledger keeps its lines."""
    return bool(connection.run(_DELETE, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id))


def take_due(connection: Connection, tenant_id: UUID, now: datetime, rows: int) -> list[Row]:
    """Up to `rows` schedules whose time has come, held until the transaction ends, each with its owner."""
    return connection.run(_TAKE_DUE, tenant_id=tenant_id, now=now, rows=rows)


def advance(connection: Connection, tenant_id: UUID, plans: Iterable[Mapping[str, Any]]) -> None:
    """Write plans: each names its `schedule_id`, `planned_at` (or None), `next_run` (or None), `inactive_reason`."""
    connection.run(_ADVANCE, tenant_id=tenant_id, plans=json_parameter(list(plans)))


def note_start_by_hand(
    connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID, planned_at: datetime
) -> None:
    """Count a run that its owner started."""
    connection.run(
        _STARTED_BY_HAND, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id, planned_at=planned_at
    )


def deactivate(connection: Connection, tenant_id: UUID, schedule_id: UUID, reason: str) -> None:
    """Plan no more runs."""
    connection.run(_DEACTIVATE, tenant_id=tenant_id, schedule_id=schedule_id, reason=reason)


_UPDATE_COLUMNS = (
    "id", "tenant_id", "user_id", "name", "prompt", "model_id", "persona_id", "domain_mode", "kind", "cron_expression",
    "run_at", "interval_minutes", "anchor", "time_zone", "max_runs", "missed_runs", "notification_email",
    "output_destination", "webhook_url", "webhook_secret", "is_active", "inactive_reason", "next_run",
    "failures_in_row",
)  # fmt: skip
