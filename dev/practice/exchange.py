"""A request to a practice provider and its answer, which may be spoilt on purpose."""

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from dev.serving.client import Client, ClientGone, Receive, Scope, Send
from dev.serving.requests import read_request
from dev.serving.server import LONGEST_HEAD

LARGEST_BODY = 32 * 1024 * 1024
LONGEST_BLIND_WAIT = 0.25  # seconds that a pause may last without watching for the client's going


@dataclass(frozen=True, slots=True)
class Request:
    """A request, read whole."""

    method: str
    path: str  # percent-decoded, without the query
    query: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


class Exchange:
    """The answer to one request. Every write raises ClientGone once the client has left."""

    def __init__(self, client: Client, request: Request) -> None:
        self.request = request
        self.connection_number = client.connection_number
        self._client = client
        self._leaving: asyncio.Task[None] | None = None

    async def respond(
        self,
        status: int,
        body: bytes | Mapping[str, Any] | list[Any],
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """A whole answer."""
        self._check()
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        await self._client.answer(status, [("content-type", content_type), *(headers or {}).items()], body)

    async def start(self, content_type: str) -> None:
        """Begin a streamed answer."""
        self._check()
        await self._client.start(200, [("content-type", content_type), ("cache-control", "no-cache")])

    async def write(self, data: bytes) -> None:
        """Send one chunk of a streamed answer."""
        self._check()
        await self._client.write(data)

    async def end(self) -> None:
        """End a streamed answer."""
        self._check()
        await self._client.end()

    async def pause(self, seconds: float) -> None:
        """Wait, but not for a client that is gone."""
        if seconds <= LONGEST_BLIND_WAIT:
            await asyncio.sleep(max(0.0, seconds))
        else:
            await asyncio.wait({self._left()}, timeout=seconds)
        self._check()

    async def until_gone(self) -> None:
        """Wait until the client leaves; then raises ClientGone."""
        await self._left()
        raise ClientGone

    async def until(self, event: asyncio.Event) -> None:
        """Wait for an event or the client's going, whichever comes first."""
        waiting = asyncio.ensure_future(event.wait())
        await asyncio.wait({waiting, self._left()}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        self._check()

    async def drop(self) -> None:
        """Break the connection off, whatever was sent so far."""
        await self._stop_watching()
        await self._client.cut()

    async def close(self) -> None:
        """Called when the request is done with."""
        await self._stop_watching()
        if self._client.gone:
            await self._client.left()  # else uvicorn would still expect an answer

    def _left(self) -> "asyncio.Task[None]":
        """The one task that waits for the client's going."""
        if self._leaving is None:
            self._leaving = asyncio.ensure_future(self._client.left())
        return self._leaving

    async def _stop_watching(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            with suppress(asyncio.CancelledError):
                await self._leaving
            self._leaving = None

    def _check(self) -> None:
        """Raise ClientGone when the client has left."""
        if self._client.gone:
            raise ClientGone


async def take(scope: Scope, receive: Receive, send: Send) -> Exchange:
    """The exchange that an ASGI scope opens. Raises RequestRefused or ClientGone."""
    read = await read_request(scope, receive, LONGEST_HEAD, LARGEST_BODY)
    request = Request(read.method, unquote(read.path), read.query, read.lower, read.body)
    return Exchange(Client(scope, receive, send), request)
