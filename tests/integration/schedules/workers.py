"""Worker processes that can be killed: each works on the batches that it is handed, ten runs at once, as on Lambda."""

import os
import signal
import time
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from threading import Event, Lock
from typing import Any
from uuid import UUID

from functions.scheduled_prompts.handler import TOGETHER
from stoa.clients.aws.run_queue import Job
from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text
from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.identity.members import Member
from stoa.workflows.chat import Tools
from stoa.workflows.schedules.ask import answered
from stoa.workflows.schedules.prompt_run import RunAnswer, RunPrompt
from stoa.workflows.schedules.run import run
from stoa.workflows.schedules.values import Worker

Batch = tuple[Sequence[Job], datetime]


class WorkerProcess:
    """A process with a database pool of its own. With `falls_silent_after`, its provider stops answering then."""

    def __init__(self, database_url: str, falls_silent_after: int | None = None) -> None:
        context = get_context("fork")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(database_url, theirs, falls_silent_after), daemon=True)
        self._process.start()
        theirs.close()

    def hand(self, jobs: Sequence[Job], now: datetime) -> None:
        """Give it a batch to work on; `finished` says when it is done with it."""
        self.pipe.send((jobs, now))

    def finished(self) -> str:
        """Wait until a batch is done ("done"), or the provider has fallen silent ("silent")."""
        return str(self.pipe.recv())

    def kill(self) -> None:
        """As the kernel does when memory is short."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.join()

    def stop(self) -> None:
        """Let it end by itself, which it does not where a test broke off with work in its hands."""
        if self._process.is_alive():
            self.pipe.send(None)
            self._process.join(5)
            self._process.kill()
            self._process.join()


def _work(database_url: str, pipe: Connection, falls_silent_after: int | None) -> None:
    database = Database(parse_url(database_url), TOGETHER)
    provider = _Provider(pipe, falls_silent_after)
    with ThreadPoolExecutor(TOGETHER) as together:
        while True:
            batch: Batch | None = pipe.recv()
            if batch is None:
                return
            jobs, now = batch
            worker = Worker(database, lambda now=now: now, _asking(database, now, provider), _never, _never, _never)
            list(together.map(lambda job, worker=worker: run(worker, job.tenant_id, job.run_id), jobs))
            pipe.send("done")


def _asking(database: Database, now: datetime, provider: "_Provider") -> Any:
    def endpoint(provider_id: str, tenant_id: UUID) -> Endpoint:
        return Endpoint(provider_id, "openai", "http://provider.invalid", None)

    def ask(member: Member, prompt: RunPrompt) -> RunAnswer:
        tools = Tools(database, lambda: now, endpoint, provider.stream, time.monotonic() + 60)
        return answered(tools, member, prompt)

    return ask


class _Provider:
    def __init__(self, pipe: Connection, falls_silent_after: int | None) -> None:
        self._pipe, self._left = pipe, falls_silent_after
        self._lock = Lock()

    def stream(self, endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
        yield Text("Hello ")
        with self._lock:
            if self._left is not None:
                self._left -= 1
                if self._left < 0:
                    self._pipe.send("silent")
                    Event().wait()  # until the process is killed; the other threads run into the lock
        yield Text("there.")
        yield Finish("stop", 10, 20)


def _never(*_: Any, **__: Any) -> Any:
    raise AssertionError("these schedules deliver by mail")
