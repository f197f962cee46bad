"""The bytes of an HTTP/1.1 message: writing a request's head, reading an answer's, and finding the body's end.

https://www.rfc-editor.org/rfc/rfc9112. The standard library's client reads an answer through four layers; a stream of
200 small chunks costs less CPU when each socket read is looked at once, here.
"""

import re
from collections.abc import Mapping

from stoa.clients.wires.chunked import ChunkedBody

LARGEST_HEAD = 64 * 1024
_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\U0010ffff]")  # in a request target
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) (\d{3})(?: |$)")


class NotSendable(ValueError):
    """A header or address holds characters that HTTP cannot carry. Never says which: it may be the key."""


class NotHTTP(ValueError):
    """What came back is not HTTP/1.1."""


def request_bytes(method: str, target: str, host: str, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """A whole request. Raises NotSendable."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in headers.items() if name.lower() not in ("host", "content-length")]
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    if _FORBIDDEN.search(target) or any(map(_FORBIDDEN_IN_VALUE.search, lines)):
        raise NotSendable
    try:
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (body or b"")
    except UnicodeEncodeError:
        raise NotSendable from None


class AnswerHead:
    """Status and headers of an answer, and how its body is delimited."""

    __slots__ = ("headers", "keeps", "length", "status")

    def __init__(self, head: bytes) -> None:
        first, *lines = head.split(b"\r\n")
        found = _STATUS_LINE.match(first)
        if found is None:
            raise NotHTTP
        self.status = int(found[2])
        self.headers: dict[str, str] = {}  # names in lower case
        for line in lines:
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon:
                raise NotHTTP
            self.headers[name.lower()] = value.strip()
        length = self.headers.get("content-length")
        if length is not None and not length.isdecimal():
            raise NotHTTP
        self.length = 0 if self.status in (204, 304) else None if length is None else int(length)
        self.keeps = found[1] == b"1" and "close" not in self.headers.get("connection", "").lower()

    @property
    def chunked(self) -> bool:
        """True when the body tells its end by chunks."""
        return "chunked" in self.headers.get("transfer-encoding", "").lower()


class Body:
    """Decodes what is read after the head. `ended` turns True with the last byte; `keeps` says whether the connection
    may serve again after that."""

    __slots__ = ("_chunked", "_left", "ended", "keeps")

    def __init__(self, head: AnswerHead) -> None:
        self._chunked = ChunkedBody() if head.chunked else None
        self._left = None if head.chunked else head.length  # None without chunks: the body ends with the connection
        self.ended = self._left == 0
        self.keeps = head.keeps and (head.chunked or head.length is not None)

    def feed(self, data: bytes) -> bytes:
        """Body bytes in what was read; empty data means that the other side has closed.

        Raises ConnectionResetError when it closed too early, ValueError when it is not chunked coding.
        """
        if self._chunked is not None:
            if not data:
                raise ConnectionResetError
            data = self._chunked.feed(data)
            self.ended = self._chunked.ended
            return data
        if self._left is None:
            self.ended = not data
            return data
        if not data:
            raise ConnectionResetError
        if len(data) > self._left:
            self.keeps = False  # more than was announced: whatever follows is not an answer of ours
            data = data[: self._left]
        self._left -= len(data)
        self.ended = self._left == 0
        return data
