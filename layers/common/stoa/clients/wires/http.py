"""HTTP/1.1 for streamed answers: kept connections, time limits on every read, and cancelling from another thread.

Built on `http.client` for connecting, TLS, sending and headers; the body is read here, in whole socket reads, which is
what makes a stream of 200 small chunks cheap. Chunked coding: https://www.rfc-editor.org/rfc/rfc9112#section-7.1
"""

import http.client
import time
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from stoa.clients.wires.chunked import ChunkedBody
from stoa.clients.wires.connections import Connections, Origin
from stoa.clients.wires.types import Call, Cancel, Cancelled, Endpoint, FailureKind, ProviderError

READ_BYTES = 65536
LARGEST_ERROR_BODY = 65536  # bytes of an error answer that are looked at
LARGEST_ANSWER_BODY = 16 * 1024 * 1024
AFTER_THE_END_SECONDS = 0.1  # how long the end of a body may lag behind the answer's own last event

# ValueError: http.client's complaint about a header, and ours about chunked coding.
NETWORK_ERRORS = (OSError, http.client.HTTPException, ValueError)

_connections = Connections()


class Limits:
    """The time limits of one call, which may make several exchanges. Values of `time.monotonic()`."""

    __slots__ = ("_until", "_what", "connect_timeout", "deadline")

    def __init__(self, *, connect_timeout: float, first_token_timeout: float, deadline: float) -> None:
        self.connect_timeout = connect_timeout
        self.deadline = deadline
        first_token = time.monotonic() + first_token_timeout
        self._until = min(first_token, deadline)
        self._what = "no first token in time" if first_token < deadline else "not finished in time"

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
        self._until = self.deadline
        self._what = "not finished in time"

    def remaining(self) -> float:
        """Seconds that the next read may take. Raises TimeoutError when none are left."""
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds

    @property
    def what(self) -> str:
        """The limit that a timeout at this moment would break, in words."""
        return self._what


class Exchange:
    """One request and its answer. Use as a context manager: leaving it keeps the connection for the next call when the
    answer was read to its end, and closes it otherwise, which tells the provider to stop.

    Raises ProviderError (timeout, unavailable, malformed) and Cancelled, from every method that touches the network.
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
        parts = urlsplit(url)
        self._origin: Origin = (parts.scheme, parts.hostname or "", parts.port)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._ended = False
        self._stage = "connect"
        sent = False
        try:
            self._send(method, target, headers, body)
            sent = True
        except NETWORK_ERRORS as error:
            raise self._explained(error) from None
        finally:
            if not sent:
                self.close()
        self.status = self._response.status
        self.headers = self._response.headers

    def _send(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> None:
        self._connection, reused = self._connect(fresh=False)
        try:
            self._ask(method, target, headers, body)
        except (ConnectionError, http.client.BadStatusLine):
            # The provider had closed a kept connection while we were writing. Nothing of an answer has come, so the
            # request goes out once more on a new one.
            if not reused or self._cancel.cancelled:
                raise
            self._cancel.detach()
            self._connection.close()
            self._connection, _ = self._connect(fresh=True)
            self._ask(method, target, headers, body)

    def _connect(self, *, fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
        self._cancel.check()
        self._stage = "connect"
        seconds = min(self._limits.connect_timeout, self._limits.remaining())
        return _connections.take(self._origin, seconds, fresh=fresh)

    def _ask(self, method: str, target: str, headers: Mapping[str, str], body: bytes | None) -> None:
        self._stage = "answer"
        connection = self._connection
        self._socket = connection.sock
        self._cancel.attach(self._socket)
        self._socket.settimeout(self._limits.remaining())
        connection.request(method, target, body, dict(headers))
        self._socket.settimeout(self._limits.remaining())
        self._response = connection.getresponse()

    def pieces(self) -> Iterator[bytes]:
        """The body as it arrives. Ends without complaint where the body ends; raises when it is cut."""
        response = self._response
        self._stage = "body"
        chunked = ChunkedBody() if response.chunked else None
        read = response.fp.read1 if chunked is not None else response.read1
        limits, bound = self._limits, self._socket.settimeout
        try:
            while not self._ended:
                bound(limits.remaining())
                data = read(READ_BYTES)
                if chunked is None:
                    self._ended = response.isclosed() or not data
                    if not data and response.length:
                        raise ConnectionResetError
                elif data:
                    data = chunked.feed(data)
                    self._ended = chunked.ended
                else:
                    raise ConnectionResetError
                if data:
                    yield data
        except NETWORK_ERRORS as error:
            raise self._explained(error) from None

    def token_seen(self) -> None:
        """The model has begun to answer: from here only the deadline counts."""
        self._limits.token_seen()

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
        was being read from."""
        self._limits.deadline = time.monotonic() + AFTER_THE_END_SECONDS
        self._limits.token_seen()
        try:
            for _ in rest:
                pass
        except (ProviderError, Cancelled):
            self._ended = False  # the answer is complete; only the connection is lost

    def close(self) -> None:
        """Give the connection back when the answer was read to its end, close it otherwise."""
        self._cancel.detach()
        connection = getattr(self, "_connection", None)
        if connection is None:
            return
        del self._connection
        if self._ended and not self._cancel.cancelled and not self._response.will_close:
            # http.client wants its own reader to have seen the end before it sends another request.
            self._response.close()
            _connections.give(self._origin, connection)
        else:
            if hasattr(self, "_response"):
                self._response.close()
            connection.close()

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
            case OSError() | http.client.IncompleteRead():
                reason = "no connection" if connecting else "the connection broke off"
            case http.client.HTTPException():
                kind, reason = "malformed", "not HTTP"
            case _ if self._stage == "body":
                kind, reason = "malformed", "not chunked coding"
            case _:
                # http.client repeats a header value that it refuses, and that value would be the key.
                kind, reason = "auth", "the configured address or key holds characters that HTTP cannot send"
        return ProviderError(kind, provider_id=self._provider_id, reason=reason)
