"""The delivery of one output: to a webhook or into a file, tried again for about fifteen hours, noted once."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.clients.http.webhook_out import DeliveryFailed, event_body
from stoa.core.errors import StoaError
from stoa.core.observe import logger
from stoa.database.pool import Scope
from stoa.domain.pricing.markup import money_text
from stoa.store.operations import mail_outbox
from stoa.store.schedules import deliveries
from stoa.store.schedules.deliveries import Delivery
from stoa.store.schedules.schedules import EMAIL, STORAGE, WEBHOOK
from stoa.workflows.schedules import mails
from stoa.workflows.schedules.mails import Mail
from stoa.workflows.schedules.values import DELIVERY_LEASE, DELIVERY_WAITS, Worker

LINK_HOURS = 12
MOST_DELIVERIES = len(DELIVERY_WAITS) + 1


class NamedSchedule(Struct, frozen=True):
    """The schedule that a run belongs to."""

    id: UUID
    name: str


class TokensUsed(Struct, frozen=True):
    """Tokens of one answer, as they were charged."""

    input_tokens: int
    output_tokens: int


class RunSucceeded(Struct, frozen=True, kw_only=True):
    """The event that a webhook is sent about a run. `charge` is in the tenant's currency."""

    type: str = "schedule.run.succeeded"
    id: UUID
    schedule: NamedSchedule
    trigger: str
    planned_at: datetime
    ended_at: datetime
    model_id: str
    usage: TokensUsed
    charge: str
    output: str


def deliver(worker: Worker, tenant_id: UUID, run_id: UUID, attempts: int) -> None:
    """Makes the attempt that follows `attempts` others, unless another worker has. Failures are noted, not raised.

    A worker that dies between sending and noting leaves a lease; the repetition carries the same delivery id.
    """
    now = worker.clock()
    with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        delivery = deliveries.start(connection, tenant_id, run_id, attempts, now + DELIVERY_LEASE)
    if delivery is None:
        return
    if delivery.delivery_attempts > MOST_DELIVERIES:  # nobody lived to tell how the last one ended
        _failed(worker, delivery, "no attempt came to an end", retryable=False)
        return
    key = None
    try:
        if delivery.output_destination == WEBHOOK:
            _post(worker, delivery, now)
        elif delivery.output_destination == STORAGE:
            key = _store(worker, delivery)
    except DeliveryFailed as failure:
        _failed(worker, delivery, failure.reason, failure.retryable)
    except StoaError as failure:
        _failed(worker, delivery, failure.message, retryable=True)
    else:
        _delivered(worker, delivery, key)


def _post(worker: Worker, delivery: Delivery, now: datetime) -> None:
    # The table holds both or neither where the destination is a webhook.
    assert delivery.webhook_url is not None and delivery.webhook_secret is not None
    worker.post(
        delivery.webhook_url,
        event_body(_event(delivery)),
        secret=delivery.webhook_secret,
        delivery_id=str(delivery.id),
        timestamp=int(now.timestamp()),
    )


def _event(delivery: Delivery) -> RunSucceeded:
    return RunSucceeded(
        id=delivery.id,
        schedule=NamedSchedule(delivery.schedule_id, delivery.name),
        trigger="schedule" if delivery.trigger == "clock" else "manual",
        planned_at=delivery.planned_at,
        ended_at=delivery.ended_at,
        model_id=delivery.model_id,
        usage=TokensUsed(delivery.input_tokens, delivery.output_tokens),
        charge=money_text(delivery.charge),
        output=delivery.output,
    )


def _store(worker: Worker, delivery: Delivery) -> str:
    key = f"schedules/{delivery.tenant_id}/{delivery.schedule_id}/{delivery.id}.md"
    worker.store(key, delivery.output.encode(), "text/markdown; charset=utf-8")
    return key


def _delivered(worker: Worker, delivery: Delivery, key: str | None) -> None:
    now, tenant_id = worker.clock(), delivery.tenant_id
    by_mail = delivery.output_destination == EMAIL
    with worker.database.transaction(Scope(tenant_id=tenant_id)) as connection:
        noted = deliveries.end(connection, delivery, status="delivered", delivered_at=now, storage_key=key)
        recipient = delivery.notification_email or (delivery.email if by_mail else None)
        mail = _mail(worker, delivery, key)
        if noted and mail is not None and recipient is not None:
            mail_outbox.put(connection, tenant_id=tenant_id, to=recipient, now=now, **asdict(mail))


def _mail(worker: Worker, delivery: Delivery, key: str | None) -> Mail | None:
    """Returns the mail that goes with a delivery: the whole output where the owner changed to mail while it waited."""
    if delivery.output_destination == EMAIL:
        return mails.output(delivery, delivery.output)
    if key is None:
        return None
    return mails.stored(delivery, worker.link(key, LINK_HOURS * 3600, f"{delivery.id}.md"), LINK_HOURS)


def _failed(worker: Worker, delivery: Delivery, reason: str, retryable: bool) -> None:
    attempts = delivery.delivery_attempts
    again = retryable and attempts < MOST_DELIVERIES
    extra = {"runId": str(delivery.id), "attempts": attempts, "reason": reason, "again": again}
    logger().warning("a result was not delivered", extra=extra)
    with worker.database.autocommit(Scope(tenant_id=delivery.tenant_id)) as connection:
        deliveries.end(
            connection,
            delivery,
            status="pending" if again else "failed",
            deliver_at=worker.clock() + DELIVERY_WAITS[attempts - 1] if again else None,
            error=reason,
        )
