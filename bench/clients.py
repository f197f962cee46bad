"""A plain HTTP client with a kept connection, the same for everybody who is measured."""

import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

TIMEOUT_SECONDS = 40


class NoAnswer(RuntimeError):
    """Somebody who is measured did not answer, or not with an answer. The message says what came instead."""


class Client:
    """Sends chats one after another and measures their answers, in milliseconds. The next body comes from `bodies`."""

    def __init__(
        self,
        port: int,
        path: str,
        headers: Mapping[str, str],
        bodies: Iterator[bytes],
        has_content: Callable[[bytes], bool] | None,
    ) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._path = path
        self._headers = {"Content-Type": "application/json", **headers}
        self._bodies = bodies
        self._has_content = has_content

    def once(self) -> float:
        """Until the whole answer is there or, of a stream, until the first line that has content."""
        body = next(self._bodies)
        began = time.perf_counter()
        answer = self._ask(body)
        if self._has_content is None:
            answer.read()
            return (time.perf_counter() - began) * 1000
        while (line := answer.readline()) and not self._has_content(line):
            pass
        took = (time.perf_counter() - began) * 1000
        if not line:
            raise NoAnswer("a stream that ended without content")
        answer.read()
        return took

    def close(self) -> None:
        """Let the connection go; the next request opens another."""
        self._connection.close()

    def _ask(self, body: bytes) -> HTTPResponse:
        self._connection.request("POST", self._path, body, self._headers)
        answer = self._connection.getresponse()
        if answer.status != 200:
            raise NoAnswer(f"status {answer.status}: {answer.read()[:200]!r}")
        return answer


def median_of(clients: Sequence[Client], warm_up: int, calls: int) -> float:
    """Median of `calls` calls by each client, all clients at once, after some to warm up. Raises NoAnswer."""
    started = threading.Barrier(len(clients))

    def measured(client: Client) -> list[float]:
        client.close()  # between two rounds the server may have given the connection up
        for _ in range(warm_up):
            client.once()
        started.wait(TIMEOUT_SECONDS)
        return [client.once() for _ in range(calls)]

    def measured_or_given_up(client: Client) -> list[float]:
        try:
            return measured(client)
        except NoAnswer:
            started.abort()  # or the others would wait for this one
            raise
        except (OSError, HTTPException, threading.BrokenBarrierError) as error:
            started.abort()
            client.close()
            raise NoAnswer(f"{type(error).__name__} with {len(clients)} at once") from error

    with ThreadPoolExecutor(len(clients)) as together:
        return statistics.median(took for samples in together.map(measured_or_given_up, clients) for took in samples)


def always(body: Mapping[str, Any]) -> Iterator[bytes]:
    """Yields the same body again and again."""
    encoded = json.dumps(body).encode()
    while True:
        yield encoded


def openai_content(line: bytes) -> bool:
    """True for a chunk of OpenAI's form that carries text."""
    if not line.startswith(b"data: {"):
        return False
    choices = json.loads(line[6:])["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


def stoa_content(line: bytes) -> bool:
    """True for the line that opens a piece of Stoa's answer."""
    return line == b"event: content\n"
