"""Answers and how they are sent: whole, or in chunks while they are being produced."""

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate

from dev.gateway.http11 import LAST_CHUNK, Headers, Request, answer_head, chunk
from dev.gateway.watcher import DisconnectWatcher


@dataclass(slots=True)
class Answer:
    """A whole answer, or one that is produced while it is sent (then `stream` is set and `body` is not used).

    `collect` sends a stream as one body, when it has ended; it is watched for a leaving client all the same.
    `cancel` may be called from another thread and makes a blocked `stream` end soon.
    `failed` is told what a stream raised; its answer is sent when nothing was sent yet, else the connection is cut.
    `done` is called once sending has ended: with the status, and True when everything was sent.
    """

    status: int
    headers: Headers
    body: bytes = b""
    stream: Iterator[bytes] | None = None
    collect: bool = False
    cancel: Callable[[], None] | None = None
    failed: Callable[[Exception], "Answer"] | None = None
    done: Callable[[int, bool], None] | None = None


class Sending:
    """One answer on its way to one client."""

    def __init__(self, connection: socket.socket, answer: Answer, request: Request, *, keep_alive: bool) -> None:
        self._connection = connection
        self._answer = answer
        self._with_body = request.method != "HEAD"
        self._speaks_1_0 = request.minor == "0"
        # An HTTP/1.0 client learns where a stream ends by the connection's end.
        self.keep_alive = keep_alive and (not self._speaks_1_0 or answer.stream is None or answer.collect)
        self._given_up = threading.Event()
        self._started = False  # something of the answer is on the wire

    def give_up(self) -> None:
        """From any thread: the client is gone or the gateway stops, so end the production and send no more."""
        self._given_up.set()
        if self._answer.cancel is not None:
            self._answer.cancel()

    def run(self, watcher: DisconnectWatcher) -> bool:
        """Send it all; True when the client got everything. A stream is closed in any case."""
        complete = False
        done = self._answer.done
        try:
            complete = self._whole() if self._answer.stream is None else self._produced(self._answer.stream, watcher)
        finally:
            if done is not None:
                done(self._answer.status, complete)
        return complete

    def _produced(self, stream: Iterator[bytes], watcher: DisconnectWatcher) -> bool:
        try:
            with _closing(stream), watcher.watching(self._connection, self.give_up):
                return self._collected(stream) if self._answer.collect else self._chunks(stream)
        except Exception as error:
            if self._answer.failed is None:
                raise
            replacement = self._answer.failed(error)
        if self._started or self._given_up.is_set():
            return False
        self._answer = replacement
        return self._whole()

    def _whole(self) -> bool:
        answer = self._answer
        headers = self._headers()
        if answer.status not in (204, 304):
            headers.append(("content-length", str(len(answer.body))))
        data = answer_head(answer.status, headers)
        return self._write(data + answer.body if self._with_body else data)

    def _collected(self, stream: Iterator[bytes]) -> bool:
        pieces = []
        for piece in stream:
            if self._given_up.is_set():
                return False
            pieces.append(piece)
        self._answer.body = b"".join(pieces)
        return not self._given_up.is_set() and self._whole()

    def _chunks(self, stream: Iterator[bytes]) -> bool:
        headers = self._headers()
        if not self._speaks_1_0:
            headers.append(("transfer-encoding", "chunked"))
        unsent = answer_head(self._answer.status, headers)  # travels with the first chunk
        for piece in stream:
            if self._given_up.is_set():
                return False
            if piece and self._with_body:
                if not self._write(unsent + (piece if self._speaks_1_0 else chunk(piece))):
                    return False
                unsent = b""
        if self._given_up.is_set():
            return False
        end = LAST_CHUNK if self._with_body and not self._speaks_1_0 else b""
        return self._write(unsent + end)

    def _headers(self) -> Headers:
        headers = [*self._answer.headers, ("date", formatdate(usegmt=True))]
        if not self.keep_alive:
            headers.append(("connection", "close"))
        elif self._speaks_1_0:
            headers.append(("connection", "keep-alive"))
        return headers

    def _write(self, data: bytes) -> bool:
        if not data:
            return True
        self._started = True
        try:
            self._connection.sendall(data)
        except OSError:  # closed, reset, or not read from for too long
            self.give_up()
            return False
        return True


@contextlib.contextmanager
def _closing(stream: Iterator[bytes]) -> Iterator[None]:
    """Close a generator however its use ends, so that the work behind it settles."""
    try:
        yield
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
