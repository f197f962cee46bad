"""Measures a chat's cost beyond its provider, through our HTTP front and through three gateways, in the same rounds.

All of them but Portkey's (Node.js) run on the interpreter that runs the bench. What each adds is its time minus that
of the same request sent to the provider directly, in the same round.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from bench import peers
from bench.clients import Client, NoAnswer, always, median_of, openai_content, stoa_content
from bench.measure import ROUNDS, Result, Rounds, at_most, not_measured, spread
from bench.processes import NotStarted
from bench.stoa_front import COACH, StoaFront, practice_upstream, stoa_front
from dev.practice.running import provider_url

WARM_UP, CALLS = 3, 25  # by one client alone; several at once make at least eight calls each
QUESTION = "Explain the difference between a list and a tuple in Python."
EARLIER = 49  # exchanges before the 50th message
OURS, DIRECT, LITELLM, PORTKEY, ANY_LLM = "Stoa", "direct", "LiteLLM", "Portkey", "any-llm"
WHOLE, FIRST = "whole JSON answer", "first content"
GOALS = {LITELLM: (0.15, 0.08), PORTKEY: (1.5, 0.10), ANY_LLM: (0.07, 0.05)}
BOOKS = {LITELLM: "it keeps no books", PORTKEY: "it keeps no books", ANY_LLM: "it keeps books"}


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of chat that all are measured with."""

    name: str
    at_once: int = 1
    coach: bool = False
    late: bool = False  # the 50th message instead of the first


SCENARIOS = (
    Scenario("first message"),
    Scenario("50th message", late=True),
    Scenario("first message to a coach", coach=True),
    Scenario("50th message to a coach", coach=True, late=True),
    Scenario("first message, 8 at once", at_once=8),
    Scenario("first message, 16 at once", at_once=16),
)

Place = tuple[Scenario, str]  # and whether it is about whole answers or first contents
MakeClients = Callable[[Scenario, bool], list[Client]]  # for whole answers, or for streams


def measure(folder: Path, rounds: int = ROUNDS) -> list[Result]:
    """Added time of a whole answer and to the first content, ours divided by each peer's, scenario by scenario."""
    missing: dict[str, str] = {}
    with ExitStack() as stack:
        upstream = stack.enter_context(practice_upstream(folder))
        print(f"  starting {OURS} …", flush=True)
        front = stack.enter_context(stoa_front(folder, upstream))
        told = _Told(front)
        contenders: dict[str, MakeClients] = {
            DIRECT: _openai(told, upstream, [{"Authorization": "Bearer practice"}], "/openai/v1/chat/completions"),
            OURS: _ours(told),
        }
        makers: dict[str, Callable[[], AbstractContextManager[MakeClients]]] = {
            LITELLM: partial(_litellm, told, folder, upstream),
            PORTKEY: partial(_portkey, told, folder, upstream),
            ANY_LLM: partial(_any_llm, told, folder, upstream),
        }
        for name, make in makers.items():
            print(f"  starting {name} …", flush=True)
            try:
                contenders[name] = stack.enter_context(make())
            except (peers.PeerMissing, NotStarted) as error:
                missing[name] = str(error)
        taken, failed = _measured(contenders, rounds)
    rows = []
    for place, times in taken.items():
        gone = {name: reason for (where, name), reason in failed.items() if where == place}
        rows += _rows(*place, times, {**missing, **gone})
    return rows


class _Told:
    """Holds what all are told in a scenario: our front by its conversation, the others by the messages themselves."""

    def __init__(self, front: StoaFront) -> None:
        self.front = front
        self.system_prompt = front.system_prompt()
        self._exchanges = {coach: front.earlier_exchange(QUESTION, coach) for coach in (False, True)}
        self._long = {
            coach: front.long_conversations(conversation, EARLIER, coach)
            for coach, (conversation, _) in self._exchanges.items()
        }

    def stoa_bodies(self, scenario: Scenario) -> Iterator[bytes]:
        """Bodies for our own door; a late message comes in another long conversation each time."""
        body: dict[str, Any] = {"content": QUESTION, "modelId": None}
        if scenario.coach:
            body["personaId"] = COACH
        if not scenario.late:
            return always(body)
        long = self._long[scenario.coach]
        return (next(always({**body, "conversationId": conversation})) for conversation in long)

    def openai_body(self, scenario: Scenario) -> dict[str, Any]:
        """The same in OpenAI's form: the coach as a system prompt, earlier messages word for word."""
        messages = [{"role": "system", "content": self.system_prompt}] if scenario.coach else []
        if scenario.late:
            answer = self._exchanges[scenario.coach][1]
            messages += [
                {"role": "user", "content": QUESTION},
                {"role": "assistant", "content": answer},
            ] * EARLIER
        return {"model": "gpt-4o-mini", "messages": [*messages, {"role": "user", "content": QUESTION}]}


