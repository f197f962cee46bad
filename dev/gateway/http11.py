"""Reading HTTP/1.1 requests (RFC 9112) off a socket, and writing the lines of answers.

Our own, because the standard library's handler parses headers with the e-mail parser: 100 µs a request, more than
everything else the gateway does.
"""

import re
import socket
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus

HEAD_LIMIT = 10_240  # bytes of request line and headers, as API Gateway's quota
BODY_LIMIT = 10 * 1024 * 1024  # bytes, as API Gateway's quota
READ_SIZE = 65_536

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_REQUEST_LINE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([!-~]+) HTTP/1\.([0-9])")
_FORBIDDEN_IN_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_DIGITS = re.compile(r"[0-9]{1,18}")
_HEX_DIGITS = re.compile(rb"[0-9A-Fa-f]{1,15}")
_REASONS = {status.value: status.phrase for status in HTTPStatus}

LAST_CHUNK = b"0\r\n\r\n"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

Headers = list[tuple[str, str]]


class RequestRefused(Exception):
    """The bytes received are no acceptable request; after the answer the connection is closed."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class ClientGone(Exception):
    """The client closed its side, was reset, or stayed silent for too long."""


@dataclass(slots=True)
class Head:
    """Request line and headers, checked."""

    method: str
    target: str
    headers: Headers
    keep_alive: bool
    minor: str  # of HTTP/1.x
    length: int  # bytes of body; -1: chunked
    expects_continue: bool


@dataclass
class Request:
    """One request with its whole body. Header names keep the client's spelling in `headers`."""

    method: str
    target: str
    headers: Headers
    body: bytes
    keep_alive: bool
    client_address: str
    minor: str = "1"  # of HTTP/1.x

    @cached_property
    def lower(self) -> dict[str, str]:
        """Headers by lower-case name; the values of a repeated one joined by commas."""
        found: dict[str, str] = {}
        for name, value in self.headers:
            key = name.lower()
            found[key] = f"{found[key]},{value}" if key in found else value
        return found

    @cached_property
    def path(self) -> str:
        """The path as it was sent, still percent-encoded."""
        return self.target.partition("?")[0]

    @cached_property
    def query(self) -> str:
        """What follows the question mark, as it was sent."""
        return self.target.partition("?")[2]


class RequestReader:
    """Takes requests off one connection; bytes that belong to the next request wait in the buffer."""

    def __init__(self, connection: socket.socket, client_address: str) -> None:
        self._connection = connection
        self._client_address = client_address
        self._buffer = b""

    def next_request(self) -> Request:
        """The next request. Raises RequestRefused or ClientGone."""
        head = self._read_head()
        if head.length > BODY_LIMIT:
            raise _too_large()
        if head.expects_continue and not self._buffer and head.length != 0:
            self._connection.sendall(CONTINUE)
        body = self._read_chunks() if head.length < 0 else self._read_exactly(head.length)
        return Request(head.method, head.target, head.headers, body, head.keep_alive, self._client_address, head.minor)

    def _read_head(self) -> Head:
        while self._buffer[:2] == b"\r\n":  # RFC 9112 section 2.2: empty lines before a request are ignored
            self._buffer = self._buffer[2:]
        end = self._buffer.find(b"\r\n\r\n")
        while end < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise RequestRefused(
                    431, "HEADERS_TOO_LARGE", f"Keep request line and headers below {HEAD_LIMIT} bytes."
                )
            self._buffer += self._receive()
            end = self._buffer.find(b"\r\n\r\n")
        if end > HEAD_LIMIT:
            raise RequestRefused(431, "HEADERS_TOO_LARGE", f"Keep request line and headers below {HEAD_LIMIT} bytes.")
        text = self._buffer[:end].decode("latin-1")
        self._buffer = self._buffer[end + 4 :]
        return parse_head(text)

    def _read_exactly(self, length: int) -> bytes:
        if len(self._buffer) < length:
            pieces, have = [self._buffer], len(self._buffer)
            while have < length:
                piece = self._receive()
                pieces.append(piece)
                have += len(piece)
            self._buffer = b"".join(pieces)
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    def _read_line(self) -> bytes:
        end = self._buffer.find(b"\r\n")
        while end < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise _malformed("A line of the chunked body is too long.")
            self._buffer += self._receive()
            end = self._buffer.find(b"\r\n")
        line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
        return line

    def _read_chunks(self) -> bytes:
        pieces, total = [], 0
        while True:
            size = self._read_line().partition(b";")[0].strip()
            if not _HEX_DIGITS.fullmatch(size):
                raise _malformed("A chunk of the body does not start with its size.")
            length = int(size, 16)
            total += length
            if total > BODY_LIMIT:
                raise _too_large()
            if length == 0:
                break
            pieces.append(self._read_exactly(length))
            if self._read_line():
                raise _malformed("A chunk of the body is longer than its size.")
        while self._read_line():
            """Trailers carry nothing that we use."""
        return b"".join(pieces)

    def _receive(self) -> bytes:
        try:
            piece = self._connection.recv(READ_SIZE)
        except OSError as error:  # reset, or the receive timeout of an idle connection
            raise ClientGone from error
        if not piece:
            raise ClientGone
        return piece


