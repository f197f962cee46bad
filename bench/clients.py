"""A plain HTTP client with a kept connection, the same for everybody who is measured."""

import json
import time
from collections.abc import Callable, Mapping
from http.client import HTTPConnection, HTTPResponse
from typing import Any

TIMEOUT_SECONDS = 60


class Client:
    """Sends one and the same request again and again and measures its answer, in milliseconds."""

    def __init__(self, port: int, path: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._path = path
        self._headers = {"Content-Type": "application/json", **headers}
        self._body = json.dumps(body).encode()

    def whole(self) -> float:
        """Until the whole answer is there."""
        began = time.perf_counter()
        self._ask().read()
        return (time.perf_counter() - began) * 1000

    def first_content(self, has_content: Callable[[bytes], bool]) -> float:
        """Until the first line of a stream for which `has_content` holds. The rest is read before this returns."""
        began = time.perf_counter()
        answer = self._ask()
        while (line := answer.readline()) and not has_content(line):
            pass
        took = (time.perf_counter() - began) * 1000
        assert line, "the stream ended without content"
        answer.read()
        return took

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()

    def _ask(self) -> HTTPResponse:
        self._connection.request("POST", self._path, self._body, self._headers)
        answer = self._connection.getresponse()
        assert answer.status == 200, (answer.status, answer.read()[:500])
        return answer


def openai_content(line: bytes) -> bool:
    """True for a chunk of OpenAI's form that carries text."""
    if not line.startswith(b"data: {"):
        return False
    choices = json.loads(line[6:])["choices"]
    return bool(choices and choices[0]["delta"].get("content"))


def stoa_content(line: bytes) -> bool:
    """True for the line that opens a piece of Stoa's answer."""
    return line == b"event: content\n"
