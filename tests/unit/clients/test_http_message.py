"""HTTP/1.1 bytes: requests that cannot be split by what is put into them, and bodies that end where they end."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.clients.wires.chunked import ChunkedBody
from stoa.clients.wires.message import AnswerHead, Body, NotHTTP, NotSendable, request_bytes

CHUNKED = [
    pytest.param(b"3\r\nabc\r\n0\r\n\r\n", b"abc", id="one chunk"),
    pytest.param(b"3\r\nabc\r\n1\r\n\n\r\nA\r\n0123456789\r\n0\r\n\r\n", b"abc\n0123456789", id="several"),
    pytest.param(b"3;name=value\r\nabc\r\n0;x\r\n\r\n", b"abc", id="extensions"),
    pytest.param(b"003\r\nabc\r\n000\r\n\r\n", b"abc", id="leading zeros"),
    pytest.param(b"3\r\nabc\r\n0\r\nDigest: x\r\nOther: y\r\n\r\n", b"abc", id="trailers"),
    pytest.param(b"4\r\n\r\n\r\n\r\n0\r\n\r\n", b"\r\n\r\n", id="line ends as content"),
    pytest.param(b"0\r\n\r\n", b"", id="empty"),
]


@pytest.mark.parametrize(("coded", "content"), CHUNKED)
def test_chunked_content_does_not_depend_on_where_it_is_split(coded: bytes, content: bytes) -> None:
    for position in range(len(coded) + 1):
        body = ChunkedBody()
        got = body.feed(coded[:position]) if position else b""
        assert body.ended == (position == len(coded))
        if not body.ended:
            got += body.feed(coded[position:])
        assert (got, body.ended) == (content, True), position
    body = ChunkedBody()
    assert b"".join(body.feed(bytes([byte])) for byte in coded) == content
    assert body.ended


@given(st.lists(st.binary(min_size=1, max_size=300)), st.lists(st.integers(0, 2000)))
def test_any_chunks_survive_any_splitting(chunks: list[bytes], cuts: list[int]) -> None:
    coded = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
    places = sorted({0, *(cut for cut in cuts if cut < len(coded)), len(coded)})
    body = ChunkedBody()
    got = b"".join(body.feed(coded[start:end]) for start, end in itertools.pairwise(places))
    assert got == b"".join(chunks)
    assert body.ended


@pytest.mark.parametrize("coded", [b"xyz\r\nabc", b"-3\r\nabc", b"\r\n\r\n", b"1" * 5000])
def test_what_is_not_chunked_is_refused(coded: bytes) -> None:
    with pytest.raises(ValueError):
        ChunkedBody().feed(coded)


def test_a_request_has_one_host_and_the_length_of_its_body() -> None:
    headers = {"host": "evil", "Content-Length": "9", "Accept": "x"}
    assert request_bytes("POST", "/v1?a=b", "api.test:8443", headers, b"{}") == (
        b"POST /v1?a=b HTTP/1.1\r\nHost: api.test:8443\r\nAccept: x\r\nContent-Length: 2\r\n\r\n{}"
    )


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        ("/v1 HTTP/1.1\r\nX: y", {}),
        ("/v1\n", {}),
        ("/with space", {}),
        ("/ümlaut", {}),
        ("/v1", {"Authorization": "Bearer sk-secret\r\nX-Injected: 1"}),
        ("/v1", {"Authorization": "Bearer sk-secret\n"}),
        ("/v1", {"x-api-key": "sk-secret\x00"}),
        ("/v1", {"x-api-key": "sk-secret-€"}),
        ("/v1", {"Bad\r\nName": "x"}),
    ],
)
def test_nothing_can_be_smuggled_into_a_request_and_the_refusal_names_nothing(target: str, headers) -> None:
    with pytest.raises(NotSendable) as refusal:
        request_bytes("POST", target, "api.test", headers, None)
    assert "secret" not in repr(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


HEADS = [
    pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5", 200, 5, True, id="length"),
    pytest.param(b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked", 200, None, True, id="chunked"),
    pytest.param(b"HTTP/1.1 500 Oh no\r\nConnection: Close\r\ncontent-length:0", 500, 0, False, id="closing"),
    pytest.param(b"HTTP/1.0 200 OK\r\nContent-Length: 5", 200, 5, False, id="1.0"),
    pytest.param(b"HTTP/1.1 204 No Content", 204, 0, True, id="no content"),
    pytest.param(b"HTTP/1.1 200", 200, None, False, id="no reason phrase, until closed"),
]


@pytest.mark.parametrize(("head", "status", "length", "keeps"), HEADS)
def test_heads(head: bytes, status: int, length: int | None, keeps: bool) -> None:
    read = AnswerHead(head)
    assert (read.status, read.length) == (status, length)
    assert Body(read).keeps == keeps


@pytest.mark.parametrize(
    "head",
    [b"", b"SSH-2.0-OpenSSH_9", b"HTTP/2 200", b"HTTP/1.1 OK", b"HTTP/1.1 200 OK\r\nnonsense",
     b"HTTP/1.1 200 OK\r\nContent-Length: -1", b"HTTP/1.1 200 OK\r\nContent-Length: x"],
)  # fmt: skip
def test_what_is_not_http_is_refused(head: bytes) -> None:
    with pytest.raises(NotHTTP):
        AnswerHead(head)


def test_a_body_of_known_length_ends_there_and_more_spoils_the_connection() -> None:
    body = Body(AnswerHead(b"HTTP/1.1 200 OK\r\nContent-Length: 5"))
    assert (body.feed(b"abc"), body.ended) == (b"abc", False)
    assert (body.feed(b"deX"), body.ended, body.keeps) == (b"de", True, False)


@pytest.mark.parametrize("framing", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_a_body_that_is_cut_raises(framing: bytes) -> None:
    body = Body(AnswerHead(b"HTTP/1.1 200 OK\r\n" + framing))
    with pytest.raises(ConnectionResetError):
        body.feed(b"")


def test_a_body_without_framing_ends_with_the_connection() -> None:
    body = Body(AnswerHead(b"HTTP/1.1 200 OK"))
    assert (body.feed(b"abc"), body.ended) == (b"abc", False)
    assert (body.feed(b""), body.ended, body.keeps) == (b"", True, False)
