"""One run: taken up under a lease, answered by the chat, ended with its output and what follows from it."""

import time
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.observe import logger
from stoa.core.text import made_storable
from stoa.database.pool import Connection, Row, RuleRefused, Scope, Statement
from stoa.identity.members import Member, Principal
from stoa.store.operations import mail_outbox
from stoa.store.schedules import schedule_runs, schedules
from stoa.store.schedules.schedules import EMAIL
from stoa.workflows.schedules import mails
from stoa.workflows.schedules.prompt_run import RunAnswer, RunFailed, RunPrompt, TryAgain
from stoa.workflows.schedules.values import (
    DELIVERY_LEASE,
    MOST_ATTEMPTS,
    MOST_FAILURES_IN_ROW,
    RUN_LEASE,
    TRY_AGAIN_AFTER,
    Worker,
)

_OF_AN_ANSWER = (
    "model_id", "conversation_id", "output", "input_tokens", "output_tokens", "charge",
    "delivery_status", "deliver_at", "delivered_at",
)  # fmt: skip


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
        _fail(worker, row, failure, began)
        return False
    except TryAgain:
        with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            later = worker.clock() + TRY_AGAIN_AFTER
            schedule_runs.postpone(connection, tenant_id, run_id, row["attempts"], later)
        return False
    return _succeed(worker, row, answer, began)


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


def _succeed(worker: Worker, row: Row, answer: RunAnswer, began: float) -> bool:
    """Save the answer, with its mail or the delivery to come, all or nothing; whether it is to be delivered now."""
    now, by_mail, recipient = worker.clock(), row["output_destination"] == EMAIL, _recipient(row)
    mailed = by_mail and recipient is not None
    ended = {
        "status": schedule_runs.SUCCEEDED,
        "now": now,
        "model_id": answer.model_id,
        "conversation_id": answer.conversation_id,
        "output": answer.text,
        "input_tokens": answer.input_tokens,
        "output_tokens": answer.output_tokens,
        "charge": answer.charge,
        "error_code": None,
        "error_message": None,
        "latency_ms": _elapsed_ms(began),
        "delivery_status": "delivered" if mailed else None if by_mail else "pending",
        "deliver_at": None if by_mail else now + DELIVERY_LEASE,
        "delivered_at": now if mailed else None,
    }
    statements = [_end_statement(row, ended)]
    if mailed:
        mail = mails.output(row, answer.text)
        statements.append(mail_outbox.put_statement(tenant_id=row["tenant_id"], to=str(recipient), now=now, **mail))
    with suppress(RuleRefused), worker.database.autocommit(Scope(tenant_id=row["tenant_id"])) as connection:
        connection.run_all(statements)
        return not by_mail
    return False  # taken up by another worker meanwhile, or deleted by its owner


def _fail(worker: Worker, row: Row, failure: RunFailed, began: float) -> None:
    """Save why it failed; a schedule that fails too often is switched off in the same transaction."""
    now = worker.clock()
    ended = {
        **dict.fromkeys(_OF_AN_ANSWER),
        "status": schedule_runs.FAILED,
        "now": now,
        "error_code": failure.code,
        "error_message": made_storable(failure.message)[:1000],
        "latency_ms": _elapsed_ms(began),
    }
    with suppress(RuleRefused), worker.database.transaction(Scope(tenant_id=row["tenant_id"])) as connection:
        (state,) = connection.run_all([_end_statement(row, ended)])[0]
        if row["owner_status"] != "active":
            schedules.deactivate(connection, row["tenant_id"], row["schedule_id"], "owner_blocked")
        elif state["is_active"] and state["failures_in_row"] >= MOST_FAILURES_IN_ROW:
            _switch_off(connection, row, now)


def _switch_off(connection: Connection, row: Row, now: datetime) -> None:
    schedules.deactivate(connection, row["tenant_id"], row["schedule_id"], "failing")
    recipient = row["email"] or row["notification_email"]  # its owner can put it right, nobody else
    if recipient:
        mail = mails.deactivated(row)
        mail_outbox.put(connection, tenant_id=row["tenant_id"], to=recipient, now=now, **mail)


def _end_statement(row: Row, ended: dict[str, Any]) -> Statement:
    return schedule_runs.end_statement(row["tenant_id"], row["schedule_id"], row["id"], row["attempts"], ended)


def _recipient(row: Row) -> str | None:
    return row["notification_email"] or row["email"] or None


def _elapsed_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
