"""What the gateway takes for no acceptable request: refused, and the connection closed."""

import json
from typing import Any

import pytest

from .conftest import GOOD, RunGateway, ask


def error_of(raw: bytes) -> dict[str, Any]:
    head, _, body = raw.partition(b"\r\n\r\n")
    error = json.loads(body)["error"]
    assert set(error) == {"code", "message", "requestId"}
    return {"status": int(head.split()[1]), "code": error["code"]}


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b"GET open HTTP/1.1\r\nHost: a\r\n\r\n", 400, "MALFORMED_REQUEST"),
        (
            b"POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            400,
            "MALFORMED_REQUEST",
        ),
        (b"GET /open HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 10_300 + b"\r\n\r\n", 431, "HEADERS_TOO_LARGE"),
        (b"POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 10485761\r\n\r\n", 413, "PAYLOAD_TOO_LARGE"),
        (
            b"POST /things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nA00001\r\n" + b"x" * 0xA00001,
            413,
            "PAYLOAD_TOO_LARGE",
        ),
    ],
    ids=["no path", "two lengths", "long headers", "long body", "long chunk"],
)
def test_a_request_that_is_not_acceptable_is_refused_and_the_connection_closed(
    run_gateway: RunGateway, raw: bytes, status: int, code: str
) -> None:
    assert error_of(run_gateway().exchange(raw)) == {"status": status, "code": code}


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /open\r\n\r\n",
        b"GET /open HTTP/1.1\r\n\r\n",  # no Host
        b"GET /open HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a\r\nX: b\x00c\r\n\r\n",
        b"POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /things HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST /things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"POST /things HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET /open HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 70_000,
    ],
)
def test_bytes_that_are_no_request_are_refused_by_the_server_itself_and_the_connection_closed(
    run_gateway: RunGateway, raw: bytes
) -> None:
    called = []
    answer = run_gateway(things=lambda *_: called.append(1)).exchange(raw)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in head.lower()
    assert b"Invalid HTTP request received." in body
    assert called == []


def test_a_refusal_reaches_a_client_that_is_still_sending_a_large_body(run_gateway: RunGateway) -> None:
    body = b"x" * (11 * 1024 * 1024)
    answer, text = ask(run_gateway(), "POST", "/things", body, GOOD)
    assert (answer.status, json.loads(text)["error"]["code"]) == (413, "PAYLOAD_TOO_LARGE")
