"""A stack of its own for a module's tests, and people who talk to it over HTTP."""

import json
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from dev import postgres
from dev.children import free_port
from dev.practice import PracticeProviders, practice_environment
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Row, Scope
from tests.running_stack import Running
from tests.small_catalogue import use_small_catalogue

T = TypeVar("T")


class Client:
    """Talks to the stack as one person."""

    def __init__(self, port: int, email: str = "ada@demo.test", tenant: str = "demo", *groups: str) -> None:
        self.port = port
        asked_for = {"email": email, "tenant": tenant, **({"groups": groups} if groups else {})}
        status, answer = self.call("POST", "/dev/token", asked_for, token="")
        assert status == 200, answer
        self.token = answer["access_token"]

    def open(
        self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str
    ) -> tuple[HTTPConnection, HTTPResponse]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        raw = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        bearer = self.token if token is None else token
        sent = {**({"Authorization": f"Bearer {bearer}"} if bearer else {}), **headers}
        connection.request(method, path, raw, sent)
        return connection, connection.getresponse()

    def call(self, method: str, path: str, body: Any = None, **options: Any) -> tuple[int, Any]:
        connection, answer = self.open(method, path, body, **options)
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text)

    def chat(self, content: str = "Hello", **fields: Any) -> tuple[int, Any]:
        return self.call("POST", "/api/chat", {"content": content, "modelId": None, **fields})

    def stream(self, content: str = "Hello", **fields: Any) -> tuple[HTTPConnection, HTTPResponse]:
        body = {"content": content, "modelId": None, **fields}
        return self.open("POST", "/api/chat", body, Accept="text/event-stream")


def until(look: Callable[[], T | None], seconds: float = 30.0) -> T:
    """Returns what `look` finds, as soon as it finds something. Each look asks the stack, so nothing sleeps."""
    limit = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < limit, "It never came to that."
    return found


def browse(method: str, url: str) -> tuple[int, str]:
    """Returns what a browser gets of a page of practice Stripe: the status, and the page or where it leads."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc, timeout=60)
    connection.request(method, parts.path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers["Location"] if answer.status == 303 else text


class Stack:
    """A running stack, its practice providers, and a look into its database."""

    def __init__(self, folder: Path, practice: PracticeProviders, **environment: str) -> None:
        self._folder, self.practice, self.port = folder, practice, free_port()
        feeds = {"STOA_FEED_URL": "practice", "STOA_SECOND_FEED_URL": "practice"}
        self._environment = practice_environment(practice.port, feeds) | environment
        self.start()

    def start(self) -> None:
        self.running = Running(self._folder, self.port, self._environment)
        self.running.wait_for_line("Providers without a key")

    @contextmanager
    def owner(self) -> Iterator[Database]:
        """Its database, as the owner."""
        server = postgres.start(self._folder / "postgres")  # joins the one that runs
        database = Database(parse_url(server.url))
        try:
            yield database
        finally:
            database.close()

    def query(self, sql: str, **parameters: Any) -> list[Row]:
        with self.owner() as owner, owner.autocommit(Scope()) as connection:
            return connection.run(sql, **parameters)


@contextmanager
def running_stack(*, todays_models: bool = False, **environment: str) -> Iterator[Stack]:
    """A stack with its own providers and data, stopped when the block ends. Most stories are of the small catalogue."""
    with PracticeProviders() as practice, tempfile.TemporaryDirectory(prefix="stoa-e2e-") as folder:
        started = Stack(Path(folder) / ".stoa", practice, **environment)
        if not todays_models:
            with started.owner() as owner:
                use_small_catalogue(owner)
        yield started
        started.running.stop(signal.SIGTERM)


def events(answer: HTTPResponse) -> Iterator[tuple[str, Any]]:
    """Events as they come off the socket."""
    name = ""
    while line := answer.readline():
        if line.startswith(b"event: "):
            name = line[7:].strip().decode()
        elif line.startswith(b"data: "):
            yield name, json.loads(line[6:])
