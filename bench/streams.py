"""Readers of streamed answers: our OpenAI wire, and the standard library's client with as little as can be around it.

`python -m bench.streams chat|wire|raw PORT COUNT` opens streams, holds them at their first piece, and tells kB
of each. `chat` is the whole chat function, with the event that it is to answer in EVENT.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Generator, Iterator
from http.client import HTTPConnection
from pathlib import Path

from dev.practice.running import provider_url
from stoa.clients.wires import stream
from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text, Turn

WARM_UP = 20  # streams before the first look at the memory
HELD = "[[practice:hold afterChunks=1]] Explain the difference between a list and a tuple."


class WireReader:
    """Our own."""

    def __init__(self, port: int) -> None:
        options = {"usage": "stream_options"}
        self._endpoint = Endpoint("openai", "openai", provider_url(port, "openai"), "practice", options)

    def read(self, question: str) -> int:
        """The number of pieces of a whole answer."""
        return sum(isinstance(item, Text) for item in self.open(question))

    def open(self, question: str) -> Generator[Text | Finish, None, None]:
        """The pieces as they come."""
        call = Call("gpt-4o-mini", None, (Turn("user", question),), 4096, None, 5.0, 60.0, time.monotonic() + 60.0)
        return stream(self._endpoint, call, Cancel())


class RawReader:
    """http.client, and json for what has content."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = HTTPConnection("127.0.0.1", port)

    def read(self, question: str) -> int:
        """The number of pieces of a whole answer."""
        return sum(1 for _ in _pieces(self._connection, question))

    def open(self, question: str) -> Iterator[str]:
        """The pieces as they come, on a connection of their own."""
        return _pieces(HTTPConnection("127.0.0.1", self._port), question)


def _pieces(connection: HTTPConnection, question: str) -> Iterator[str]:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer practice"}
    messages = [{"role": "user", "content": question}]
    body = {"model": "gpt-4o-mini", "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
    connection.request("POST", "/openai/v1/chat/completions", json.dumps(body).encode(), headers)
    for line in connection.getresponse():
        if line.startswith(b"data: {"):
            choices = json.loads(line[6:])["choices"]
            if choices and (text := choices[0]["delta"].get("content")):
                yield text


class ChatReader:
    """The chat function in this process."""

    def __init__(self) -> None:
        from functions.chat.handler import handler

        self._handler = handler
        self._event = json.loads(os.environ["EVENT"])

    def open(self, _question: str) -> Iterator[bytes]:
        """Yields what the member is sent, from the first piece of the answer on."""
        answer = self._handler(self._event, None)
        return (sent for sent in answer.body if sent.startswith(b"event: content"))


def main(kind: str, port: int, count: int) -> None:
    """Print the resident memory that each of `count` open streams takes, in kB."""
    reader: ChatReader | WireReader | RawReader
    reader = ChatReader() if kind == "chat" else WireReader(port) if kind == "wire" else RawReader(port)
    held: list[object] = []

    def hold(streams: int) -> None:
        for _ in range(streams):
            one = reader.open(HELD)
            next(one)
            held.append(one)

    hold(WARM_UP)
    before = _resident()
    hold(count)
    print((_resident() - before) / count / 1000, file=sys.stderr, flush=True)
    os._exit(0)  # nobody reads those streams to their end


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
