"""Server-sent events come out the same wherever the network cut them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.clients.http.sse import LARGEST_EVENT, NotAnEventStream, events, json_of

STREAMS = [
    pytest.param(b'data: {"a": 1}\n\ndata: [DONE]\n\n', [(b"", b'{"a": 1}'), (b"", b"[DONE]")], id="data only"),
    pytest.param(b"event: ping\ndata: {}\n\n", [(b"ping", b"{}")], id="named"),
    pytest.param(b"data: {}\nevent: late\n\n", [(b"late", b"{}")], id="name after data"),
    pytest.param(b"id: 7\nevent: output\ndata: one\ndata: two\n\n", [(b"output", b"one\ntwo")], id="several lines"),
    pytest.param(b"event: output\ndata: \ndata: \n\n", [(b"output", b"\n")], id="a line break as text"),
    pytest.param(b"event: output\ndata:  spaced\n\n", [(b"output", b" spaced")], id="one space belongs to the format"),
    pytest.param(b"data:tight\n\n", [(b"", b"tight")], id="no space at all"),
    pytest.param(b": keep-alive\n\ndata: x\n\n", [(b"", b"x")], id="comment"),
    pytest.param(b": hi\ndata: x\n\n", [(b"", b"x")], id="comment inside an event"),
    pytest.param(b"event: only\n\ndata: x\n\n", [(b"", b"x")], id="event without data"),
    pytest.param(b"retry: 3000\n\n\n\ndata: x\n\n", [(b"", b"x")], id="empty lines in a row"),
    pytest.param(b"data: x\r\n\r\ndata: y\r\n\r\n", [(b"", b"x"), (b"", b"y")], id="CRLF"),
    pytest.param(b"data: x\r\rdata: y\r\r", [(b"", b"x"), (b"", b"y")], id="CR"),
    pytest.param(b"event: a\r\ndata: x\r\n\r\ndata: y\n\n", [(b"a", b"x"), (b"", b"y")], id="mixed line ends"),
    pytest.param("data: grüße 👋\n\n".encode(), [(b"", "grüße 👋".encode())], id="characters of several bytes"),
    pytest.param(b"data: whole\n\ndata: unfinished", [(b"", b"whole")], id="unfinished event is dropped"),
    pytest.param(b"", [], id="empty"),
]


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
def test_events_do_not_depend_on_where_the_stream_is_split(stream: bytes, expected: list[tuple[bytes, bytes]]) -> None:
    for position in range(len(stream) + 1):
        assert list(events([stream[:position], stream[position:]])) == expected, position
    assert list(events(bytes([byte]) for byte in stream)) == expected


@given(
    st.lists(st.text(st.characters(exclude_characters="\r\n", codec="utf-8"), min_size=1), min_size=1),
    st.sampled_from(["\n", "\r\n"]),
    st.lists(st.integers(0, 400)),
)
def test_any_text_survives_any_splitting(texts: list[str], line_end: str, cuts: list[int]) -> None:
    stream = "".join(f"data: {text}{line_end}{line_end}" for text in texts).encode()
    places = sorted({0, *(cut for cut in cuts if cut < len(stream)), len(stream)})
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert [data.decode() for _, data in events(pieces)] == texts


def test_an_event_is_given_out_before_the_next_one_arrives() -> None:
    arrived: list[int] = []

    def pieces():
        for number in range(3):
            arrived.append(number)
            yield b"data: %d\n\n" % number

    for number, (_, data) in enumerate(events(pieces())):
        assert data == b"%d" % number
        assert arrived == list(range(number + 1))


def test_endless_bytes_without_an_event_are_refused() -> None:
    with pytest.raises(NotAnEventStream):
        list(events([b"x" * (LARGEST_EVENT + 1)]))


@pytest.mark.parametrize("text", ['{"a": [1, "ü"]}', ' {"a": 1}', '{"a": 1} ', "null", '\t"x"\n'])
def test_json_is_read_with_or_without_white_space_around_it(text: str) -> None:
    import json

    assert json_of(text.encode()) == json.loads(text)


@pytest.mark.parametrize("data", [b"", b"{", b'{"a": 1} x', b"\xff", b"[DONE"])
def test_what_is_not_json_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        json_of(data)
