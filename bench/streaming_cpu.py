"""Processor time of one streamed answer: our OpenAI wire against the standard library's client reading the same."""

import json
import sys
import time
from http.client import HTTPConnection
from pathlib import Path

from bench.chat import paths
from bench.measure import Result, at_most, in_turn
from bench.processes import serving
from dev import ROOT
from dev.children import free_port
from dev.practice.running import provider_url
from stoa.clients.wires import stream
from stoa.clients.wires.types import Call, Cancel, Endpoint, Text, Turn

CHUNKS = 200
ANSWERS = 10  # a round
# Each chunk comes by itself, as from a real provider, so that each is a read of its own.
QUESTION = f"[[practice:slow chunks={CHUNKS} delaySeconds=0.001]] Explain the difference between a list and a tuple."


def measure(folder: Path) -> list[Result]:
    """Both over plain HTTP on a kept connection, to the last chunk."""
    port = free_port()
    command = [sys.executable, "-m", "dev.practice", "--port", str(port), "--delay-ms", "0"]
    with serving(command, port, folder / "upstream.log", ROOT, paths()):
        medians = in_turn({"ours": lambda: _cpu(_Wire(port)), "http.client": lambda: _cpu(_Raw(port))})
    ours, raw = medians["ours"], medians["http.client"]
    detail = f"{ours:.2f} ms against {raw:.2f} ms of processor time"
    return [at_most(f"CPU per streamed answer of {CHUNKS} chunks ÷ http.client", ours / raw, 1.0, detail, **medians)]


def _cpu(reader: "_Wire | _Raw") -> float:
    reader.read()  # opens the connection
    began = time.process_time()
    for _ in range(ANSWERS):
        assert reader.read() == CHUNKS
    return (time.process_time() - began) * 1000 / ANSWERS


class _Wire:
    def __init__(self, port: int) -> None:
        options = {"usage": "stream_options"}
        self._endpoint = Endpoint("openai", "openai", provider_url(port, "openai"), "practice", options)

    def read(self) -> int:
        call = Call("gpt-4o-mini", None, (Turn("user", QUESTION),), 4096, None, 5.0, 60.0, time.monotonic() + 60.0)
        return sum(isinstance(item, Text) for item in stream(self._endpoint, call, Cancel()))


class _Raw:
    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port)
        self._headers = {"Content-Type": "application/json", "Authorization": "Bearer practice"}
        messages = [{"role": "user", "content": QUESTION}]
        body = {"model": "gpt-4o-mini", "messages": messages, "stream": True, "stream_options": {"include_usage": True}}
        self._body = json.dumps(body).encode()

    def read(self) -> int:
        self._connection.request("POST", "/openai/v1/chat/completions", self._body, self._headers)
        pieces = 0
        for line in self._connection.getresponse():
            if line.startswith(b"data: {"):
                choices = json.loads(line[6:])["choices"]
                pieces += bool(choices and choices[0]["delta"].get("content"))
        return pieces
