"""PostgreSQL is killed at random moments while members chat: the books agree afterwards, to the last line.

`STOA_KILLS=100` makes it long; three times is what every run of the tests does.
"""

import os
import random
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from dev import postgres
from dev.database import prepare
from stoa.core.errors import StoaError
from stoa.core.ids import new_id
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope
from stoa.workflows.chat.books import RESERVATION_LIFETIME
from stoa.workflows.operations.sweep import sweep_all
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.chat.support import Desk, ScriptedProviders, make_member

KILLS = int(os.environ.get("STOA_KILLS", "3"))
MEMBERS = 4

# One row for each way in which the books could disagree; there must be none.
DISAGREEMENTS = """
SELECT 'counter' AS what, d.user_id, d.model_id, d.used::text AS said, coalesce(l.lines, 0)::text AS lines
FROM daily_counters d
LEFT JOIN (
    SELECT user_id, model_id, local_day, count(*) AS lines FROM usage
    WHERE status IN ('reserved', 'completed') OR (status = 'partial' AND error_code = 'CLIENT_GONE')
    GROUP BY 1, 2, 3
) l ON l.user_id = d.user_id AND l.model_id = d.model_id AND l.local_day = d.day
WHERE d.used <> coalesce(l.lines, 0)
UNION ALL
SELECT 'answer without settled line', m.user_id, m.model_id, m.id::text, coalesce(u.status, 'no line')
FROM messages m LEFT JOIN usage u ON u.id = m.usage_id
WHERE m.role = 'assistant' AND coalesce(u.status, '') NOT IN ('completed', 'partial')
UNION ALL
SELECT 'settled line without answer', u.user_id, u.model_id, u.id::text, u.status
FROM usage u WHERE u.status = 'completed' AND NOT EXISTS (SELECT FROM messages m WHERE m.usage_id = u.id)
UNION ALL
SELECT 'reserved past its expiry', u.user_id, u.model_id, u.id::text, u.status
FROM usage u WHERE u.status = 'reserved'
"""


@dataclass
class Chats:
    """Members who chat without a pause, and what they were told."""

    database: Database
    tenant_id: UUID
    told_done: list[str] = field(default_factory=list)
    surprises: list[BaseException] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)
    one_done: threading.Event = field(default_factory=threading.Event)

    def chat(self, number: int) -> None:
        desk = None
        while not self.stop.is_set():
            try:
                if desk is None:
                    member = make_member(self.database, self.tenant_id, f"member-{number}")
                    desk = Desk(self.database, member, ScriptedProviders())
                self.told_done.append(desk.send()[-1].data["messageId"])
                self.one_done.set()
            except StoaError as error:
                if error.code != "UNAVAILABLE":
                    self.surprises.append(error)
            except Exception as error:  # noqa: BLE001 - whatever comes is a finding
                self.surprises.append(error)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="stoa-kill-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_the_books_agree_after_every_kill(folder: Path) -> None:
    choose = random.Random(7)
    server = postgres.start(folder / "postgres")
    url = prepare(server.url, embedded=True)
    database = Database(parse_url(url), MEMBERS)
    tenant_id = create_tenant(database, f"t-{new_id()}", "Killed", "UTC", datetime.now(UTC))
    chats = Chats(database, tenant_id)
    for _ in range(KILLS):
        chats.stop.clear()
        chats.one_done.clear()
        threads = [threading.Thread(target=chats.chat, args=(number,)) for number in range(MEMBERS)]
        for thread in threads:
            thread.start()
        assert chats.one_done.wait(30), chats.surprises
        chats.stop.wait(choose.uniform(0, 0.2))  # a random moment; nothing depends on its length
        assert server.process is not None
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        chats.stop.set()
        for thread in threads:
            thread.join()
        server = postgres.start(folder / "postgres")
        sweep_all(database, datetime.now(UTC) + RESERVATION_LIFETIME + timedelta(seconds=1))
        owner = Database(parse_url(server.url))
        with owner.autocommit(Scope()) as connection:
            assert connection.run(DISAGREEMENTS) == []
            saved = {str(row["id"]) for row in connection.run("SELECT id FROM messages WHERE role = 'assistant'")}
        owner.close()
        assert set(chats.told_done) <= saved  # what a member was told is done is never lost
    database.close()
    server.stop()
    assert chats.surprises == []
