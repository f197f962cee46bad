"""A worker killed (SIGKILL) before or after each of its statements: its run is answered, charged and delivered once."""

import os
import signal
from collections import Counter
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from stoa.clients.aws.run_queue import Job
from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.database.wire import Row, Statement, Wire
from tests.integration.schedules.support import HOOK, MINUTE, NOON, Office

# In order: take the run up; its chat's snapshot, reservation and settlement; end it; begin the delivery; after the
# post, note it; commit.
STATEMENTS = 8
NOTED = 7
DEATHS = [(place, before) for place in range(1, STATEMENTS + 1) for before in (True, False)]


def test_whenever_it_is_killed_each_run_happens_once(office: Office, runtime_url: str) -> None:
    for _ in DEATHS:
        office.schedule(**HOOK)
    office.tick(NOON)
    jobs = dict(zip(DEATHS, office.queue, strict=True))
    office.queue.clear()
    posts: Counter[str] = Counter()
    for death, job in jobs.items():
        posts.update(killed(office, runtime_url, job, *death))

    for minutes in (2, 8, 16):  # leases end: of a delivery, of a run, of a message that nobody took up
        office.tick(NOON + minutes * MINUTE)
        office.work()
    report = office.tick(NOON + 40 * MINUTE)
    assert (report.sent_again, report.deliveries) == (0, 0)

    ends = Counter((row["status"], row["delivery_status"]) for row in office.runs())
    assert ends == {("succeeded", "delivered"): len(DEATHS)}
    lines = Counter(line["status"] for line in office.desk.lines())
    assert (lines["completed"], lines["reserved"]) == (len(DEATHS), 0)
    assert office.desk.used("gpt-4o-mini") == len(DEATHS)
    posts.update(one["id"] for one in office.posted)
    # Where it died between the receiver's answer and its note of it, it is posted again, under the same id.
    again = {(NOTED, True), (NOTED, False), (NOTED + 1, True)}
    assert posts == {str(job.run_id): 2 if death in again else 1 for death, job in jobs.items()}


def killed(office: Office, url: str, job: Job, place: int, before: bool) -> list[str]:
    """Let a process do the job until it dies at that statement; the ids of what it posted."""
    context = get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work_and_die, args=(office, url, job, place, before, theirs), daemon=True)
    process.start()
    theirs.close()
    process.join(30)
    assert process.exitcode == -signal.SIGKILL
    try:
        return [ours.recv()]
    except EOFError:
        return []


def _work_and_die(office: Office, url: str, job: Job, place: int, before: bool, pipe: Connection) -> None:
    execute, statements_sent = Wire.execute, 0

    def dying(wire: Wire, statements: Sequence[Statement]) -> list[list[Row]]:
        nonlocal statements_sent
        statements_sent += 1
        if before and statements_sent == place:
            os.kill(os.getpid(), signal.SIGKILL)
        answers = execute(wire, statements)
        if statements_sent == place:
            os.kill(os.getpid(), signal.SIGKILL)
        return answers

    class Posted(list[dict[str, Any]]):
        def append(self, post: dict[str, Any]) -> None:
            pipe.send(post["id"])

    Wire.execute = dying  # type: ignore[method-assign]
    office.desk.database = Database(parse_url(url), 1)
    office.posted = Posted()
    office.do(job)
