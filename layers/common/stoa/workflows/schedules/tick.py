"""The minute tick: plan a run for what is due, and send to the workers what waits for them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.clients.aws.run_queue import Job
from stoa.core.errors import InvalidFields, StoaError
from stoa.core.failures import failure
from stoa.core.ids import new_id
from stoa.core.observe import logger
from stoa.database.pool import Connection, Database, RuleRefused, Scope, StatementFailed
from stoa.domain.schedules.cadence import read_cadence
from stoa.domain.schedules.run_plan import UNREADABLE, Due, Plan, plan
from stoa.store.operations import mail_outbox
from stoa.store.schedules import deliveries, schedule_runs, schedules
from stoa.store.schedules.schedule_runs import PlannedRun
from stoa.store.schedules.schedules import Advance, DueSchedule
from stoa.store.tenancy import tenants
from stoa.workflows.schedules import mails
from stoa.workflows.schedules.values import DELIVERY_LEASE, QUEUED_LEASE

BATCH = 500  # schedules of one tenant a transaction; then the next tenant has its turn

Send = Callable[[Sequence[Job]], list[Job]]


class TickReport(Struct):
    """Counts the work of one tick, for its log line."""

    planned: int = 0
    sent_again: int = 0
    deliveries: int = 0
    unreadable: int = 0  # schedules that had to be switched off: their times cannot be reckoned any more
    unsent: int = 0  # the queue did not take them; a later tick sends them
    tenants_failed: int = 0
    complete: bool = True  # False: time was up, the next tick goes on


def tick(database: Database, send: Send, clock: Callable[[], datetime], until: datetime) -> TickReport:
    """Works through all tenants in turns, a batch each, until nothing is due or `until` has come.

    Idempotent: it may run twice, at once, late, or be killed anywhere. A tenant that fails holds up no other.
    """
    report = TickReport()
    with database.autocommit(Scope(operator=True)) as connection:
        waiting = [tenant.id for tenant in tenants.all_tenants(connection)]
    while waiting:
        unfinished = []
        for tenant_id in waiting:
            now = clock()
            if now >= until:
                report.complete = False
                return report
            try:
                if _turn(database, send, tenant_id, now, report):
                    unfinished.append(tenant_id)
            except (StoaError, StatementFailed, RuleRefused) as error:
                report.tenants_failed += 1
                extra = {"tenantId": str(tenant_id), **failure(error)}
                logger().error("the schedules of a tenant were not planned", extra=extra)
        waiting = unfinished
    return report


def _turn(database: Database, send: Send, tenant_id: UUID, now: datetime, report: TickReport) -> bool:
    """Does one batch of a tenant. Returns True when there is more."""
    scope = Scope(tenant_id=tenant_id)
    with database.autocommit(scope) as connection:
        if not schedule_runs.has_work(connection, tenant_id, now):
            return False
    with database.transaction(scope) as connection:
        due = schedules.take_due(connection, tenant_id, now, BATCH)
        planned = _plan(connection, tenant_id, due, now, report) if due else []
    with database.autocommit(scope) as connection:
        again = schedule_runs.take_left(
            connection, tenant_id, now, lease_until=now + schedule_runs.UNSENT_LEASE, rows=BATCH
        )
        waiting = deliveries.take(connection, tenant_id, now, lease_until=now + DELIVERY_LEASE, rows=BATCH)
    runs = [Job(tenant_id, run_id) for run_id in (*planned, *again)]
    jobs = [*runs, *(Job(tenant_id, run.id, run.delivery_attempts) for run in waiting)]
    taken = send(jobs)
    queued = [job.run_id for job in taken if job.delivery is None]
    if queued:
        with database.autocommit(scope) as connection:
            schedule_runs.mark_sent(connection, tenant_id, queued, now + QUEUED_LEASE)
    report.planned += len(planned)
    report.sent_again += len(again)
    report.deliveries += len(waiting)
    report.unsent += len(jobs) - len(taken)
    return max(len(due), len(again), len(waiting)) == BATCH


def _plan(
    connection: Connection, tenant_id: UUID, due: Sequence[DueSchedule], now: datetime, report: TickReport
) -> list[UUID]:
    """Writes a run for each schedule that wants one and moves all of them on. Returns the ids of the runs."""
    moves: list[Advance] = []
    runs: list[PlannedRun] = []
    for schedule in due:
        try:
            planned = plan(_due(schedule), now)
        except InvalidFields:  # what was valid when it was saved: a later edition of the zones has lost this one
            planned = Plan(None, None, UNREADABLE)
            report.unreadable += 1
            _tell_owner(connection, schedule, now)
        moves.append(Advance(schedule.id, planned.planned_at, planned.next_run, planned.inactive_reason))
        if planned.planned_at is not None:
            runs.append(PlannedRun(new_id(), schedule.user_id, schedule.id, planned.planned_at, "clock"))
    schedules.advance(connection, tenant_id, moves)
    return schedule_runs.plan(connection, tenant_id, runs, now + schedule_runs.UNSENT_LEASE) if runs else []


def _tell_owner(connection: Connection, schedule: DueSchedule, now: datetime) -> None:
    extra = {"scheduleId": str(schedule.id)}
    logger().warning("a schedule was switched off: its times cannot be reckoned", extra=extra)
    recipient = schedule.owner_email or schedule.notification_email
    if recipient:
        mail = asdict(mails.unreadable(schedule))
        mail_outbox.put(connection, tenant_id=schedule.tenant_id, to=recipient, now=now, **mail)


def _due(schedule: DueSchedule) -> Due:
    return Due(
        cadence=read_cadence(schedule.rhythm, schedule.anchor),
        next_run=schedule.next_run,
        missed_runs=schedule.missed_runs,
        run_count=schedule.run_count,
        max_runs=schedule.max_runs,
        owner_active=schedule.owner_status == "active",
    )
