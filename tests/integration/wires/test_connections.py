"""Tests when a connection serves again, when it must not, and when a request may be sent twice: almost never."""

import contextlib
import socket
import threading

import pytest

from stoa.clients.http import connections, exchange
from stoa.clients.wires import Cancel, Cancelled, Finish, ProviderError, Text, stream
from tests.integration.wires.canned import STREAM, Canned, chunked, data
from tests.integration.wires.conftest import call

HELLO = data('{"choices": [{"delta": {"content": "hello"}, "finish_reason": "stop"}]}')
DONE = data("[DONE]")
WHOLE = chunked(*HELLO, *DONE)


def asked(endpoint, server: Canned, **fields) -> list[object]:
    return list(stream(endpoint("openai", BASE_URL=server.address), call("m", **fields), Cancel()))


def served(answer: list[object]) -> bool:
    return [type(item) for item in answer] == [Text, Finish]


def test_whole_answers_share_a_connection(endpoint) -> None:
    with Canned(WHOLE, WHOLE) as server:
        assert served(asked(endpoint, server))
        assert served(asked(endpoint, server))
        assert server.connections == [1, 1]


def test_a_connection_is_kept_although_the_end_of_the_body_comes_after_the_answer_s(endpoint, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "AFTER_THE_END_SECONDS", 10.0)
    finished = threading.Event()

    def late(connection: socket.socket) -> None:
        connection.sendall(chunked(*HELLO, *DONE, end=False))
        assert finished.wait(10)
        connection.sendall(b"0\r\n\r\n")

    with Canned(late, WHOLE) as server:
        answer = stream(endpoint("openai", BASE_URL=server.address), call("m"), Cancel())
        assert isinstance(next(answer), Text)
        assert isinstance(next(answer), Finish)
        finished.set()
        assert list(answer) == []
        assert served(asked(endpoint, server))
        assert server.connections == [1, 1]


def test_an_answer_is_whole_although_the_end_of_the_body_never_comes(endpoint, monkeypatch) -> None:
    monkeypatch.setattr(exchange, "AFTER_THE_END_SECONDS", 0.01)
    with Canned(chunked(*HELLO, *DONE, end=False), WHOLE) as server:
        assert served(asked(endpoint, server))
        assert served(asked(endpoint, server))
        assert server.connections == [1, 2]


CLOSING = [
    pytest.param(chunked(*HELLO, *DONE, head=b"Connection: close\r\n"), id="told to close"),
    pytest.param(WHOLE.replace(b"HTTP/1.1", b"HTTP/1.0"), id="HTTP 1.0"),
]


@pytest.mark.parametrize("answer", CLOSING)
def test_a_connection_that_was_announced_to_close_is_not_used_again(endpoint, answer: bytes) -> None:
    with Canned(answer, WHOLE) as server:
        assert served(asked(endpoint, server))
        assert served(asked(endpoint, server))
        assert server.connections == [1, 2]


def test_an_answer_may_end_with_the_connection(endpoint) -> None:
    def until_closed(connection: socket.socket) -> None:
        connection.sendall(STREAM + b"\r\n" + "".join([*HELLO, *DONE]).encode())
        connection.close()

    with Canned(until_closed) as server:
        assert served(asked(endpoint, server))


def test_an_announcement_before_the_answer_is_passed_over(endpoint) -> None:
    with Canned(b"HTTP/1.1 100 Continue\r\n\r\n" + WHOLE) as server:
        assert served(asked(endpoint, server))


def test_a_request_on_a_new_connection_is_never_sent_twice(endpoint) -> None:
    with Canned(lambda connection: connection.close(), WHOLE) as server:
        with pytest.raises(ProviderError):
            asked(endpoint, server)
        assert len(server.requests) == 1


def test_a_request_is_not_sent_twice_once_an_answer_has_begun(endpoint) -> None:
    def cut_in_the_head(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200")
        connection.close()

    with Canned(WHOLE, cut_in_the_head, WHOLE) as server:
        assert served(asked(endpoint, server))
        with pytest.raises(ProviderError):
            asked(endpoint, server)
        assert server.connections == [1, 1]


def test_a_request_that_timed_out_is_not_sent_twice(endpoint) -> None:
    with Canned(WHOLE, lambda _: None, WHOLE) as server:
        assert served(asked(endpoint, server))
        with pytest.raises(ProviderError) as failure:
            asked(endpoint, server, first_token_timeout=0.1)
        assert failure.value.kind == "timeout"
        assert server.connections == [1, 1]


def test_nothing_is_sent_over_a_connection_that_has_said_goodbye(endpoint) -> None:
    said = threading.Event()

    def goodbye(connection: socket.socket) -> None:
        connection.sendall(WHOLE)
        connection.shutdown(socket.SHUT_WR)  # and goes on reading: it would see what is sent
        said.set()

    with Canned(goodbye, WHOLE) as server:
        assert served(asked(endpoint, server))
        assert said.wait(10)
        assert served(asked(endpoint, server))
        assert server.connections == [1, 2]


def test_a_connection_that_was_idle_for_long_is_not_trusted(endpoint, monkeypatch) -> None:
    with Canned(WHOLE, WHOLE) as server:
        assert served(asked(endpoint, server))
        monkeypatch.setattr(connections, "IDLE_SECONDS", 0.0)
        assert served(asked(endpoint, server))
        assert server.connections == [1, 2]


def test_no_more_connections_are_kept_than_allowed(endpoint, monkeypatch) -> None:
    monkeypatch.setattr(connections, "IDLE_PER_ORIGIN", 1)
    with Canned(WHOLE, WHOLE, WHOLE, WHOLE) as server:
        first, second = (stream(endpoint("openai", BASE_URL=server.address), call("m"), Cancel()) for _ in range(2))
        for answer in (first, second):
            next(answer)
        assert [isinstance(list(answer)[-1], Finish) for answer in (first, second)] == [True, True]
        for _ in range(2):
            asked(endpoint, server)
        assert server.connections == [1, 2, 1, 1]


def test_a_connection_that_a_cancel_has_shut_is_not_kept(endpoint) -> None:
    with Canned(WHOLE, WHOLE) as server:
        cancel = Cancel()
        answer = stream(endpoint("openai", BASE_URL=server.address), call("m"), cancel)
        assert isinstance(next(answer), Text)
        cancel.cancel()
        with contextlib.suppress(Cancelled):
            list(answer)
        assert served(asked(endpoint, server))
        assert server.connections == [1, 2]


def test_a_redirect_is_not_followed_for_it_would_carry_the_key_away(endpoint) -> None:
    with Canned(b"HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n") as server:
        with pytest.raises(ProviderError) as failure:
            asked(endpoint, server)
        assert (failure.value.kind, failure.value.reason) == ("malformed", "the configured address redirects")
