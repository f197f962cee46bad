"""A run: taken up under a lease, answered by the chat, ended with its output and what follows from it."""

import time
from contextlib import suppress
from datetime import datetime
from uuid import UUID

from msgspec.structs import asdict

from stoa.core.observe import logger
from stoa.core.text import made_storable
from stoa.database.pool import Connection, RuleRefused, Scope
from stoa.identity.members import Member, Principal
from stoa.store.operations import mail_outbox
from stoa.store.schedules import schedule_runs, schedules
from stoa.store.schedules.schedule_runs import RunEnd, StartedRun
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


def run(worker: Worker, tenant_id: UUID, run_id: UUID) -> bool:
    """Does a run, unless it was done or another worker is at it. Returns whether an output waits to be delivered now.

    A failure is the run's own and ends it. Raises only what keeps this worker from working, such as a lost database;
    the run's lease then ends and it is taken up again. Its key makes the chat answer and charge it once.
    """
    now = worker.clock()
    with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        started = schedule_runs.start(connection, tenant_id, run_id, now, now + RUN_LEASE)
    if started is None:
        return False
    began = time.monotonic()
    try:
        answer = _answer(worker, started)
    except RunFailed as failure:
        logger().warning("a scheduled run failed", extra={"runId": str(run_id), "code": failure.code})
        _fail(worker, started, failure, began)
        return False
    except TryAgain:
        with worker.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            later = worker.clock() + TRY_AGAIN_AFTER
            schedule_runs.postpone(connection, tenant_id, run_id, started.attempts, later)
        return False
    return _succeed(worker, started, answer, began)


def _answer(worker: Worker, started: StartedRun) -> RunAnswer:
    if started.owner_status != "active":
        raise RunFailed("ACCOUNT_BLOCKED", "The account is blocked. Ask your administrator.")
    if started.attempts > MOST_ATTEMPTS:
        raise RunFailed("GIVEN_UP", f"It was begun {MOST_ATTEMPTS} times and never came to an end.")
    principal = Principal(started.subject, started.tenant_id, started.email, frozenset())
    prompt = RunPrompt(
        key=f"scheduled-run-{started.id}",
        content=started.prompt,
        model_id=started.model_id,
        persona_id=started.persona_id,
        domain_mode=started.domain_mode,
    )
    return worker.ask(Member(started.user_id, started.tenant_id, principal), prompt)


def _succeed(worker: Worker, started: StartedRun, answer: RunAnswer, began: float) -> bool:
    """Saves the answer, with its mail or the delivery to come, all or nothing. Returns whether to deliver it now."""
    now, by_mail = worker.clock(), started.output_destination == EMAIL
    recipient = started.notification_email or started.email
    mailed = by_mail and bool(recipient)
    end = RunEnd(
        status=schedule_runs.SUCCEEDED,
        now=now,
        latency_ms=_elapsed_ms(began),
        model_id=answer.model_id,
        conversation_id=answer.conversation_id,
        output=answer.text,
        input_tokens=answer.input_tokens,
        output_tokens=answer.output_tokens,
        charge=answer.charge,
        delivery_status="delivered" if mailed else None if by_mail else "pending",
        deliver_at=None if by_mail else now + DELIVERY_LEASE,
        delivered_at=now if mailed else None,
    )
    statements = [schedule_runs.end_statement(started, end)]
    if by_mail and recipient:
        mail = asdict(mails.output(started, answer.text))
        statements.append(mail_outbox.put_statement(tenant_id=started.tenant_id, to=recipient, now=now, **mail))
    with suppress(RuleRefused), worker.database.autocommit(Scope(tenant_id=started.tenant_id)) as connection:
        connection.run_all(statements)
        return not by_mail
    return False  # taken up by another worker meanwhile, or deleted by its owner


def _fail(worker: Worker, started: StartedRun, failure: RunFailed, began: float) -> None:
    """Saves why it failed. A schedule that fails too often is switched off in the same transaction."""
    now = worker.clock()
    end = RunEnd(
        status=schedule_runs.FAILED,
        now=now,
        latency_ms=_elapsed_ms(began),
        error_code=failure.code,
        error_message=made_storable(failure.message)[:1000],
    )
    with suppress(RuleRefused), worker.database.transaction(Scope(tenant_id=started.tenant_id)) as connection:
        (rows,) = connection.run_all([schedule_runs.end_statement(started, end)])
        state = schedule_runs.state_after(rows)
        if started.owner_status != "active":
            schedules.deactivate(connection, started.tenant_id, started.schedule_id, "owner_blocked")
        elif state.is_active and state.failures_in_row >= MOST_FAILURES_IN_ROW:
            _switch_off(connection, started, now)


def _switch_off(connection: Connection, started: StartedRun, now: datetime) -> None:
    schedules.deactivate(connection, started.tenant_id, started.schedule_id, "failing")
    recipient = started.email or started.notification_email  # its owner can put it right, nobody else
    if recipient:
        mail = asdict(mails.deactivated(started))
        mail_outbox.put(connection, tenant_id=started.tenant_id, to=recipient, now=now, **mail)


def _elapsed_ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
