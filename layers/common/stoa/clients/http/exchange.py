"""Streamed answers over `http.client`: kept connections, time limits on every read, cancelling from another thread.

The standard library's client speaks HTTP and leaves these three to its caller. It costs nothing to import beside
Lambda's own runtime client, and read with `read1` it costs the least CPU of the clients measured (`bench/`).
"""

import http.client
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from stoa.clients.http.connections import Connections, Origin
from stoa.clients.wires.types import Call, Cancel, Cancelled, FailureKind, ProviderError
from stoa.core.values import Private

READ_BYTES = 65536
LARGEST_ERROR_BODY = 65536  # bytes of an error answer that are looked at
LARGEST_ANSWER_BODY = 16 * 1024 * 1024
AFTER_THE_END_SECONDS = 0.1  # the end of a body may lag behind the answer's last event by this
# Setting a socket's timeout is a system call, and a stream has hundreds of reads: a limit may be overstepped by this.
LIMIT_GRAIN_SECONDS = 0.25

NETWORK_ERRORS = (OSError, http.client.HTTPException, ValueError)  # ValueError: a header or address it refuses to send

_connections = Connections()


class Limits:
    """Time limits of one call, which may make several exchanges. Instants are values of `time.monotonic()`."""

    __slots__ = ("connect_timeout", "deadline", "until", "what")

    def __init__(self, *, connect_timeout: float, first_token_timeout: float, deadline: float) -> None:
        self.connect_timeout = connect_timeout
        self.deadline = deadline
        first_token = time.monotonic() + first_token_timeout
        self.until = min(first_token, deadline)
        self.what = "no first token in time" if first_token < deadline else "not finished in time"

    @classmethod
    def of(cls, call: Call) -> "Limits":
        """Returns the limits that a call was made with, counted from now."""
        return cls(
            connect_timeout=call.connect_timeout,
            first_token_timeout=call.first_token_timeout,
            deadline=call.deadline,
        )

    def token_seen(self) -> None:
        """Notes that the model has begun to answer: from here only the deadline counts."""
        self.until = self.deadline
        self.what = "not finished in time"

    def remaining(self) -> float:
        """Returns the seconds that are left. Raises TimeoutError when none are."""
        seconds = self.until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


class Request(Private, frozen=True):
    """An HTTP request. `peer` names the service that is asked: errors and the log call it so."""

    peer: str
    method: str
    url: str
    headers: Mapping[str, str]  # may hold a key
    body: bytes | None = None


