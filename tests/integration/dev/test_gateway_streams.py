"""Streamed answers through the gateway: pieces arrive while they are produced, and a client who leaves is noticed."""

import queue
import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dev.serving import answers
from stoa.core.errors import Conflict
from stoa.http.answers import StreamingAnswer
from stoa.runtime.streaming import Context

from .conftest import RunGateway, RunningGateway, read_all, read_until

EVENTS = {"Content-Type": "text/event-stream"}
ASK = b"POST /open-chat HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
ASK_1_0 = b"POST /open-chat HTTP/1.0\r\n\r\n"


class Production:
    """A stream whose pieces the test hands over one by one, and which tells how it ended."""

    def __init__(self, headers: dict[str, str] = EVENTS, status: int = 200) -> None:
        self.pieces: queue.Queue[bytes | Exception | None] = queue.Queue()
        self.cancelled = threading.Event()
        self.ended = threading.Event()
        self.how = ""
        self._answer = StreamingAnswer(status, dict(headers), self._body(), self.cancel)

    def handler(self, event: dict[str, Any], context: Context) -> StreamingAnswer:
        return self._answer

    def cancel(self) -> None:
        self.cancelled.set()
        self.pieces.put(None)  # as a shut-down provider connection makes a blocked read return

    def _body(self) -> Iterator[bytes]:
        try:
            while (piece := self.pieces.get(timeout=10)) is not None:
                if isinstance(piece, Exception):
                    raise piece
                yield piece
            self.how = "to its end"
        except GeneratorExit:
            self.how = "closed"
            raise
        finally:
            self.ended.set()


@pytest.fixture
def production() -> Production:
    return Production()


@pytest.fixture
def gateway(run_gateway: RunGateway, production: Production) -> RunningGateway:
    return run_gateway(chat=production.handler)


def test_a_piece_arrives_before_the_next_is_produced_and_the_connection_lives_on(
    gateway: RunningGateway, production: Production
) -> None:
    with gateway.connect() as client:
        client.sendall(ASK)
        production.pieces.put(b"data: 1\n\n")
        head_and_first = read_until(client, b"9\r\ndata: 1\n\n\r\n")
        assert b"transfer-encoding: chunked" in head_and_first.lower()
        assert b"content-type: text/event-stream" in head_and_first.lower()
        assert not production.ended.is_set()
        production.pieces.put(b"")  # an empty piece must not end the answer
        production.pieces.put(b"data: 2\n\n")
        assert read_until(client, b"2\n\n\r\n") == b"9\r\ndata: 2\n\n\r\n"
        production.pieces.put(None)
        assert read_until(client, b"0\r\n\r\n") == b"0\r\n\r\n"
        client.sendall(b"GET /open HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_until(client, b"{}").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_who_leaves_while_nothing_is_produced_cancels_and_closes(
    gateway: RunningGateway, production: Production, reset: bool
) -> None:
    client = gateway.connect()
    client.sendall(ASK)
    production.pieces.put(b"data: 1\n\n")
    read_until(client, b"data: 1")
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert production.cancelled.wait(10)
    assert production.ended.wait(10)
    gateway.server.stop()
    assert gateway.lines[-1].endswith("not sent to its end")


def test_a_stream_that_ignores_cancel_is_closed_at_its_next_piece(
    gateway: RunningGateway, production: Production
) -> None:
    production._answer.cancel = production.cancelled.set
    client = gateway.connect()
    client.sendall(ASK)
    production.pieces.put(b"data: 1\n\n")
    read_until(client, b"data: 1")
    client.close()
    assert production.cancelled.wait(10)
    production.pieces.put(b"data: 2\n\n")
    assert production.ended.wait(10)
    assert production.how == "closed"


def test_a_client_who_leaves_before_the_first_piece_is_noticed_too(
    gateway: RunningGateway, production: Production
) -> None:
    client = gateway.connect()
    client.sendall(ASK)
    client.close()
    assert production.cancelled.wait(10)
    assert production.ended.wait(10)


def test_an_answer_that_is_no_event_stream_comes_as_one_body_and_is_watched_too(run_gateway: RunGateway) -> None:
    production = Production({"Content-Type": "application/json"}, 201)
    gateway = run_gateway(chat=production.handler)
    production.pieces.put(b'{"a":')
    production.pieces.put(b"1}")
    production.pieces.put(None)
    with gateway.connect() as client:
        client.sendall(ASK)
        answer = read_until(client, b'{"a":1}')
        assert answer.startswith(b"HTTP/1.1 201 Created")
        assert b"content-length: 7" in answer
        assert b"transfer-encoding" not in answer.lower()
    leaving = Production({"Content-Type": "application/json"})
    gateway = run_gateway(chat=leaving.handler)
    client = gateway.connect()
    client.sendall(ASK)
    client.close()
    assert leaving.cancelled.wait(10)
    assert leaving.ended.wait(10)


def test_a_next_request_sent_early_is_no_sign_of_leaving(gateway: RunningGateway, production: Production) -> None:
    with gateway.connect() as client:
        client.sendall(ASK)
        production.pieces.put(b"data: 1\n\n")
        read_until(client, b"data: 1")
        client.sendall(b"GET /open HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        production.pieces.put(b"data: 2\n\n")
        production.pieces.put(None)
        rest = read_all(client)
        assert b"data: 2\n\n\r\n0\r\n\r\nHTTP/1.1 200 OK" in rest
        assert not production.cancelled.is_set()


def test_a_stream_that_fails_at_once_is_an_error_answer(gateway: RunningGateway, production: Production) -> None:
    production.pieces.put(Conflict("IN_PROGRESS", "This request is being answered."))
    raw = gateway.exchange(ASK[:-2] + b"Connection: close\r\n\r\n")
    assert raw.startswith(b"HTTP/1.1 409 ")
    assert b'"code":"IN_PROGRESS"' in raw


def test_a_stream_that_fails_midway_is_cut_so_that_the_client_knows(
    gateway: RunningGateway, production: Production
) -> None:
    production.pieces.put(b"data: 1\n\n")
    production.pieces.put(ValueError("the secret of the house"))
    raw = gateway.exchange(ASK)
    assert raw.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n")  # neither the last chunk nor anything else


def test_an_http_1_0_client_gets_the_plain_stream(gateway: RunningGateway, production: Production) -> None:
    for piece in (b"data: 1\n\n", b"data: 2\n\n", None):
        production.pieces.put(piece)
    raw = gateway.exchange(ASK_1_0)
    assert raw.endswith(b"\r\n\r\ndata: 1\n\ndata: 2\n\n")
    assert b"connection: close" in raw.lower()


def test_stopping_cancels_the_streams_that_do_not_end_in_time(gateway: RunningGateway, production: Production) -> None:
    with gateway.connect() as client:
        client.sendall(ASK)
        production.pieces.put(b"data: 1\n\n")
        read_until(client, b"data: 1")
        gateway.server.stop(seconds=0.05)
        assert production.cancelled.is_set()
        assert production.ended.wait(10)


def test_a_client_who_takes_nothing_is_given_up(
    gateway: RunningGateway, production: Production, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "WRITE_SECONDS", 0.1)
    with gateway.connect() as client:
        client.sendall(ASK)
        for _ in range(3):
            production.pieces.put(bytes(8 * 1024 * 1024))  # more than the sockets between them hold
        assert production.ended.wait(10)
        assert production.how == "closed"
