"""Stripe's events as they came, each once, with its outcome. In the operator's scope."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter, typed

RECEIVED, APPLIED, IGNORED, FAILED, DEAD = "received", "applied", "ignored", "failed", "dead"

_ADD = """
INSERT INTO webhook_inbox (event_id, kind, payload, received_at, next_attempt_at)
VALUES (:event_id, :kind, :payload ::jsonb, :now, :retry_at)
ON CONFLICT (event_id) DO NOTHING
"""

_GET = "SELECT i.event_id, i.payload, i.status, i.attempts FROM webhook_inbox i WHERE i.event_id = :event_id"

_LOCK = "SELECT i.status FROM webhook_inbox i WHERE i.event_id = :event_id FOR UPDATE"

_SETTLE = """
UPDATE webhook_inbox i SET
    status = :status, outcome = :outcome, tenant_id = :tenant_id ::uuid, purchase_id = :purchase_id ::uuid,
    settled_at = :now
WHERE i.event_id = :event_id AND i.status IN ('received', 'failed')
"""

_FAIL = """
UPDATE webhook_inbox i SET
    status = CASE WHEN i.attempts + 1 >= :most_attempts THEN 'dead' ELSE 'failed' END,
    attempts = i.attempts + 1, last_error = :error, next_attempt_at = :retry_at,
    settled_at = CASE WHEN i.attempts + 1 >= :most_attempts THEN :now ::timestamptz END
WHERE i.event_id = :event_id AND i.status IN ('received', 'failed')
RETURNING i.status, i.attempts
"""

# Moves the next attempt to claim it. After a crash the event is tried again at that time.
_CLAIM = """
WITH due AS (
    SELECT i.event_id FROM webhook_inbox i
    WHERE i.status IN ('received', 'failed') AND i.next_attempt_at <= :now
    ORDER BY i.next_attempt_at
    LIMIT :rows
    FOR UPDATE SKIP LOCKED
)
UPDATE webhook_inbox i SET next_attempt_at = :retry_at
FROM due
WHERE i.event_id = due.event_id
RETURNING i.event_id
"""

_REVIVE = """
UPDATE webhook_inbox i SET status = 'failed', attempts = 0, settled_at = NULL, next_attempt_at = :now
WHERE i.status = 'dead'
"""

_COUNT_DEAD = "SELECT count(*) AS dead FROM webhook_inbox i WHERE i.status = 'dead'"

_PURGE = "DELETE FROM webhook_inbox i WHERE i.settled_at < :before AND i.status <> 'dead' RETURNING i.event_id"


class InboxEvent(Private, frozen=True):
    """An event of Stripe's. `attempts` counts those that failed."""

    event_id: str
    payload: dict[str, Any]
    status: str
    attempts: int

    @property
    def is_settled(self) -> bool:
        """True once the event is applied, ignored or given up."""
        return self.status not in (RECEIVED, FAILED)


class FailedAttempt(Struct, frozen=True):
    """An event after a failed attempt. The status DEAD says that no other attempt is made."""

    status: str
    attempts: int


def add(connection: Connection, event: Mapping[str, Any], now: datetime, retry_at: datetime) -> InboxEvent:
    """Records an event unless it is there already, and returns it as it is now."""
    parameters = {"event_id": event["id"], "kind": event["type"], "payload": json_parameter(event), "now": now}
    add_it = (_ADD, {**parameters, "retry_at": retry_at})
    return typed(InboxEvent, connection.run_all([add_it, (_GET, {"event_id": event["id"]})])[1])[0]


def get(connection: Connection, event_id: str) -> InboxEvent | None:
    """Returns an event. None: there is none, or it was settled long ago."""
    return connection.fetch_one(InboxEvent, _GET, event_id=event_id)


def lock_unsettled(connection: Connection, event_id: str) -> bool:
    """Holds an event until the transaction ends. Returns False when it is settled already."""
    rows = connection.run(_LOCK, event_id=event_id)
    return bool(rows) and rows[0]["status"] in (RECEIVED, FAILED)


def settle_event(
    connection: Connection,
    event_id: str,
    status: str,
    outcome: str,
    now: datetime,
    *,
    tenant_id: UUID | None = None,
    purchase_id: UUID | None = None,
) -> None:
    """Marks an event applied or ignored, in the transaction that applied it."""
    connection.run(
        _SETTLE,
        event_id=event_id,
        status=status,
        outcome=outcome,
        tenant_id=tenant_id,
        purchase_id=purchase_id,
        now=now,
    )


def fail_event(
    connection: Connection, event_id: str, error: str, now: datetime, *, retry_at: datetime, most_attempts: int
) -> FailedAttempt | None:
    """Notes a failed attempt. None: the event was settled meanwhile."""
    return connection.fetch_one(
        FailedAttempt,
        _FAIL,
        event_id=event_id,
        error=error,
        now=now,
        retry_at=retry_at,
        most_attempts=most_attempts,
    )


def claim_due(connection: Connection, now: datetime, *, retry_at: datetime, rows: int) -> list[str]:
    """Returns ids of events whose next attempt is due, and keeps them from others until `retry_at`."""
    return [row["event_id"] for row in connection.run(_CLAIM, now=now, retry_at=retry_at, rows=rows)]


def revive(connection: Connection, now: datetime) -> None:
    """Makes events that were given up due again, as if they were new."""
    connection.run(_REVIVE, now=now)


def count_dead(connection: Connection) -> int:
    """Returns how many events were given up and wait for a person."""
    return int(connection.run(_COUNT_DEAD)[0]["dead"])


def purge(connection: Connection, before: datetime) -> int:
    """Deletes events settled before an instant, except those given up, and returns how many."""
    return len(connection.run(_PURGE, before=before))
