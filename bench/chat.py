"""Measures what a chat costs beyond its provider, through our HTTP front and through two gateways, in the same run."""

import json
import os
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from bench import peers
from bench.clients import Client, openai_content, stoa_content
from bench.measure import ROUNDS, Result, at_most, not_measured
from bench.processes import NotStarted, serving
from dev import ROOT
from dev.children import free_port
from dev.practice.running import provider_url

WARM_UP, CALLS = 5, 40  # of each kind, for each of them, in each round
QUESTION = "Explain the difference between a list and a tuple in Python."
OPENAI_BODY = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": QUESTION}]}
OURS, DIRECT, LITELLM, PORTKEY = "Stoa", "direct", "LiteLLM", "Portkey"
WHOLE, FIRST = "whole JSON answer", "first content of a stream"


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who answers a chat: one client for whole answers, one for streams."""

    whole: Client
    stream: Client
    has_content: Callable[[bytes], bool]

    def measure(self, kind: str) -> float:
        """Median of one round, in milliseconds."""
        once = self.whole.whole if kind == WHOLE else lambda: self.stream.first_content(self.has_content)
        for client in (self.whole, self.stream):
            client.close()  # it opens again: between two rounds the server may have given the connection up
        for _ in range(WARM_UP):
            once()
        return statistics.median(once() for _ in range(CALLS))


def measure(folder: Path, python: str, rounds: int = ROUNDS) -> list[Result]:
    """Added p50 of a whole answer and added time to the first content, ours against each peer's."""
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        upstream = stack.enter_context(practice_upstream(folder))
        contenders = {
            DIRECT: _openai(upstream, "/openai/v1/chat/completions", {"Authorization": "Bearer practice"}),
            OURS: stack.enter_context(_ours(folder, upstream)),
        }
        peer_makers = {LITELLM: lambda: _litellm(folder, python, upstream), PORTKEY: lambda: _portkey(folder, upstream)}
        for name, make in peer_makers.items():
            print(f"  starting {name} …", flush=True)
            try:
                contenders[name] = stack.enter_context(make())
            except (peers.PeerMissing, NotStarted) as error:
                missing[name] = str(error)
        added = _added(contenders, rounds)
    return _results(added, missing)


def _added(contenders: Mapping[str, Contender], rounds: int) -> dict[str, dict[str, float]]:
    """By kind and name: the median over rounds of what each adds to the direct call of the same round."""
    samples: dict[str, dict[str, list[float]]] = {
        kind: {name: [] for name in contenders if name != DIRECT} for kind in (WHOLE, FIRST)
    }
    for number in range(rounds + 1):
        for kind, by_name in samples.items():
            took = {name: contender.measure(kind) for name, contender in contenders.items()}
            if number == 0:
                continue  # everybody's caches and compilers warm up
            for name, values in by_name.items():
                values.append(took[name] - took[DIRECT])
        print(f"  round {number} of {rounds}", flush=True)
    return {
        kind: {name: statistics.median(values) for name, values in by_name.items()} for kind, by_name in samples.items()
    }


def _results(added: Mapping[str, Mapping[str, float]], missing: Mapping[str, str]) -> list[Result]:
    goals = ((WHOLE, LITELLM, 0.10), (WHOLE, PORTKEY, None), (FIRST, LITELLM, 0.08), (FIRST, PORTKEY, 0.5))
    results = []
    for kind, peer, goal in goals:
        name = f"chat, added to the {kind} ÷ {peer}'s"
        if peer in missing:
            results.append(not_measured(name, missing[peer]))
            continue
        ours, theirs = added[kind][OURS], added[kind][peer]
        detail = f"{ours:.2f} ms against {theirs:.2f} ms"
        figures = {"ours_ms": ours, "peer_ms": theirs}
        if goal is None:
            results.append(Result(name, ours / theirs, "–", None, f"{detail}; it keeps no books", figures))
        else:
            results.append(at_most(name, ours / theirs, goal, detail, **figures))
    if LITELLM in missing and PORTKEY in missing:
        results += [Result(f"chat, added to the {kind} (ms)", added[kind][OURS], "–", None, "") for kind in added]
    return results


@contextmanager
def practice_upstream(folder: Path) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "-m", "dev.practice", "--port", str(port), "--delay-ms", "0"]
    with serving(command, port, folder / "upstream.log", ROOT, paths()):
        yield port


@contextmanager
def _ours(folder: Path, upstream: int) -> Iterator[Contender]:
    """The whole local stack in a process of its own, with durable books and the same upstream as its OpenAI."""
    port = free_port()
    environment = {
        **paths(),
        "PORT": str(port),
        "STOA_PROVIDER_OPENAI_API_KEY": "practice",
        "STOA_PROVIDER_OPENAI_BASE_URL": provider_url(upstream, "openai"),
        "DATABASE_URL": "",  # a database of its own, never somebody's
    }
    print(f"  starting {OURS} …", flush=True)
    with serving(
        [sys.executable, "-m", "dev.run", str(folder / "stack")], port, folder / "stoa.log", ROOT, environment
    ):
        headers = {"Authorization": f"Bearer {token(port)}"}
        body = {"content": QUESTION, "modelId": None}
        yield Contender(
            Client(port, "/api/chat", headers, body),
            Client(port, "/api/chat", headers | {"Accept": "text/event-stream"}, body),
            stoa_content,
        )


@contextmanager
def _litellm(folder: Path, python: str, upstream: int) -> Iterator[Contender]:
    installed = peers.install_litellm(folder, python)
    with peers.litellm(folder, installed, provider_url(upstream, "openai")) as port:
        yield _openai(port, "/v1/chat/completions", {"Authorization": f"Bearer {peers.LITELLM_KEY}"})


@contextmanager
def _portkey(folder: Path, upstream: int) -> Iterator[Contender]:
    with peers.portkey(folder, peers.install_portkey(folder)) as port:
        headers = {
            "Authorization": "Bearer practice",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": provider_url(upstream, "openai"),
        }
        yield _openai(port, "/v1/chat/completions", headers)


def _openai(port: int, path: str, headers: Mapping[str, str]) -> Contender:
    return Contender(
        Client(port, path, headers, OPENAI_BODY),
        Client(port, path, headers, {**OPENAI_BODY, "stream": True}),
        openai_content,
    )


def token(port: int) -> str:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/dev/token", json.dumps({"email": "bench@demo.test"}))
    token: str = json.loads(connection.getresponse().read())["access_token"]
    connection.close()
    return token


def paths() -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")])}
