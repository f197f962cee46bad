"""One run: taken up under a lease, answered by the chat, ended with its output and what follows from it."""

import time
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.db import Connection, Row, Scope
from stoa.domain.text import made_storable
from stoa.identity import Member, Principal
from stoa.observe import logger
from stoa.prompt_run import RunAnswer, RunFailed, RunPrompt, TryAgain
from stoa.store import mail_outbox, schedule_runs, schedules
from stoa.workflows.scheduled_runs import mails
from stoa.workflows.scheduled_runs.values import (
    DELIVERY_LEASE,
    MOST_ATTEMPTS,
    MOST_FAILURES_IN_ROW,
    RUN_LEASE,
    TRY_AGAIN_AFTER,
    Worker,
)

EMAIL = "email"


def run(worker: Worker, tenant_id: UUID, run_id: UUID) -> bool:
    """Do a run, unless it was done or another worker is at it; whether an output waits to be delivered now.

    A failure is the run's own and ends it. Raises only what keeps this worker from working, such as a lost database;
    the run's lease then ends and it is taken up again. Its key makes the chat answer and charge it once.
    """
    now = worker.clock()
    with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        row = schedule_runs.start(connection, tenant_id, run_id, now, now + RUN_LEASE)
    if row is None:
        return False
    began = time.monotonic()
    try:
        answer = _answer(worker, row)
    except RunFailed as failure:
        logger().warning("a scheduled run failed", extra={"runId": str(run_id), "code": failure.code})
        return _end(worker, row, _failed(failure, began))
    except TryAgain:
        with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            later = worker.clock() + TRY_AGAIN_AFTER
            schedule_runs.postpone(connection, tenant_id, run_id, row["attempts"], later)
        return False
    return _end(worker, row, _succeeded(answer, began))


def _answer(worker: Worker, row: Row) -> RunAnswer:
    if row["owner_status"] != "active":
        raise RunFailed("ACCOUNT_BLOCKED", "The account is blocked. Ask your administrator.")
    if row["attempts"] > MOST_ATTEMPTS:
        raise RunFailed("GIVEN_UP", f"It was begun {MOST_ATTEMPTS} times and never came to an end.")
    principal = Principal(row["subject"], row["tenant_id"], row["email"], frozenset())
    prompt = RunPrompt(
        key=f"scheduled-run-{row['id']}",
        content=row["prompt"],
        model_id=row["model_id"],
        persona_id=row["persona_id"],
        domain_mode=row["domain_mode"],
    )
    return worker.ask(Member(row["user_id"], row["tenant_id"], principal), prompt)


def _succeeded(answer: RunAnswer, began: float) -> dict[str, Any]:
    return {
        "status": schedule_runs.SUCCEEDED,
        "model_id": answer.model_id,
        "conversation_id": answer.conversation_id,
        "output": answer.text,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "charge": answer.charge,
        "error_code": None,
        "error_message": None,
        "latency_ms": _elapsed_ms(began),
    }


def _failed(failure: RunFailed, began: float) -> dict[str, Any]:
    nothing: dict[str, Any] = dict.fromkeys(
        ("model_id", "conversation_id", "output", "input_tokens", "output_tokens", "charge")
    )
    return {
        **nothing,
        "status": schedule_runs.FAILED,
        "error_code": failure.code,
        "error_message": made_storable(failure.message)[:1000],
        "latency_ms": _elapsed_ms(began),
    }


def _end(worker: Worker, row: Row, ended: dict[str, Any]) -> bool:
    """End the run and do what follows from it, all or nothing; whether its output is to be delivered now."""
    now, tenant_id, succeeded = worker.clock(), row["tenant_id"], ended["status"] == schedule_runs.SUCCEEDED
    recipient = row["notification_email"] or row["email"]
    by_mail: bool = row["output_destination"] == EMAIL
    mailed = succeeded and by_mail and recipient is not None
    later = succeeded and not by_mail
    ended |= {
        "now": now,
        "delivery_status": "delivered" if mailed else "pending" if later else None,
        "deliver_at": now + DELIVERY_LEASE if later else None,
        "delivered_at": now if mailed else None,
    }
    with worker.database.transaction(Scope(tenant_id=tenant_id)) as connection:
        if not schedule_runs.end(connection, tenant_id, row["id"], row["attempts"], ended):
            return False  # taken up by another worker meanwhile, or deleted by its owner
        if mailed:
            mail = mails.output(row, ended["output"])
            mail_outbox.put(connection, tenant_id=tenant_id, to=recipient, now=now, **mail)
        _note_end(connection, row, ended["status"], recipient, now)
    return later


def _note_end(connection: Connection, row: Row, status: str, recipient: str | None, now: datetime) -> None:
    tenant_id, schedule_id = row["tenant_id"], row["schedule_id"]
    state = schedules.note_end(connection, tenant_id, schedule_id, status)
    if row["owner_status"] != "active":
        schedules.deactivate(connection, tenant_id, schedule_id, "owner_blocked")
    elif state is not None and state["is_active"] and state["failures_in_row"] >= MOST_FAILURES_IN_ROW:
        schedules.deactivate(connection, tenant_id, schedule_id, "failing")
        if recipient:
            mail_outbox.put(connection, tenant_id=tenant_id, to=recipient, now=now, **mails.deactivated(row))


def _elapsed_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
