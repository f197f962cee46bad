"""Round trips per chat, counted on the socket between Stoa and PostgreSQL."""

import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stoa.clients.aws.run_queue import Job
from stoa.clients.wires.types import ProviderError
from stoa.database.dsn import Dsn, open_socket, parse_url
from stoa.database.pool import Database
from stoa.workflows.providers.provider_directory import CACHE_SECONDS, ProviderDirectory
from stoa.workflows.schedules import runs
from tests.integration.chat.support import Desk, caller_of, fails, make_member
from tests.integration.schedules.support import NOON, Office

SYNC, QUERY = b"S", b"Q"  # the client stops and waits for an answer after each of these (frontend messages)


class CountingProxy:
    """A Unix socket that passes bytes on to PostgreSQL and counts how often the client waits for an answer."""

    def __init__(self, upstream: Dsn, folder: str) -> None:
        self.waits = 0
        self._upstream = upstream
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.5432")
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = open_socket(self._upstream)
            server.settimeout(None)
            threading.Thread(target=self._requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self._pass_on, args=(server, client), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket) -> None:
        reader = client.makefile("rb")
        (length,) = struct.unpack("!i", reader.read(4))
        server.sendall(struct.pack("!i", length) + reader.read(length - 4))  # the start-up message has no type
        while header := reader.read(5):
            kind, length = struct.unpack("!ci", header)
            if kind in (SYNC, QUERY):
                self.waits += 1
            server.sendall(header + reader.read(length - 4))
        server.close()

    @staticmethod
    def _pass_on(server: socket.socket, client: socket.socket) -> None:
        try:
            while data := server.recv(65536):
                client.sendall(data)
        except OSError:
            return

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def proxy(runtime_url: str) -> Iterator[CountingProxy]:
    with TemporaryDirectory(prefix="stoa-") as folder:
        counting = CountingProxy(parse_url(runtime_url), folder)
        counting.folder = Path(folder)  # type: ignore[attr-defined]
        yield counting
        counting.close()


@pytest.fixture
def counted(desk: Desk, proxy: CountingProxy, runtime_url: str) -> Iterator[Desk]:
    dsn = parse_url(runtime_url)
    database = Database(parse_url(f"postgresql://{dsn.user}@/{dsn.database}?host={proxy.folder}"), 1)  # type: ignore[attr-defined]
    desk.database = database
    desk.send()
    proxy.waits = 0
    yield desk
    database.close()


def test_a_chat_takes_three_round_trips(counted: Desk, proxy: CountingProxy) -> None:
    counted.send()
    assert proxy.waits == 3  # snapshot, reservation, settlement with the saved conversation


def test_prompts_history_and_key_travel_with_the_snapshot(counted: Desk, proxy: CountingProxy) -> None:
    conversation_id = counted.query("SELECT id FROM conversations WHERE user_id = :user_id")[0]["id"]
    proxy.waits = 0
    counted.send(
        persona_id="lao", domain_mode="code", conversation_id=conversation_id, idempotency_key="k", request_hash="h"
    )
    assert proxy.waits == 3


def test_a_failover_takes_two_more(counted: Desk, proxy: CountingProxy) -> None:
    counted.providers.by_model["gpt-4o-mini"] = fails(ProviderError("unavailable", provider_id="openai"))
    counted.send(model_id="gpt-4o-mini")
    assert proxy.waits == 5  # ... and a release and a reservation of the next model


def test_the_first_request_of_a_member_takes_one_to_make_the_member(counted: Desk, proxy: CountingProxy) -> None:
    make_member(counted.database, counted.member.tenant_id, "newcomer")
    assert proxy.waits == 1


def test_looking_up_a_tenants_own_keys_takes_one_more_a_minute(counted: Desk, proxy: CountingProxy) -> None:
    clock = iter([0.0, 1.0, CACHE_SECONDS - 1.0])
    settings = {"STOA_PROVIDER_OPENAI_API_KEY": "sk-test"}
    directory = ProviderDirectory(counted.database, environment=settings, clock=lambda: next(clock))
    counted.endpoint = directory.endpoint
    counted.send(model_id="gpt-4o-mini")
    assert proxy.waits == 4  # with the providers' rows, which travel along
    counted.send(model_id="gpt-4o-mini")
    counted.send(model_id="gpt-4o-mini")
    assert proxy.waits == 4 + 3 + 3


def test_a_scheduled_run_takes_two_more_than_its_chat(counted: Desk, proxy: CountingProxy) -> None:
    office = Office(counted)
    schedule_id = office.schedule()
    jobs: list[Job] = []
    runs.run_now(caller_of(counted, NOON), schedule_id, lambda *job: jobs.append(Job(*job)))
    proxy.waits = 0
    office.do(jobs[0])
    assert proxy.waits == 5  # taken up; the chat's three; ended with its mail and the schedule's counters
