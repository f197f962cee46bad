"""Answers and how they are sent: whole, or piece by piece while a thread produces them."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from dev.serving.client import Client, Headers
from dev.serving.threads import Threads

WRITE_SECONDS = 30.0  # a client that takes nothing for this long is treated as gone


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


async def send_whole(answer: Answer, client: Client) -> bool:
    """Send an answer that has no stream; True when the client was still there."""
    is_there = not client.gone
    await client.answer(answer.status, answer.headers, answer.body)
    return is_there


class Streaming:
    """A streamed answer on its way to its client.

    A single thread calls the stream and closes it. The event loop sends, and watches for the client's leaving.
    """

    def __init__(self, answer: Answer, stream: Iterator[bytes], client: Client, threads: Threads) -> None:
        self._answer = answer
        self._stream = stream
        self._client = client
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._given_up = threading.Event()
        self._started = False  # something of the answer was sent

    async def run(self) -> tuple[int, bool]:
        """Send it all: the status, and True when the client got everything. The stream is closed in any case."""
        leaving = asyncio.ensure_future(self._client.left())
        producing = self._loop.run_in_executor(self._threads, self._produce)
        try:
            either: list[asyncio.Future[Any]] = [leaving, producing]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if not producing.done():
                await self._give_up()
            rest = await producing
        except Exception as error:  # noqa: BLE001 - whatever a stream raised becomes an answer or a cut
            return await self._replace(error)
        finally:
            leaving.cancel()
        if self._given_up.is_set() or self._client.gone:
            return self._answer.status, False
        if self._answer.collect:
            await self._client.answer(self._answer.status, self._answer.headers, rest)
        else:
            await self._begin()
            await self._client.end()
        return self._answer.status, True

    async def _give_up(self) -> None:
        """Have the stream end: the client is gone."""
        self._given_up.set()
        if self._answer.cancel is not None:
            await self._loop.run_in_executor(self._threads, self._answer.cancel)

    async def _replace(self, error: Exception) -> tuple[int, bool]:
        """Answer the stream's failure, or cut the connection so that the client knows."""
        if self._answer.failed is None:
            raise error
        replacement = self._answer.failed(error)
        if self._started or self._given_up.is_set():
            await self._client.cut()
            return self._answer.status, False
        return replacement.status, await send_whole(replacement, self._client)

    def _produce(self) -> bytes:
        """Runs in a thread. Returns what is to be sent at the end: the whole body, or nothing."""
        kept = []
        with _closing(self._stream):
            for piece in self._stream:
                if self._given_up.is_set():
                    break
                if self._answer.collect:
                    kept.append(piece)
                elif piece and not self._sent(piece):
                    break
        return b"".join(kept)

    def _sent(self, piece: bytes) -> bool:
        """Wait until the client took a piece; False when it takes nothing."""
        try:
            asyncio.run_coroutine_threadsafe(self._write(piece), self._loop).result(WRITE_SECONDS)
        except TimeoutError:
            self._loop.call_soon_threadsafe(self._client.transport.abort)
            return False
        return True

    async def _write(self, piece: bytes) -> None:
        await self._begin()
        await self._client.write(piece)

    async def _begin(self) -> None:
        """Send the head, which waits for the first piece: before it, a failure can still be an answer of its own."""
        if not self._started:
            self._started = True
            await self._client.start(self._answer.status, self._answer.headers)


@contextlib.contextmanager
def _closing(stream: Iterator[bytes]) -> Iterator[None]:
    """Close a generator however its use ends, so that the work behind it settles."""
    try:
        yield
    finally:
        close = getattr(stream, "close", None)
        if close is not None:
            close()
