"""A gateway on a free port before functions that the test gives it."""

import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from typing import Any

import pytest

from dev.gateway.functions import Functions
from dev.gateway.gateway import Gateway
from dev.gateway.template import HTTP_EVENT, REST_EVENT, Function, Route
from dev.serving.application import Application
from dev.serving.server import Server, listen
from stoa.core.errors import Unauthenticated

CLAIMS = {"sub": "s-1", "email": "ada@demo.test", "cognito:groups": ["admin", "member"], "exp": 4_102_444_800}
GOOD = {"Authorization": "Bearer good"}


def function_named(name: str) -> Function:
    return Function(name, name.title(), f"functions.{name}.handler", "handler", timeout=3, memory=128)


@dataclass
class RunningGateway:
    """A running gateway as a test holds it: its address, and what it logged."""

    server: Server
    lines: list[str] = field(default_factory=list)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.server.port), 10)

    def exchange(self, raw: bytes) -> bytes:
        """Send bytes, end sending, and read everything that comes back."""
        with self.connect() as client:
            client.sendall(raw)
            return read_all(client)


RunGateway = Callable[..., RunningGateway]


def ask(
    gateway: RunningGateway,
    method: str,
    path: str,
    body: str | bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", gateway.server.port, timeout=10)
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer, text


def read_all(client: socket.socket) -> bytes:
    pieces = []
    while piece := client.recv(65_536):
        pieces.append(piece)
    return b"".join(pieces)


def read_until(client: socket.socket, mark: bytes) -> bytes:
    """Read up to and with `mark`; fails when the other side ends before."""
    have = b""
    while mark not in have:
        piece = client.recv(65_536)
        assert piece, f"the connection ended after {have!r}"
        have += piece
    return have


def verify(token: str) -> Mapping[str, Any]:
    if token != "good":
        raise Unauthenticated("This token is not valid.")
    return CLAIMS


@pytest.fixture
def run_gateway() -> Iterator[RunGateway]:
    """Starts gateways; the test names a handler for `GET /things/{id}`, `POST /things` and `POST /chat`."""
    running: list[RunningGateway] = []

    def run(**handlers: Callable[[dict[str, Any], Any], Any]) -> RunningGateway:
        things, chat, authorizer = (function_named(name) for name in ("things", "chat", "authorizer"))
        routes = [
            Route(HTTP_EVENT, "GET", "/things/{id}", things, public=False),
            Route(HTTP_EVENT, "POST", "/things", things, public=False),
            Route(HTTP_EVENT, "GET", "/open", things, public=True),
            Route(REST_EVENT, "POST", "/chat", chat, public=False, authorizer=authorizer),
            Route(REST_EVENT, "POST", "/open-chat", chat, public=True),
        ]

        def load(function: Function) -> Callable[[dict[str, Any], Any], Any]:
            return handlers.get(function.name, lambda event, context: {"statusCode": 200, "body": "{}"})

        lines: list[str] = []
        gateway = Gateway(routes, Functions([things, chat, authorizer], load), verify, log=lines.append)
        started = RunningGateway(Server(listen(0), Application(gateway.respond, gateway.refuse)), lines)
        running.append(started)
        return started

    yield run
    for gateway in running:
        gateway.server.stop()