def parse_head(text: str) -> Head:
    """Request line and headers out of the text before the empty line. Raises RequestRefused."""
    first, *lines = text.split("\r\n")
    line = _REQUEST_LINE.fullmatch(first)
    if line is None:
        raise _malformed("The request line is not HTTP/1.1.")
    method, target, minor = line.groups()
    headers: Headers = []
    seen: dict[str, str] = {}
    for text_line in lines:
        name, colon, value = text_line.partition(":")
        if not colon or not _TOKEN.fullmatch(name):
            raise _malformed("A header line is malformed.")
        value = value.strip(" \t")
        if _FORBIDDEN_IN_VALUE.search(value):
            raise _malformed("A header value has control characters.")
        headers.append((name, value))
        key = name.lower()
        if key in ("content-length", "transfer-encoding", "host") and key in seen:
            raise _malformed(f"The header {name} came twice.")
        seen[key] = value
    if minor != "0" and "host" not in seen:
        raise _malformed("The Host header is missing.")
    return Head(
        method=method,
        target=_origin_form(method, target),
        headers=headers,
        keep_alive=_keeps_alive(minor, seen.get("connection", "")),
        minor=minor,
        length=_body_length(seen),
        expects_continue=minor != "0" and seen.get("expect", "").lower() == "100-continue",
    )


def answer_head(status: int, headers: Headers) -> bytes:
    """Status line and headers. Line breaks inside a value never reach the wire."""
    lines = [f"HTTP/1.1 {status} {_REASONS.get(status, '')}"]
    for name, value in headers:
        if "\n" in value or "\r" in value:
            value = value.replace("\r", " ").replace("\n", " ")
        lines.append(f"{name}: {value}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def chunk(piece: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def _origin_form(method: str, target: str) -> str:
    """The path and query of a request target; proxies may send the absolute form."""
    if target.startswith("/"):
        return target.partition("#")[0]
    if target == "*" and method == "OPTIONS":
        return "/"
    scheme, separator, rest = target.partition("://")
    if separator and scheme.lower() in ("http", "https"):
        return "/" + rest.partition("/")[2]
    raise _malformed("The request target is not a path.")


def _keeps_alive(minor: str, connection: str) -> bool:
    options = {option.strip().lower() for option in connection.split(",")} if connection else set()
    return "keep-alive" in options if minor == "0" else "close" not in options


def _body_length(seen: dict[str, str]) -> int:
    coding, length = seen.get("transfer-encoding"), seen.get("content-length")
    if coding is not None:
        if length is not None:
            raise _malformed("Content-Length and Transfer-Encoding contradict each other.")
        if coding.lower() != "chunked":
            raise RequestRefused(501, "NOT_IMPLEMENTED", "Of the transfer codings only chunked is understood.")
        return -1
    if length is None:
        return 0
    if not _DIGITS.fullmatch(length):
        raise _malformed("Content-Length is not a number.")
    return int(length)


def _malformed(message: str) -> RequestRefused:
    return RequestRefused(400, "MALFORMED_REQUEST", message)


def _too_large() -> RequestRefused:
    return RequestRefused(413, "PAYLOAD_TOO_LARGE", f"Keep the body below {BODY_LIMIT // 1024 // 1024} MB.")
