"""Very many prompts due in one minute, eight worker processes, one of them killed: everything once, nothing twice."""

import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from uuid import UUID

import pytest

from stoa.clients.aws.run_queue import Job
from stoa.core.ids import new_id
from stoa.database.pool import Database, Scope
from stoa.workflows.schedules.tick import tick
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.chat.support import Desk, ScriptedProviders, make_member, overlay
from tests.integration.schedules.support import NOON, Office
from tests.integration.schedules.workers import WorkerProcess

WORKERS = 8
BATCH = 10
A_MEMBER = 50  # schedules
LOCKED = 2  # of each member's: their prompts fail


@pytest.fixture
def workers(runtime_url: str) -> Iterator[list[WorkerProcess]]:
    """Eight; the first falls silent in the middle of its work."""
    started = [WorkerProcess(runtime_url, falls_silent_after=12 if number == 0 else None) for number in range(WORKERS)]
    yield started
    for worker in started:
        worker.stop()


def crowd(database: Database, tenant_id: UUID, members: int) -> None:
    """Members with schedules that are all due at NOON."""
    first = None
    for number in range(members):
        desk = Desk(database, make_member(database, tenant_id, f"member-{number}"), ScriptedProviders())
        office = Office(desk)
        office.bulk(A_MEMBER - LOCKED, NOON)
        office.bulk(LOCKED, NOON, model_id="gpt-4o")
        first = first or desk
    assert first is not None
    overlay(first, "gpt-4o", trial_messages=0)
    overlay(first, "gpt-4o-mini", daily_limit=1_000_000)


def drain(workers: list[WorkerProcess], jobs: list[Job], now: datetime) -> None:
    """Hand out batches in turn and wait for all, except the one that falls silent, which is killed."""
    batches = [jobs[start : start + BATCH] for start in range(0, len(jobs), BATCH)]
    handed: Counter[int] = Counter()
    for batch, number in zip(batches, cycle(range(len(workers))), strict=False):
        workers[number].hand(batch, now)
        handed[number] += 1
    for number, worker in reversed(list(enumerate(workers))):
        for _ in range(handed[number]):
            if worker.finished() == "silent":
                worker.kill()
                break


def everything_runs_once(database: Database, owner: Database, workers: list[WorkerProcess], members: int) -> None:
    with owner.autocommit(Scope()) as connection:
        connection.run("DELETE FROM schedules")
    tenants = [create_tenant(database, f"t-{new_id()}", "Crowd", "UTC", datetime.now(UTC)) for _ in range(2)]
    for tenant_id in tenants:
        crowd(database, tenant_id, members // 2)

    queue: list[Job] = []

    def send(jobs: Any) -> list[Job]:
        queue.extend(jobs)
        return list(jobs)

    def tick_at(at: datetime) -> list[Job]:
        queue.clear()
        tick(database, send, lambda: at, at + timedelta(hours=1))
        return list(queue)

    jobs = tick_at(NOON)
    assert len(jobs) == len({job.run_id for job in jobs}) == members * A_MEMBER
    drain(workers, jobs, NOON)
    survivors = workers[1:]
    # The killed worker's run: its lease ends after seven minutes; messages it had not begun come again after a quarter.
    for minutes in (8, 16, 24):
        at = NOON + timedelta(minutes=minutes)
        again = tick_at(at)
        assert minutes == 24 or again
        drain(survivors, again, at)

    for tenant_id in tenants:
        check(owner, tenant_id, members // 2)


def check(owner: Database, tenant_id: UUID, members: int) -> None:
    def one(sql: str) -> dict[str, Any]:
        with owner.autocommit(Scope()) as connection:
            return connection.run(sql, tenant_id=tenant_id)[0]

    fine, failing = members * (A_MEMBER - LOCKED), members * LOCKED
    runs = one(
        """
        SELECT count(*) AS runs, count(DISTINCT (schedule_id, planned_at)) AS planned,
            count(*) FILTER (WHERE status = 'succeeded' AND output = 'Hello there.') AS succeeded,
            count(*) FILTER (WHERE status = 'failed' AND error_code = 'MODEL_LOCKED') AS failed,
            count(DISTINCT conversation_id) AS conversations
        FROM schedule_runs WHERE tenant_id = :tenant_id
        """
    )
    assert runs == {
        "runs": fine + failing,
        "planned": fine + failing,
        "succeeded": fine,
        "failed": failing,
        "conversations": fine,
    }
    mails = one("SELECT count(*) AS mails FROM mail_outbox WHERE tenant_id = :tenant_id")
    assert mails == {"mails": fine}
    lines = one(
        """
        SELECT count(*) FILTER (WHERE status = 'completed') AS completed,
            count(*) FILTER (WHERE status = 'reserved') AS reserved
        FROM usage WHERE tenant_id = :tenant_id
        """
    )
    assert lines == {"completed": fine, "reserved": 0}
    counted = one("SELECT sum(used)::int AS used FROM daily_counters WHERE tenant_id = :tenant_id")
    assert counted == {"used": fine}
    schedules = one(
        """
        SELECT count(*) AS schedules, sum(run_count)::int AS counted,
            count(*) FILTER (WHERE next_run = '2027-05-03T13:00:00Z') AS moved_on
        FROM schedules WHERE tenant_id = :tenant_id
        """
    )
    assert schedules == {"schedules": fine + failing, "moved_on": fine + failing, "counted": fine + failing}


def test_prompts_due_at_once_run_once_each_although_a_worker_is_killed(
    runtime_database: Database, owner_database: Database, workers: list[WorkerProcess]
) -> None:
    """Four hundred; ten thousand, which take a minute, by STOA_TEST_PROMPTS=10000."""
    prompts = int(os.environ.get("STOA_TEST_PROMPTS", "400"))
    everything_runs_once(runtime_database, owner_database, workers, members=prompts // A_MEMBER)
