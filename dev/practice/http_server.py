"""A small HTTP/1.1 server on asyncio: keep-alive, chunked answers, and notice of clients that leave.

Only what practice providers need, written for many slow streams at once. https://www.rfc-editor.org/rfc/rfc9112
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote, urlsplit

LARGEST_HEAD = 64 * 1024
LARGEST_BODY = 32 * 1024 * 1024
LONGEST_BLIND_WAIT = 0.25  # seconds that a pause may last without watching for the client's going


@dataclass(frozen=True, slots=True)
class Request:
    """One request, read whole."""

    method: str
    path: str  # percent-decoded, without the query
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class ClientGone(Exception):
    """The client closed the connection before the answer ended."""


class Exchange:
    """The answer to one request. Every write raises ClientGone once the client has left."""

    def __init__(self, connection: "Connection", request: Request) -> None:
        self.request = request
        self.connection_number = connection.number
        self._connection = connection

    def respond(
        self,
        status: int,
        body: bytes | Mapping[str, Any] | list[Any],
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A whole answer."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        self._head(status, {"Content-Type": content_type, "Content-Length": str(len(body)), **(headers or {})}, body)

    def start(self, content_type: str) -> None:
        """Begin a streamed answer."""
        self._head(200, {"Content-Type": content_type, "Cache-Control": "no-cache", "Transfer-Encoding": "chunked"})

    async def write(self, data: bytes) -> None:
        """Send one chunk of a streamed answer."""
        connection = self._connection
        connection.send(b"%x\r\n%b\r\n" % (len(data), data))
        if connection.paused is not None:
            await connection.paused
            connection.check()

    def end(self) -> None:
        """End a streamed answer."""
        self._connection.send(b"0\r\n\r\n")

    async def pause(self, seconds: float) -> None:
        """Wait, but not for a client that is gone."""
        if seconds <= 0:
            await asyncio.sleep(0)
        elif seconds <= LONGEST_BLIND_WAIT:
            await asyncio.sleep(seconds)
        else:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._connection.gone.wait(), seconds)
        self._connection.check()

    async def until_gone(self) -> None:
        """Wait until the client leaves; then raises ClientGone."""
        await self._connection.gone.wait()
        self._connection.check()

    async def until(self, event: asyncio.Event) -> None:
        """Wait for an event or the client's going, whichever comes first."""
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(self._connection.gone.wait())]
        _, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        self._connection.check()

    def drop(self) -> None:
        """Break the connection off, whatever was sent so far."""
        self._connection.abort()

    def _head(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        lines = [f"HTTP/1.1 {status} {_phrase(status)}", *(f"{name}: {value}" for name, value in headers.items())]
        self._connection.send("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)


Handler = Callable[[Exchange], Awaitable[None]]


class Connection(asyncio.Protocol):
    """One client's connection: requests are read and answered one after the other."""

    def __init__(self, handler: Handler, number: int) -> None:
        self.number = number
        self.gone = asyncio.Event()
        self.paused: asyncio.Future[None] | None = None
        self._handler = handler
        self._buffer = bytearray()
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio calls this; it has set TCP_NODELAY."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio calls this with what arrived."""
        self._buffer += data
        if self._task is None:
            self._serve_next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        """asyncio calls this when either side has closed."""
        self.gone.set()
        self.resume_writing()

    def pause_writing(self) -> None:
        """asyncio calls this when the client reads too slowly."""
        self.paused = asyncio.get_running_loop().create_future()

    def resume_writing(self) -> None:
        """asyncio calls this when the client has caught up."""
        if self.paused is not None:
            waiting, self.paused = self.paused, None
            if not waiting.done():
                waiting.set_result(None)

    def send(self, data: bytes) -> None:
        """Write, unless the client is gone."""
        self.check()
        assert self._transport is not None
        self._transport.write(data)

    def check(self) -> None:
        """Raise ClientGone when the client has left."""
        if self.gone.is_set() or self._transport is None or self._transport.is_closing():
            raise ClientGone

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def _serve_next(self) -> None:
        request = self._parse()
        if request is None:
            return
        self._task = asyncio.ensure_future(self._serve(request))

    async def _serve(self, request: Request) -> None:
        try:
            await self._handler(Exchange(self, request))
        except ClientGone:
            pass
        except Exception:
            self.abort()  # nobody waits for an answer that will not come; asyncio reports the error
            raise
        self._task = None
        if request.headers.get("connection", "").lower() == "close" and self._transport is not None:
            self._transport.close()
        elif not self.gone.is_set():
            self._serve_next()

    def _parse(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > LARGEST_HEAD:
                self.abort()
            return None
        first, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        size = int(headers.get("content-length", "0"))
        if size > LARGEST_BODY or "transfer-encoding" in headers:
            self.abort()
            return None
        start = end + 4
        if len(self._buffer) < start + size:
            if headers.get("expect", "").lower() == "100-continue" and len(self._buffer) == start:
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = bytes(self._buffer[start : start + size])
        del self._buffer[: start + size]
        method, target, _ = first.split(" ", 2)
        parts = urlsplit(target)
        return Request(method, unquote(parts.path), parts.query, headers, body)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Overloaded" if status == 529 else "Unknown"
