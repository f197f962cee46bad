"""The client of one request, as ASGI shows it: something to answer, that may leave at any time."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[str, str]]

LINGER_SECONDS = 1.0
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_SERVERS_OWN = frozenset({"connection", "content-length", "date", "transfer-encoding"})


class ClientGone(Exception):
    """The client closed the connection or was reset."""


class Client:
    """Answers one request. What is written after the client has left goes nowhere."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.transport: asyncio.Transport = scope["state"]["transport"]
        self.connection_number: int = scope["state"]["number"]
        self._receive = receive
        self._send = send

    @property
    def gone(self) -> bool:
        """True once the connection is closed or about to be."""
        return self.transport.is_closing()

    async def left(self) -> None:
        """Return when the client has left, or has its whole answer."""
        while (await self._receive())["type"] != "http.disconnect":
            """The rest of a body that nobody reads."""

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer."""
        length = [] if status in (204, 304) else [(b"content-length", b"%d" % len(body))]
        await self._start(status, headers, length)
        await self.end(body)

    async def refuse(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer before the request's body has come, read on for a moment, and close.

        Closing at once, with bytes unread, would reset the connection and the answer with it.
        """
        await self._start(status, headers, [(b"content-length", b"%d" % len(body)), (b"connection", b"close")])
        await self.write(body)
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_SECONDS):
                while (await self._receive()).get("more_body"):
                    """Nobody reads it."""
        await self.end()

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer whose length is not known yet."""
        await self._start(status, headers, [])

    async def write(self, piece: bytes) -> None:
        """Send a piece of an answer, as one chunk. Waits while the client does not read."""
        if piece:
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self, piece: bytes = b"") -> None:
        """Send the last piece."""
        await self._send({"type": "http.response.body", "body": piece, "more_body": False})

    async def cut(self) -> None:
        """Break the connection off, whatever was sent so far."""
        self.transport.abort()
        await self.left()

    async def _start(self, status: int, headers: Headers, more: list[tuple[bytes, bytes]]) -> None:
        await self._send({"type": "http.response.start", "status": status, "headers": [*_encoded(headers), *more]})


def _encoded(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Headers for ASGI, without those that the server sets. Line breaks in a value never reach the wire."""
    return [
        (name.lower().encode("latin-1", "replace"), _CONTROL.sub(" ", value).strip().encode("latin-1", "replace"))
        for name, value in headers
        if name.lower() not in _SERVERS_OWN
    ]
