from collections.abc import Iterator
from typing import Any

import pytest

from stoa.clients.aws import run_queue
from stoa.clients.aws.run_queue import Job
from stoa.database.pool import Database, Scope
from tests.integration.chat.support import Desk, ScriptedProviders, make_member
from tests.integration.member.conftest import ada, bob, stranger
from tests.integration.schedules.support import Office

__all__ = ["ada", "bob", "sent", "stranger"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Job]]:
    """Collects what was put into the queue."""
    jobs: list[Job] = []

    def send(more: Any) -> list[Job]:
        jobs.extend(more)
        return list(more)

    monkeypatch.setattr(run_queue, "send", send)
    yield jobs


@pytest.fixture
def office(owner_database: Database, runtime_database: Database, tenant: Any) -> Office:
    with owner_database.autocommit(Scope()) as connection:
        connection.run("DELETE FROM schedules")  # a tick goes through all tenants
    desk = Desk(runtime_database, make_member(runtime_database, tenant), ScriptedProviders())
    made = Office(desk)
    desk.clock = lambda: made.now
    return made
