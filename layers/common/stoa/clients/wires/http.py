"""HTTP/1.1 for streamed answers: kept connections, time limits on every read, and cancelling from another thread."""

import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from stoa.clients.wires.connections import Connections, Origin
from stoa.clients.wires.message import LARGEST_HEAD, AnswerHead, Body, NotHTTP, NotSendable, request_bytes
from stoa.clients.wires.types import Call, Cancel, Cancelled, Endpoint, FailureKind, ProviderError

READ_BYTES = 65536
LARGEST_ERROR_BODY = 65536  # bytes of an error answer that are looked at
LARGEST_ANSWER_BODY = 16 * 1024 * 1024
AFTER_THE_END_SECONDS = 0.1  # how long the end of a body may lag behind the answer's own last event
# Setting a socket's timeout is a system call, and a stream has hundreds of reads: a limit may be overstepped by this.
LIMIT_GRAIN_SECONDS = 0.25

NETWORK_ERRORS = (OSError, ValueError)  # ValueError: NotHTTP, NotSendable, bad chunked coding, bad addresses

_connections = Connections()


class Limits:
    """The time limits of one call, which may make several exchanges. Values of `time.monotonic()`."""

    __slots__ = ("connect_timeout", "deadline", "until", "what")

    def __init__(self, *, connect_timeout: float, first_token_timeout: float, deadline: float) -> None:
        self.connect_timeout = connect_timeout
        self.deadline = deadline
        first_token = time.monotonic() + first_token_timeout
        self.until = min(first_token, deadline)
        self.what = "no first token in time" if first_token < deadline else "not finished in time"

    @classmethod
    def of(cls, call: Call) -> "Limits":
        """The limits that a call was made with, counted from now."""
        return cls(
            connect_timeout=call.connect_timeout,
            first_token_timeout=call.first_token_timeout,
            deadline=call.deadline,
        )

    def token_seen(self) -> None:
        """The model has begun to answer: from here only the deadline counts."""
        self.until = self.deadline
        self.what = "not finished in time"

    def remaining(self) -> float:
        """Seconds that are left. Raises TimeoutError when none are."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class Exchange:
    """One request and its answer. Use as a context manager: leaving it keeps the connection for the next call when the
    answer was read to its end, and closes it otherwise, which tells the provider to stop.

    Raises ProviderError (timeout, unavailable, malformed, auth) and Cancelled, from every method that reads or writes.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        limits: Limits,
        cancel: Cancel,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> None:
        self._provider_id = endpoint.provider_id
        self._limits = limits
        self._cancel = cancel
        self._bounded_until = 0.0
        self._stage = "connect"
        self._open = False
        self._body: Body | None = None
        sent = False
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("https", "http") or not parts.hostname:
                raise NotSendable
            self._origin: Origin = (parts.scheme, parts.hostname, parts.port)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            self._send(request_bytes(method, target, parts.netloc.rpartition("@")[2], headers, body))
            sent = True
        except NETWORK_ERRORS as error:
            raise self._explained(error) from None
        finally:
            if not sent:
                self.close()

    def _send(self, request: bytes) -> None:
        reused = self._connect(fresh=False)
        try:
            self._ask(request)
        except OSError as error:
            # The provider had closed a kept connection while we were writing. Nothing of an answer has come, so the
            # request goes out once more on a new one.
            if not reused or self._rest or self._cancel.cancelled or isinstance(error, TimeoutError):
                raise
            self._cancel.detach()
            self._socket.close()
            self._connect(fresh=True)
            self._ask(request)

    def _connect(self, *, fresh: bool) -> bool:
        self._cancel.check()
        self._stage, self._open = "connect", False
        seconds = min(self._limits.connect_timeout, self._limits.remaining())
        self._socket, reused = _connections.take(self._origin, seconds, fresh=fresh)
        self._open = True
        return reused

    def _ask(self, request: bytes) -> None:
        self._stage, self._rest, self._bounded_until = "answer", b"", 0.0
        self._cancel.attach(self._socket)
        self._socket.settimeout(self._limits.remaining())
        self._socket.sendall(request)
        while True:
            head = AnswerHead(self._read_head())
            if head.status >= 200:  # 1xx announce the real answer
                break
        self.status, self.headers = head.status, head.headers
        self._body = Body(head)

    def _read_head(self) -> bytes:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            if len(data) > LARGEST_HEAD:
                raise NotHTTP
            piece = self._read()
            if not piece:
                raise ConnectionResetError
            data += piece
            self._rest = data
        self._rest = data[end + 4 :]
        return data[:end]

    def _read(self) -> bytes:
        now = time.monotonic()
        if now >= self._bounded_until:
            self._socket.settimeout(self._limits.remaining())
            self._bounded_until = now + LIMIT_GRAIN_SECONDS
        return self._socket.recv(READ_BYTES)

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives. Ends without complaint where the body ends; raises when it is cut."""
        self._stage = "body"
        body, read = self._body, self._read
        assert body is not None
        try:
            if self._rest and not body.ended:
                data, self._rest = body.feed(self._rest), b""
                if data:
                    yield data
            while not body.ended:
                if data := body.feed(read()):
                    yield data
        except NETWORK_ERRORS as error:
            raise self._explained(error) from None

    def token_seen(self) -> None:
        """The model has begun to answer: from here only the deadline counts."""
        self._limits.token_seen()
        self._bounded_until = 0.0

    def whole(self, largest: int = LARGEST_ANSWER_BODY) -> bytes:
        """The body, cut off after about `largest` bytes."""
        parts: list[bytes] = []
        size = 0
        for piece in self.pieces():
            parts.append(piece)
            size += len(piece)
            if size >= largest:
                break
        return b"".join(parts)

    def finish(self, rest: Iterator[object]) -> None:
        """Read what follows the answer's own last event, so that the connection can be kept. `rest` is what the answer
        was being read from. Never fails: the answer is complete, at worst the connection is not kept."""
        self._limits.deadline = time.monotonic() + AFTER_THE_END_SECONDS
        self.token_seen()
        try:
            for _ in rest:
                pass
        except (ProviderError, Cancelled, ValueError):
            self._body = None

    def close(self) -> None:
        """Give the connection back when the answer was read to its end, close it otherwise."""
        self._cancel.detach()
        if not self._open:
            return
        self._open = False
        body = self._body
        if body is not None and body.ended and body.keeps and not self._cancel.cancelled:
            _connections.give(self._origin, self._socket)
        else:
            self._socket.close()

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _explained(self, error: Exception) -> ProviderError | Cancelled:
        """What one of NETWORK_ERRORS means to the caller."""
        if self._cancel.cancelled:
            return Cancelled()
        connecting = self._stage == "connect"
        kind: FailureKind = "unavailable"
        match error:
            case TimeoutError():
                kind, reason = "timeout", "no connection in time" if connecting else self._limits.what
            case OSError():
                reason = "no connection" if connecting else "the connection broke off"
            case NotHTTP():
                kind, reason = "malformed", "not HTTP"
            case _ if self._stage == "body":
                kind, reason = "malformed", "not chunked coding"
            case _:
                kind, reason = "auth", "the configured address or key holds characters that HTTP cannot send"
        return ProviderError(kind, provider_id=self._provider_id, reason=reason)