def _measured(
    contenders: Mapping[str, MakeClients], rounds: int
) -> tuple[dict[Place, Rounds], dict[tuple[Place, str], str]]:
    """Each contender's median of each round, by scenario and kind; and why a peer has none there."""
    samples: dict[Place, dict[str, list[float]]] = {
        (scenario, kind): {name: [] for name in contenders} for scenario in SCENARIOS for kind in (WHOLE, FIRST)
    }
    failed: dict[tuple[Place, str], str] = {}
    for number in range(rounds + 1):  # in the first one everybody's caches and compilers warm up
        for place, by_name in samples.items():
            scenario, kind = place
            calls = max(8, CALLS // scenario.at_once)
            for name, clients in contenders.items():
                if (place, name) in failed:
                    continue
                try:
                    took = median_of(clients(scenario, kind == FIRST), WARM_UP, calls)
                except NoAnswer as error:
                    if name in (OURS, DIRECT):
                        raise
                    failed[place, name] = f"{name} gave no answer: {error}"
                    continue
                if number:
                    by_name[name].append(took)
        print(f"  round {number} of {rounds}", flush=True)
    return {place: Rounds(by_name) for place, by_name in samples.items()}, failed


def _rows(scenario: Scenario, kind: str, times: Rounds, missing: Mapping[str, str]) -> list[Result]:
    rows = []
    direct = times.samples[DIRECT]
    for peer, goals in GOALS.items():
        name = f"chat, {scenario.name}: added to the {kind} ÷ {peer}'s"
        if peer in missing:
            rows.append(not_measured(name, missing[peer]))
            continue
        added = {
            who: [through - alone for through, alone in zip(times.samples[who], direct, strict=True)]
            for who in (OURS, peer)
        }
        if min(added[peer]) <= 0:
            rows.append(not_measured(name, f"{peer} added nothing in a round; the machine was too busy"))
            continue
        ours, theirs = spread(added[OURS]), spread(added[peer])
        detail = f"{ours.median:.2f} ms against {theirs.median:.2f} ms; {BOOKS[peer]}"
        figures = {"ours_ms": ours.median, "peer_ms": theirs.median, "direct_ms": spread(direct).median}
        rows.append(at_most(name, Rounds(added).ratio(OURS, peer), goals[kind == FIRST], detail, **figures))
    return rows


def _ours(told: _Told) -> MakeClients:
    """Returns a member each for clients that ask at once."""

    @cache
    def clients(scenario: Scenario, streamed: bool) -> list[Client]:
        accept = {"Accept": "text/event-stream"} if streamed else {}
        content = stoa_content if streamed else None
        return [
            Client(
                told.front.port, "/api/chat", told.front.bearer(number) | accept, told.stoa_bodies(scenario), content
            )
            for number in range(scenario.at_once)
        ]

    return clients


def _openai(
    told: _Told,
    port: int,
    headers: Sequence[Mapping[str, str]],
    path: str = "/v1/chat/completions",
    model: str = "gpt-4o-mini",
) -> MakeClients:
    """Clients of a door of OpenAI's form; they take turns with the headers."""

    @cache
    def clients(scenario: Scenario, streamed: bool) -> list[Client]:
        body = {**told.openai_body(scenario), "model": model, **({"stream": True} if streamed else {})}
        content = openai_content if streamed else None
        return [
            Client(port, path, headers[number % len(headers)], always(body), content)
            for number in range(scenario.at_once)
        ]

    return clients


@contextmanager
def _litellm(told: _Told, folder: Path, upstream: int) -> Iterator[MakeClients]:
    installed = peers.install_litellm(folder, sys.executable)
    with peers.litellm(folder, installed, provider_url(upstream, "openai")) as port:
        yield _openai(told, port, [{"Authorization": f"Bearer {peers.LITELLM_KEY}"}])


@contextmanager
def _portkey(told: _Told, folder: Path, upstream: int) -> Iterator[MakeClients]:
    with peers.portkey(folder, peers.install_portkey(folder)) as port:
        headers = {
            "Authorization": "Bearer practice",
            "x-portkey-provider": "openai",
            "x-portkey-custom-host": provider_url(upstream, "openai"),
        }
        yield _openai(told, port, [headers])


@contextmanager
def _any_llm(told: _Told, folder: Path, upstream: int) -> Iterator[MakeClients]:
    installed = peers.install_any_llm(folder, sys.executable)
    users = max(scenario.at_once for scenario in SCENARIOS)
    with peers.any_llm(folder, installed, provider_url(upstream, "openai"), users) as (port, keys):
        headers = [{"X-AnyLLM-Key": f"Bearer {key}"} for key in keys]
        yield _openai(told, port, headers, model="openai:gpt-4o-mini")
