"""Deliveries of the outputs of scheduled prompts: taken under a lease, tried again until they are taken or given up."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from stoa.core.values import Private
from stoa.database.pool import Connection

_TAKE = """
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

# An attempt counts from the number that the message names, so a message that comes twice is taken up once.
_START = """
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

_END = """
UPDATE schedule_runs r SET
    delivery_status = :status ::text, deliver_at = :deliver_at ::timestamptz,
    delivered_at = :delivered_at ::timestamptz, delivery_error = :error, storage_key = :storage_key
WHERE r.tenant_id = :tenant_id ::uuid AND r.id = :run_id ::uuid AND r.delivery_status = 'pending'
    AND r.delivery_attempts = :attempts
RETURNING r.id
"""


class DueDelivery(Struct, frozen=True):
    """A run whose output is to be delivered after `delivery_attempts` attempts."""

    id: UUID
    delivery_attempts: int


class Delivery(Private, frozen=True):
    """A run whose output is being delivered, with its schedule and its owner's address. `charge` is in USD."""

    id: UUID
    tenant_id: UUID
    schedule_id: UUID
    planned_at: datetime
    output: str
    model_id: str
    delivery_attempts: int
    conversation_id: UUID
    input_tokens: int
    output_tokens: int
    charge: Decimal
    ended_at: datetime
    trigger: str
    name: str
    time_zone: str
    output_destination: str
    webhook_url: str | None
    webhook_secret: bytes | None
    notification_email: str | None
    email: str | None


def mail_key(run_id: UUID) -> str:
    """Returns the key under which a run's output, or the link to it, is in the outbox."""
    return f"scheduled-run-{run_id}"


def take(
    connection: Connection, tenant_id: UUID, now: datetime, *, lease_until: datetime, rows: int
) -> list[DueDelivery]:
    """Takes runs whose output is to be delivered now, and keeps them from others until `lease_until`."""
    return connection.fetch(DueDelivery, _TAKE, tenant_id=tenant_id, now=now, lease_until=lease_until, rows=rows)


def start(
    connection: Connection, tenant_id: UUID, run_id: UUID, attempts: int, lease_until: datetime
) -> Delivery | None:
    """Begins another attempt after `attempts` of them. None: somebody else has, or nothing is to be delivered."""
    return connection.fetch_one(
        Delivery, _START, tenant_id=tenant_id, run_id=run_id, attempts=attempts, lease_until=lease_until
    )


def end(
    connection: Connection,
    delivery: Delivery,
    *,
    status: str,
    deliver_at: datetime | None = None,
    delivered_at: datetime | None = None,
    error: str | None = None,
    storage_key: str | None = None,
) -> bool:
    """Notes how an attempt ended. False: another attempt has been begun since."""
    return bool(
        connection.run(
            _END,
            tenant_id=delivery.tenant_id,
            run_id=delivery.id,
            attempts=delivery.delivery_attempts,
            status=status,
            deliver_at=deliver_at,
            delivered_at=delivered_at,
            error=error,
            storage_key=storage_key,
        )
    )
