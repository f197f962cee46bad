"""The delivery of one output: to a webhook or into a file, tried again for about fifteen hours, noted once."""

import json
from datetime import datetime
from uuid import UUID

from stoa.clients.http.webhook_out import DeliveryFailed
from stoa.core.errors import StoaError
from stoa.core.observe import logger
from stoa.core.text import iso
from stoa.database.pool import Row, Scope
from stoa.domain.pricing.markup import money_text
from stoa.store.operations import mail_outbox
from stoa.store.schedules import schedule_runs
from stoa.store.schedules.schedules import EMAIL, STORAGE, WEBHOOK
from stoa.workflows.schedules import mails
from stoa.workflows.schedules.values import DELIVERY_LEASE, DELIVERY_WAITS, Worker

LINK_HOURS = 12
MOST_DELIVERIES = len(DELIVERY_WAITS) + 1


def deliver(worker: Worker, tenant_id: UUID, run_id: UUID, attempts: int) -> None:
    """Make the attempt that follows `attempts` others, unless somebody else has. Failures are noted, not raised.

    A worker that dies between sending and noting leaves a lease; the repetition carries the same delivery id.
    """
    now = worker.clock()
    with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        row = schedule_runs.start_delivery(connection, tenant_id, run_id, attempts, now + DELIVERY_LEASE)
    if row is None:
        return
    if row["delivery_attempts"] > MOST_DELIVERIES:  # nobody lived to tell how the last one ended
        _failed(worker, row, "no attempt came to an end", retryable=False)
        return
    key = None
    try:
        if row["output_destination"] == WEBHOOK:
            _post(worker, row, now)
        elif row["output_destination"] == STORAGE:
            key = _store(worker, row)
    except DeliveryFailed as failure:
        _failed(worker, row, failure.reason, failure.retryable)
    except StoaError as failure:
        _failed(worker, row, failure.message, retryable=True)
    else:
        _delivered(worker, row, key)


def _post(worker: Worker, row: Row, now: datetime) -> None:
    worker.post(
        row["webhook_url"],
        webhook_body(row),
        secret=row["webhook_secret"],
        delivery_id=str(row["id"]),
        timestamp=int(now.timestamp()),
    )


def webhook_body(row: Row) -> bytes:
    """What a webhook is told of a run, as JSON."""
    told = {
        "type": "schedule.run.succeeded",
        "id": str(row["id"]),
        "schedule": {"id": str(row["schedule_id"]), "name": row["name"]},
        "trigger": "schedule" if row["trigger"] == "clock" else "manual",
        "plannedAt": iso(row["planned_at"]),
        "endedAt": iso(row["ended_at"]),
        "modelId": row["model_id"],
        "usage": {"inputTokens": row["input_tokens"], "outputTokens": row["output_tokens"]},
        "charge": money_text(row["charge"]),
        "output": row["output"],
    }
    return json.dumps(told, ensure_ascii=False).encode()


def _store(worker: Worker, row: Row) -> str:
    key = f"schedules/{row['tenant_id']}/{row['schedule_id']}/{row['id']}.md"
    worker.store(key, str(row["output"]).encode(), "text/markdown; charset=utf-8")
    return key


def _delivered(worker: Worker, row: Row, key: str | None) -> None:
    now, tenant_id = worker.clock(), row["tenant_id"]
    with worker.database.transaction(Scope(tenant_id=tenant_id)) as connection:
        noted = schedule_runs.end_delivery(
            connection,
            tenant_id,
            row["id"],
            row["delivery_attempts"],
            status="delivered",
            delivered_at=now,
            storage_key=key,
        )
        recipient = row["notification_email"] or (row["email"] if row["output_destination"] == EMAIL else None)
        mail = _mail(worker, row, key)
        if noted and mail is not None and recipient is not None:
            mail_outbox.put(connection, tenant_id=tenant_id, to=recipient, now=now, **mail)


def _mail(worker: Worker, row: Row, key: str | None) -> dict[str, str] | None:
    """The mail that goes with a delivery; the whole output where the owner changed to mail while it waited."""
    if row["output_destination"] == EMAIL:
        return mails.output(row, row["output"])
    if key is None:
        return None
    return mails.stored(row, worker.link(key, LINK_HOURS * 3600, f"{row['id']}.md"), LINK_HOURS)


def _failed(worker: Worker, row: Row, reason: str, retryable: bool) -> None:
    attempts, tenant_id = row["delivery_attempts"], row["tenant_id"]
    again = retryable and attempts < MOST_DELIVERIES
    extra = {"runId": str(row["id"]), "attempts": attempts, "reason": reason, "again": again}
    logger().warning("a result was not delivered", extra=extra)
    with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        schedule_runs.end_delivery(
            connection,
            tenant_id,
            row["id"],
            attempts,
            status="pending" if again else "failed",
            deliver_at=worker.clock() + DELIVERY_WAITS[attempts - 1] if again else None,
            error=reason,
        )