class Exchange:
    """Sends a request and reads its answer.

    Use as a context manager. Leaving it keeps the connection for the next request when the answer was read to its end,
    and closes it otherwise, which tells the other side to stop.

    Raises ProviderError (timeout, unavailable, malformed, auth) and Cancelled, from every method that reads or writes.
    """

    def __init__(self, request: Request, limits: Limits, cancel: Cancel) -> None:
        self._peer = request.peer
        self._limits = limits
        self._cancel = cancel
        self._bounded_until = 0.0
        self._stage = "connect"
        self._connection: http.client.HTTPConnection | None = None
        self._ended = False
        sent = False
        try:
            parts = urlsplit(request.url)
            self._origin: Origin = (parts.scheme, parts.hostname or "", parts.port)
            target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            self._response = self._send(request, target)
            sent = True
        except NETWORK_ERRORS as error:
            raise self._explained(error) from None
        finally:
            if not sent:
                self.close()
        self.status = self._response.status
        self.headers = {name.lower(): value for name, value in self._response.headers.items()}

    def _send(self, request: Request, target: str) -> http.client.HTTPResponse:
        connection, reused = self._connect(fresh=False)
        try:
            return self._ask(connection, request, target)
        except (ConnectionError, http.client.BadStatusLine):
            # The provider had closed a kept connection while we were writing. Nothing of an answer has come, so the
            # request goes out once more on a new one.
            if not reused or self._cancel.cancelled:
                raise
            self._cancel.detach()
            connection.close()
            connection, _ = self._connect(fresh=True)
            return self._ask(connection, request, target)

    def _connect(self, *, fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
        self._cancel.check()
        self._stage = "connect"
        seconds = min(self._limits.connect_timeout, self._limits.remaining())
        self._connection, reused = _connections.take(self._origin, seconds, fresh=fresh)
        return self._connection, reused

    def _ask(self, connection: http.client.HTTPConnection, request: Request, target: str) -> http.client.HTTPResponse:
        self._stage = "answer"
        self._socket = connection.sock
        self._cancel.attach(self._socket)
        self._socket.settimeout(self._limits.remaining())
        connection.request(request.method, target, request.body, dict(request.headers))
        self._socket.settimeout(self._limits.remaining())
        return connection.getresponse()

    def pieces(self) -> Iterator[bytes]:
        """Yields the body as it arrives. Raises when it is cut."""
        self._stage = "body"
        response = self._response
        try:
            while not self._ended:
                self._bound()
                data = response.read1(READ_BYTES)
                if data:
                    yield data
                elif (
                    response.length
                ):  # the other side closed before the announced end; chunked ones raise by themselves
                    raise ConnectionResetError
                else:
                    self._ended = True
        except NETWORK_ERRORS as error:
            raise self._explained(error) from None

    def _bound(self) -> None:
        now = time.monotonic()
        if now >= self._bounded_until:
            self._socket.settimeout(self._limits.remaining())
            self._bounded_until = now + LIMIT_GRAIN_SECONDS

    def token_seen(self) -> None:
        """Notes that the model has begun to answer: from here only the deadline counts."""
        self._limits.token_seen()
        self._bounded_until = 0.0

    def whole(self, largest: int = LARGEST_ANSWER_BODY) -> bytes:
        """Returns the body, cut off after about `largest` bytes."""
        parts: list[bytes] = []
        size = 0
        for piece in self.pieces():
            parts.append(piece)
            size += len(piece)
            if size >= largest:
                break
        return b"".join(parts)

    def finish(self, rest: Iterator[object]) -> None:
        """Reads to the end of the body, so that the connection can be kept. `rest` is the iterator that the answer was
        read from. Never fails: the answer is complete, and at worst the connection is not kept."""
        self._limits.deadline = time.monotonic() + AFTER_THE_END_SECONDS
        self.token_seen()
        try:
            for _ in rest:
                pass
        except (ProviderError, Cancelled, ValueError):
            self._ended = False

    def close(self) -> None:
        """Gives the connection back when the answer was read to its end, and closes it otherwise."""
        self._cancel.detach()
        connection, self._connection = self._connection, None
        if connection is None:
            return
        if self._ended and not self._response.will_close and not self._cancel.cancelled:
            self._response.close()  # before that, http.client does not let another request out
            _connections.give(self._origin, connection)
        else:
            connection.close()
            if hasattr(self, "_response"):
                self._response.close()

    def __enter__(self) -> "Exchange":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _explained(self, error: Exception) -> ProviderError | Cancelled:
        """Returns one of NETWORK_ERRORS as an error that the caller understands."""
        if self._cancel.cancelled:
            return Cancelled()
        connecting = self._stage == "connect"
        kind: FailureKind = "unavailable"
        match error:
            case TimeoutError():
                kind, reason = "timeout", "no connection in time" if connecting else self._limits.what
            case OSError() | http.client.IncompleteRead():
                reason = "no connection" if connecting else "the connection broke off"
            case http.client.HTTPException() if not connecting:
                kind, reason = "malformed", "not HTTP"
            case _:
                # http.client repeats a header value that it refuses, and that value would be the key.
                kind, reason = "auth", "the configured address or key holds characters that HTTP cannot send"
        return ProviderError(kind, provider_id=self._peer, reason=reason)
