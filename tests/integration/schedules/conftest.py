from collections.abc import Iterator
from typing import Any

import pytest

from stoa.clients import run_queue
from stoa.clients.run_queue import Job
from tests.integration.member.conftest import ada, bob, stranger

__all__ = ["ada", "bob", "sent", "stranger"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Job]]:
    """What was put into the queue."""
    jobs: list[Job] = []

    def send(more: Any) -> list[Job]:
        jobs.extend(more)
        return list(more)

    monkeypatch.setattr(run_queue, "send", send)
    yield jobs
