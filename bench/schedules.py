"""How fast workers drain scheduled prompts: taken up, answered through the chat, charged, saved, mailed; all durable.

The upstream answers at once, so that what is measured is what Stoa itself does for a run.
"""

import multiprocessing
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bench.measure import Result, at_least, in_turn
from bench.server import Server
from functions.scheduled_prompts.handler import TOGETHER, answered
from stoa.clients.run_queue import Job
from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text
from stoa.db import Database, Scope
from stoa.dsn import parse_url
from stoa.identity import Member, Members, Principal
from stoa.ids import new_id
from stoa.prompt_run import RunAnswer, RunPrompt
from stoa.workflows.chat import Tools
from stoa.workflows.scheduled_runs import Worker, run, tick

RUNS = 600  # a round; by so many members that no counter is everybody's
MEMBERS = 60
ROUNDS = 3
WORKERS = (1, 2, 4)

_SCHEDULES = """
INSERT INTO schedules (
    id, tenant_id, user_id, name, prompt, model_id, kind, cron_expression, anchor, time_zone, output_destination,
    next_run, created_at, updated_at
)
SELECT i::uuid, :tenant_id ::uuid, :user_id ::uuid, 'Bench', 'One thought.', 'gpt-4o-mini', 'cron', '* * * * *',
    :due ::timestamptz, 'UTC', 'email', :due, :due, :due
FROM unnest(:ids ::text[]) AS i
"""


def measure(server: Server) -> list[Result]:
    """Runs a second by one worker of ten threads, and by two and four."""
    database = Database(parse_url(server.url), 4)
    _make_schedules(database, server)
    due = iter(_minutes())
    actions = {str(count): lambda count=count: _rate(server, database, count, next(due)) for count in WORKERS}
    rates = in_turn(actions, ROUNDS)
    database.close()
    one, two, four = (rates[str(count)] for count in WORKERS)
    cores = multiprocessing.cpu_count()
    detail = f"{one:.0f}/s by one worker, {two:.0f}/s by two, {four:.0f}/s by four, on {cores} cores with PostgreSQL"
    return [
        at_least(
            "schedules drained by one worker, per second", one, 100, detail, **{f"workers_{n}": rates[n] for n in rates}
        ),
        at_least("… by two workers ÷ (2 × one)", two / (2 * one), 0.8, detail),
    ]


def _minutes() -> Generator[datetime, None, None]:
    instant = datetime.now(UTC).replace(second=0, microsecond=0)
    while True:
        instant += timedelta(minutes=1)
        yield instant


def _make_schedules(database: Database, server: Server) -> None:
    due = datetime.now(UTC)
    with database.autocommit(Scope(tenant_id=server.tenant_id)) as connection:
        for number in range(MEMBERS):
            principal = Principal(f"scheduler-{number}", server.tenant_id, f"{number}@bench.test", frozenset())
            member = Members().get(database, principal)
            ids = [str(new_id()) for _ in range(RUNS // MEMBERS)]
            connection.run(_SCHEDULES, tenant_id=server.tenant_id, user_id=member.user_id, due=due, ids=ids)


def _rate(server: Server, database: Database, workers: int, now: datetime) -> float:
    jobs: list[Job] = []

    def send(more: Sequence[Job]) -> list[Job]:
        jobs.extend(more)
        return list(more)

    tick(database, send, lambda: now, now + timedelta(hours=1))
    assert len(jobs) == RUNS, f"{len(jobs)} runs were planned"
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(workers + 1)
    processes = [
        context.Process(target=_work, args=(server, jobs[number::workers], now, barrier)) for number in range(workers)
    ]
    for process in processes:
        process.start()
    barrier.wait(timeout=60)
    began = time.perf_counter()
    for process in processes:
        process.join()
    took = time.perf_counter() - began
    assert not any(process.exitcode for process in processes), "a worker broke off"
    return RUNS / took


def _work(server: Server, jobs: Sequence[Job], now: datetime, barrier: Any) -> None:
    database = Database(parse_url(server.url), TOGETHER)
    worker = Worker(database, lambda: now, _asking(database, now), _unused, _unused, _unused)
    with ThreadPoolExecutor(TOGETHER) as together:
        list(together.map(lambda _: _connect(database), range(TOGETHER)))
        barrier.wait(timeout=60)
        for start in range(0, len(jobs), TOGETHER):  # as Lambda hands batches to one instance
            batch = jobs[start : start + TOGETHER]
            list(together.map(lambda job: run(worker, job.tenant_id, job.run_id), batch))


def _connect(database: Database) -> None:
    with database.autocommit(Scope()) as connection:
        connection.run("SELECT pg_sleep(0.2)")  # so that each thread opens a connection of its own


def _asking(database: Database, now: datetime) -> Any:
    def endpoint(provider_id: str, _tenant_id: UUID) -> Endpoint:
        return Endpoint(provider_id, "openai", "http://provider.invalid", None)

    def stream(_endpoint: Endpoint, _call: Call, _cancel: Cancel) -> Generator[Text | Finish, None, None]:
        yield Text("A thought, and one more.")
        yield Finish("stop", 10, 20)

    def ask(member: Member, prompt: RunPrompt) -> RunAnswer:
        return answered(Tools(database, lambda: now, endpoint, stream, time.monotonic() + 60), member, prompt)

    return ask


def _unused(*_: Any, **__: Any) -> Any:
    raise AssertionError("these schedules deliver by mail")
