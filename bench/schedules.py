"""Measures how fast workers drain scheduled prompts: taken up, answered, charged, saved and mailed; all durable.

Once with an upstream that answers at once, so that what is measured is what Stoa itself does for a run: that ends where
the machine's processors do. And once with one that takes its time, as providers do: workers wait then, and as many more
runs are drained as there are workers, unless something of ours makes them wait for each other.
"""

import multiprocessing
import os
import time
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from bench.measure import Result, Rounds, at_least, in_turn, spread
from bench.server import Server
from functions.scheduled_prompts.handler import TOGETHER
from stoa.clients.aws.run_queue import Job
from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text
from stoa.core.ids import new_id
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope
from stoa.identity.members import Member, Members, Principal
from stoa.workflows.chat import Tools
from stoa.workflows.schedules.ask import answered
from stoa.workflows.schedules.prompt_run import RunAnswer, RunPrompt
from stoa.workflows.schedules.run import run
from stoa.workflows.schedules.tick import tick
from stoa.workflows.schedules.values import Worker

RUNS = 400  # a round; by so many members that no counter is everybody's
WAITING_RUNS = 80
WAITING_SECONDS = 0.5  # of an upstream to its answer
WARM_UP = 40  # runs more, before a round: a connection's first ones prepare its statements
A_MEMBER = 10
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
    due = _minutes()
    waiting = _rates(server, database, WAITING_RUNS, WAITING_SECONDS, due)
    at_once = _rates(server, database, RUNS, 0, due)
    database.close()
    one, two, four = (at_once.medians[str(count)] for count in WORKERS)
    idle = {count: waiting.medians[str(count)] for count in WORKERS}
    scaled = Rounds({"four": waiting.samples["4"], "4 × one": [4 * rate for rate in waiting.samples["1"]]})
    cores = multiprocessing.cpu_count()
    name = "schedules drained by one worker, per second"
    figures = {f"workers_{count}": rate for count, rate in at_once.medians.items()}
    detail = f"{one:.0f}/s by one worker, {two:.0f}/s by two, {four:.0f}/s by four, on {cores} cores with PostgreSQL"
    linear = ", ".join(f"{idle[count]:.0f}/s by {count}" for count in WORKERS)
    return [
        at_least(name, spread(at_once.samples["1"]), 200, detail, **figures),
        at_least(
            f"… that wait {WAITING_SECONDS:g} s for the answer: by four workers ÷ (4 × one)",
            scaled.ratio("four", "4 × one"),
            0.9,
            f"{linear}; two ÷ (2 × one): {idle[2] / (2 * idle[1]):.2f}",
            **{f"workers_{count}": idle[count] for count in WORKERS},
        ),
    ]


def _rates(server: Server, database: Database, runs: int, seconds: float, due: Iterator[datetime]) -> Rounds:
    """Runs a second by each number of workers."""
    _make_schedules(database, server, WARM_UP + runs)
    actions = {
        str(count): lambda count=count: _rate(server, database, count, runs, seconds, next(due)) for count in WORKERS
    }
    return in_turn(actions, ROUNDS)


def _minutes() -> Generator[datetime, None, None]:
    instant = datetime.now(UTC).replace(second=0, microsecond=0)
    while True:
        instant += timedelta(minutes=1)
        yield instant


def _make_schedules(database: Database, server: Server, runs: int) -> None:
    """Makes schedules until there are so many in all. Each is due every minute."""
    due = datetime.now(UTC)
    with database.autocommit(Scope(tenant_id=server.tenant_id)) as connection:
        connection.run("DELETE FROM schedules")
        for number in range(runs // A_MEMBER):
            principal = Principal(f"scheduler-{number}", server.tenant_id, f"{number}@bench.test", frozenset())
            member = Members().get(database, principal)
            ids = [str(new_id()) for _ in range(A_MEMBER)]
            connection.run(_SCHEDULES, tenant_id=server.tenant_id, user_id=member.user_id, due=due, ids=ids)


def _rate(server: Server, database: Database, workers: int, runs: int, seconds: float, now: datetime) -> float:
    jobs: list[Job] = []

    def send(more: Sequence[Job]) -> list[Job]:
        jobs.extend(more)
        return list(more)

    tick(database, send, lambda: now, now + timedelta(hours=1))
    assert len(jobs) == WARM_UP + runs, f"{len(jobs)} runs were planned"
    context = multiprocessing.get_context("fork")
    barrier = context.Barrier(workers + 1)
    processes = [
        context.Process(target=_work, args=(server, jobs[number::workers], WARM_UP // workers, seconds, now, barrier))
        for number in range(workers)
    ]
    for process in processes:
        process.start()
    barrier.wait(timeout=60)
    began = time.perf_counter()
    for process in processes:
        process.join()
    took = time.perf_counter() - began
    assert not any(process.exitcode for process in processes), "a worker broke off"
    return runs / took


def _work(server: Server, jobs: Sequence[Job], warm_up: int, seconds: float, now: datetime, barrier: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # product events are written, and do not scroll the figures away
    database = Database(parse_url(server.url), TOGETHER)
    with ThreadPoolExecutor(TOGETHER) as together:

        def drain(some: Sequence[Job], seconds: float) -> None:
            worker = Worker(database, lambda: now, _asking(database, seconds, now), _unused, _unused, _unused)
            for start in range(0, len(some), TOGETHER):  # as Lambda hands batches to one instance
                batch = some[start : start + TOGETHER]
                list(together.map(lambda job: run(worker, job.tenant_id, job.run_id), batch))

        list(together.map(lambda _: _connect(database), range(TOGETHER)))
        drain(jobs[:warm_up], 0)
        barrier.wait(timeout=60)
        drain(jobs[warm_up:], seconds)


def _connect(database: Database) -> None:
    with database.autocommit(Scope()) as connection:
        connection.run("SELECT pg_sleep(0.2)")  # so that each thread opens a connection of its own


def _asking(database: Database, seconds: float, now: datetime) -> Any:
    def endpoint(provider_id: str, _tenant_id: UUID) -> Endpoint:
        return Endpoint(provider_id, "openai", "http://provider.invalid", None)

    def stream(_endpoint: Endpoint, _call: Call, _cancel: Cancel) -> Generator[Text | Finish, None, None]:
        time.sleep(seconds)
        yield Text("A thought, and one more.")
        yield Finish("stop", 10, 20)

    def ask(member: Member, prompt: RunPrompt) -> RunAnswer:
        return answered(Tools(database, lambda: now, endpoint, stream, time.monotonic() + 60), member, prompt)

    return ask


def _unused(*_: Any, **__: Any) -> Any:
    raise AssertionError("these schedules deliver by mail")
