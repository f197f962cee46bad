"""Stripe's events as they came, each once, with what became of it. In the operator's scope."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter

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

# Claimed by moving the next attempt: who crashes now leaves the row to be tried again then.
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


def add(connection: Connection, event: Mapping[str, Any], now: datetime, retry_at: datetime) -> Row:
    """Record an event unless it is there already; its `payload`, `status` and `attempts` as they are now."""
    parameters = {"event_id": event["id"], "kind": event["type"], "payload": json_parameter(event), "now": now}
    add_it = (_ADD, {**parameters, "retry_at": retry_at})
    return connection.run_all([add_it, (_GET, {"event_id": event["id"]})])[1][0]


def get(connection: Connection, event_id: str) -> Row | None:
    """An event with its status."""
    rows = connection.run(_GET, event_id=event_id)
    return rows[0] if rows else None


def lock_unsettled(connection: Connection, event_id: str) -> bool:
    """Hold an event until the transaction ends; False when it needs nothing any more."""
    rows = connection.run(_LOCK, event_id=event_id)
    return bool(rows) and rows[0]["status"] in (RECEIVED, FAILED)


def settle(
    connection: Connection,
    event_id: str,
    status: str,
    outcome: str,
    now: datetime,
    *,
    tenant_id: UUID | None = None,
    purchase_id: UUID | None = None,
) -> None:
    """Mark an event applied or ignored, in the transaction that applied it."""
    connection.run(
        _SETTLE,
        event_id=event_id,
        status=status,
        outcome=outcome,
        tenant_id=tenant_id,
        purchase_id=purchase_id,
        now=now,
    )


def fail(
    connection: Connection, event_id: str, error: str, now: datetime, *, retry_at: datetime, most_attempts: int
) -> Row | None:
    """Note a failed attempt; `status` says whether another will be made. None: it was settled meanwhile."""
    rows = connection.run(
        _FAIL, event_id=event_id, error=error, now=now, retry_at=retry_at, most_attempts=most_attempts
    )
    return rows[0] if rows else None


def claim_due(connection: Connection, now: datetime, *, retry_at: datetime, rows: int) -> list[str]:
    """Ids of events whose next attempt is due, kept from others until `retry_at`."""
    return [row["event_id"] for row in connection.run(_CLAIM, now=now, retry_at=retry_at, rows=rows)]


def revive(connection: Connection, now: datetime) -> None:
    """Make events that were given up due again, as if new."""
    connection.run(_REVIVE, now=now)


def count_dead(connection: Connection) -> int:
    """Events that were given up and wait for a person."""
    return int(connection.run(_COUNT_DEAD)[0]["dead"])


def purge(connection: Connection, before: datetime) -> int:
    """Forget events settled before an instant, except those given up; how many."""
    return len(connection.run(_PURGE, before=before))
