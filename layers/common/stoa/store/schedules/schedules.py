"""Scheduled prompts, as their owners keep them and as the minute tick takes them up."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter
from stoa.domain.schedules.cadence import Rhythm

MOST_A_MEMBER = 50
EMAIL, WEBHOOK, STORAGE = "email", "webhook", "storage"  # the destinations of an output

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
    :webhook_url, :webhook_secret, :next_run, :created_at, :updated_at
)
"""

_UPDATE = """
UPDATE schedules s SET
    name = :name, prompt = :prompt, model_id = :model_id, persona_id = :persona_id, domain_mode = :domain_mode,
    kind = :kind, cron_expression = :cron_expression, run_at = :run_at, interval_minutes = :interval_minutes,
    anchor = :anchor, time_zone = :time_zone, max_runs = :max_runs, missed_runs = :missed_runs,
    notification_email = :notification_email, output_destination = :output_destination, webhook_url = :webhook_url,
    webhook_secret = :webhook_secret, is_active = :is_active, inactive_reason = :inactive_reason,
    next_run = :next_run, failures_in_row = :failures_in_row, updated_at = :updated_at
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


class Schedule(Private, frozen=True):
    """A scheduled prompt. An interval is counted from `anchor`; `next_run` is None while it is not active."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    name: str
    prompt: str
    model_id: str
    persona_id: str | None
    domain_mode: str | None
    kind: str
    cron_expression: str | None
    run_at: datetime | None
    interval_minutes: int | None
    anchor: datetime
    time_zone: str
    max_runs: int | None
    missed_runs: str
    notification_email: str | None
    output_destination: str
    webhook_url: str | None
    webhook_secret: bytes | None
    next_run: datetime | None
    created_at: datetime
    updated_at: datetime
    is_active: bool = True
    inactive_reason: str | None = None
    last_run: datetime | None = None
    last_status: str | None = None
    run_count: int = 0
    total_runs: int = 0
    failures_in_row: int = 0

    @property
    def rhythm(self) -> Rhythm:
        """The fields that say when it runs."""
        return Rhythm(self.kind, self.time_zone, self.cron_expression, self.run_at, self.interval_minutes)


class DueSchedule(Private, frozen=True):
    """A schedule whose time has come, with its owner. The prompt stays in the database."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    name: str
    kind: str
    cron_expression: str | None
    run_at: datetime | None
    interval_minutes: int | None
    anchor: datetime
    time_zone: str
    missed_runs: str
    run_count: int
    max_runs: int | None
    next_run: datetime
    notification_email: str | None
    owner_status: str
    owner_email: str | None

    @property
    def rhythm(self) -> Rhythm:
        """The fields that say when it runs."""
        return Rhythm(self.kind, self.time_zone, self.cron_expression, self.run_at, self.interval_minutes)


class Advance(Struct, frozen=True):
    """The move of a schedule to its next time: the run planned now, or None; the next one, or None and the reason."""

    schedule_id: UUID
    planned_at: datetime | None
    next_run: datetime | None
    inactive_reason: str | None


def lock_owner(connection: Connection, tenant_id: UUID, user_id: UUID) -> None:
    """Makes other requests that change the number of the member's schedules wait for this transaction."""
    connection.run(_LOCK_OWNER, tenant_id=tenant_id, user_id=user_id)


def count(connection: Connection, tenant_id: UUID, user_id: UUID) -> int:
    """Returns the number of a member's schedules, active or not."""
    return int(connection.run(_COUNT, tenant_id=tenant_id, user_id=user_id)[0]["schedules"])


def of_member(connection: Connection, tenant_id: UUID, user_id: UUID) -> list[Schedule]:
    """Returns all of a member's schedules, the oldest first. They are never more than MOST_A_MEMBER."""
    return connection.fetch(Schedule, _LIST, tenant_id=tenant_id, user_id=user_id)


def get(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID) -> Schedule | None:
    """Returns one of the member's own schedules."""
    return connection.fetch_one(Schedule, _GET, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id)


def lock(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID) -> Schedule | None:
    """Returns one of the member's own schedules and holds it until the transaction ends."""
    return connection.fetch_one(Schedule, _LOCK, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id)


def insert(connection: Connection, schedule: Schedule) -> None:
    """Saves a new schedule."""
    columns = asdict(schedule)
    connection.run(_INSERT, **{name: columns[name] for name in _INSERTED})


def update(connection: Connection, schedule: Schedule) -> None:
    """Saves a schedule that was locked: every column that its owner may change, and whether it is active."""
    columns = asdict(schedule)
    connection.run(_UPDATE, **{name: columns[name] for name in _UPDATED})


def delete(connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID) -> bool:
    """Deletes one of the member's own schedules with its runs. The ledger keeps its lines."""
    return bool(connection.run(_DELETE, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id))


def take_due(connection: Connection, tenant_id: UUID, now: datetime, rows: int) -> list[DueSchedule]:
    """Returns up to `rows` schedules whose time has come, and holds them until the transaction ends."""
    return connection.fetch(DueSchedule, _TAKE_DUE, tenant_id=tenant_id, now=now, rows=rows)


def advance(connection: Connection, tenant_id: UUID, moves: Iterable[Advance]) -> None:
    """Moves schedules on to their next times."""
    connection.run(_ADVANCE, tenant_id=tenant_id, plans=json_parameter([asdict(move) for move in moves]))


def note_start_by_hand(
    connection: Connection, tenant_id: UUID, user_id: UUID, schedule_id: UUID, planned_at: datetime
) -> None:
    """Counts a run that its owner started."""
    connection.run(
        _STARTED_BY_HAND, tenant_id=tenant_id, user_id=user_id, schedule_id=schedule_id, planned_at=planned_at
    )


def deactivate(connection: Connection, tenant_id: UUID, schedule_id: UUID, reason: str) -> None:
    """Switches a schedule off, for a reason."""
    connection.run(_DEACTIVATE, tenant_id=tenant_id, schedule_id=schedule_id, reason=reason)


_INSERTED = (
    "id", "tenant_id", "user_id", "name", "prompt", "model_id", "persona_id", "domain_mode", "kind", "cron_expression",
    "run_at", "interval_minutes", "anchor", "time_zone", "max_runs", "missed_runs", "notification_email",
    "output_destination", "webhook_url", "webhook_secret", "next_run", "created_at", "updated_at",
)  # fmt: skip
_UPDATED = (
    *(name for name in _INSERTED if name != "created_at"), "is_active", "inactive_reason", "failures_in_row",
)  # fmt: skip
