"""Faults of a provider on every wire become one family of errors, which gives nothing away."""

import socket
import threading
import traceback

import pytest

from stoa.clients.wires import Cancel, Endpoint, Finish, ProviderError, Text, stream
from stoa.http.answers import error_headers
from tests.integration.wires.conftest import KEY, MESSAGE, WIRES, call


def failed(endpoint: Endpoint, model: str, **fields) -> tuple[int, ProviderError]:
    """Returns the number of pieces before the failure, and the failure."""
    pieces = 0
    with pytest.raises(ProviderError) as failure:
        for item in stream(endpoint, call(model, **fields), Cancel()):
            assert isinstance(item, Text)
            pieces += 1
    error = failure.value
    seen = "".join(traceback.format_exception(error)) + f"{error!r} {error.details} {error_headers(error)}"
    assert KEY not in seen
    assert MESSAGE not in seen
    assert error.provider_id == endpoint.provider_id
    return pieces, error


# fault, fields, pieces before it, kind, reason
FAULTS = [
    ("cut", {"afterChunks": 2}, 2, "unavailable", "the connection broke off"),
    ("end_early", {"afterChunks": 2}, 2, "unavailable", "cut mid-stream"),
    ("end_early", {"afterChunks": 0}, 0, "unavailable", "cut mid-stream"),
    ("error_event", {"afterChunks": 2}, 2, "unavailable", None),
    ("malformed", {"afterChunks": 2}, 2, "malformed", None),
    ("html", {}, 0, "malformed", None),
    ("context_length", {}, 0, "rejected", "context_length"),
    ("error_400", {}, 0, "rejected", None),
    ("error_401", {}, 0, "auth", None),
    ("error_403", {}, 0, "auth", None),
    ("error_404", {}, 0, "rejected", None),
    ("error_413", {}, 0, "rejected", "too_large"),
    ("error_422", {}, 0, "rejected", None),
    ("error_429", {"retryAfter": 7}, 0, "rate_limited", None),
    ("error_500", {}, 0, "unavailable", None),
    ("error_503", {"retryAfter": 3}, 0, "unavailable", None),
    ("error_529", {}, 0, "unavailable", None),
]


@pytest.mark.parametrize(("fault", "fields", "pieces", "kind", "reason"), FAULTS)
@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_faults(
    endpoint, practice, provider: str, model: str, fault: str, fields: dict, pieces: int, kind: str, reason: str | None
) -> None:
    practice.fault(fault, provider=provider, **fields)
    got, error = failed(endpoint(provider), model)
    assert (got, error.kind) == (pieces, kind)
    if reason is not None:
        assert error.reason == reason
    assert error.retry_after == fields.get("retryAfter")
    if fault.startswith("error_") and fault != "error_event":
        assert error.upstream_status == int(fault[6:])


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_new_connection_that_is_closed_without_an_answer(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("refuse")  # every time, so that a kept connection's second chance is refused, too
    assert failed(endpoint(provider), model)[1].kind == "unavailable"


@pytest.mark.parametrize("fault", ["hang", "slow_first_token"])
@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_no_first_token_in_time(endpoint, practice, provider: str, model: str, fault: str) -> None:
    practice.fault(fault, **({"delaySeconds": 60} if fault == "slow_first_token" else {}))
    _, error = failed(endpoint(provider), model, first_token_timeout=0.2)
    assert (error.kind, error.reason) == ("timeout", "no first token in time")
    practice.wait_for(lambda calls: calls[0]["ended"] == "client_disconnected" or calls[0]["cancelled"])


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_not_finished_in_time(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("hold", afterChunks=3)
    pieces, error = failed(endpoint(provider), model, seconds=0.5)
    assert (pieces, error.kind, error.reason) == (3, "timeout", "not finished in time")
    practice.wait_for(lambda calls: calls[0]["ended"] == "client_disconnected")


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_slow_answer_only_has_to_begin_in_time(endpoint, practice, provider: str, model: str) -> None:
    practice.fault("hold", afterChunks=1)
    answer = stream(endpoint(provider), call(model, first_token_timeout=1.0), Cancel())
    assert isinstance(next(answer), Text)
    release = threading.Timer(1.2, practice.release)  # beyond the first token's limit, which no longer counts
    release.start()
    assert isinstance(list(answer)[-1], Finish)


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_a_call_whose_time_is_up_is_not_made(endpoint, practice, provider: str, model: str) -> None:
    _, error = failed(endpoint(provider), model, seconds=-1.0)
    assert error.kind == "timeout"
    assert practice.calls() == []


@pytest.mark.parametrize(("provider", "model"), WIRES)
def test_nobody_listens(endpoint, provider: str, model: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and never listening: connecting is refused
        address = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        _, error = failed(endpoint(provider, BASE_URL=address), model)
    assert (error.kind, error.reason) == ("unavailable", "no connection")


@pytest.mark.parametrize("provider", ["openai", "anthropic", "replicate"])
def test_a_key_that_http_cannot_carry_is_refused_without_being_told(endpoint, practice, provider: str) -> None:
    _, error = failed(endpoint(provider, key=f"{KEY}\nX-Injected: yes"), "a/b")
    assert error.kind == "auth"
    assert practice.calls() == []


NOT_CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: text/event-stream\r\n\r\nnot chunks\r\n"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH\r\n\r\n", "malformed"),
        (NOT_CHUNKS, "unavailable"),  # http.client does not tell broken chunks from a broken connection
    ],
)
def test_a_server_that_speaks_something_else(endpoint, answer: bytes, kind: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(answer)
                connection.recv(65536)

        thread = threading.Thread(target=speak)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        _, error = failed(endpoint("openai", BASE_URL=address), "m")
        thread.join()
    assert error.kind == kind


def test_a_marker_in_the_message_orders_a_fault_for_that_message(endpoint, practice) -> None:
    asked = call("gpt-4o-mini", "please [[practice:cut afterChunks=1]]")
    answer = stream(endpoint("openai"), asked, Cancel())
    assert isinstance(next(answer), Text)
    with pytest.raises(ProviderError):
        next(answer)


def test_a_fault_for_one_model_and_one_time_leaves_the_others_alone(endpoint, practice) -> None:
    practice.fault("error_500", provider="openai", model="gpt-4o", times=1)
    assert list(stream(endpoint("openai"), call("gpt-4o-mini"), Cancel()))
    assert failed(endpoint("openai"), "gpt-4o")[1].kind == "unavailable"
    assert list(stream(endpoint("openai"), call("gpt-4o"), Cancel()))
