"""Measures whole answers (p95) while a provider is down and its circuit is open, against those of a healthy one.

Both are asked in turn, message by message, so that whatever else the machine does meets both alike.
"""

import json
import sys
import time
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.measure import Result, at_most, not_measured, percentile
from bench.processes import serving
from bench.stoa_front import paths, practice_upstream, token
from dev import ROOT
from dev.children import free_port
from dev.practice import practice_environment
from dev.practice.running import control

PATIENCE_SECONDS = 3.0  # instead of 30, or the bench would mostly wait
WARM_UP = 75
DOWN_SECONDS = 12.0  # longer than the first cool-down: a probe that fails is among the samples
PAUSE_SECONDS = 0.02
GIVE_UP_SECONDS = 90.0

# Each with a free model of a provider of its own, so that none begins with what another has left behind.
OUTAGES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "refused": ("gpt-4o-mini", "openai", "refuse", {}),
    "hanging": ("codestral-latest", "mistral", "hang", {}),
    "error 500": ("grok-2-mini", "xai", "error_500", {}),
    "slow first token": ("phi-4", "azure_openai", "slow_first_token", {"delaySeconds": PATIENCE_SECONDS / 2}),
}

# The model that answers instead, asked for by its name.
STANDS_IN = {
    "gpt-4o-mini": "phi-4",
    "codestral-latest": "gpt-4o-mini",
    "grok-2-mini": "gpt-4o-mini",
    "phi-4": "gpt-4o-mini",
}


class Member:
    """Sends messages to one model."""

    def __init__(self, port: int, model_id: str, bearer: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)
        self._body = json.dumps({"content": "How are you?", "modelId": model_id})
        self._headers = {"Authorization": f"Bearer {bearer}", "Content-Type": "application/json"}
        self.model_id = model_id

    def send(self) -> tuple[float, dict[str, Any]]:
        """Milliseconds to the whole answer, and its metadata."""
        began = time.perf_counter()
        self._connection.request("POST", "/api/chat", self._body, self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        took = (time.perf_counter() - began) * 1000
        assert answer.status == 200, body[:500]
        metadata: dict[str, Any] = json.loads(body)["data"]["metadata"]
        return took, metadata

    def until(self, holds: Callable[[dict[str, Any]], bool]) -> int | None:
        """Send until an answer is as wanted: how many messages that took; None when it never is."""
        ends, sent = time.monotonic() + GIVE_UP_SECONDS, 0
        while time.monotonic() < ends:
            sent += 1
            if holds(self.send()[1]):
                return sent
            time.sleep(PAUSE_SECONDS)
        return None


def measure(folder: Path) -> list[Result]:
    """For each kind of outage: p95 after the circuit has opened ÷ p95 while all is well, and how it ends."""
    with practice_upstream(folder) as practice:
        port = free_port()
        environment = {
            **paths(),
            **practice_environment(practice, {}),
            "PORT": str(port),
            "STOA_PATIENCE_SECONDS": str(PATIENCE_SECONDS),
            "DATABASE_URL": "",
        }
        command = [sys.executable, "-m", "dev.run", str(folder / "outage")]
        with serving(command, port, folder / "outage.log", ROOT, environment):
            bearer = token(port)
            return [_one(name, practice, port, bearer) for name in OUTAGES]


def _one(name: str, practice: int, port: int, bearer: str) -> Result:
    model_id, provider_id, fault, fields = OUTAGES[name]
    title = f"outage, {name}: p95 ÷ healthy"
    member, elsewhere = Member(port, model_id, bearer), Member(port, STANDS_IN[model_id], bearer)
    for _ in range(WARM_UP):
        member.send()
        elsewhere.send()
    control(practice, "POST", "/faults", {"fault": fault, "provider": provider_id, **fields})
    opened = member.until(lambda told: told["modelId"] != model_id and not told["failedModels"])
    if opened is None:
        return not_measured(title, "the circuit never opened")
    down_ms, healthy_ms, probes, ends = [], [], 0, time.monotonic() + DOWN_SECONDS
    while time.monotonic() < ends:
        healthy_ms.append(elsewhere.send()[0])
        took, told = member.send()
        down_ms.append(took)
        probes += bool(told["failedModels"])
        time.sleep(PAUSE_SECONDS)
    control(practice, "DELETE", "/faults")
    began = time.monotonic()
    closed = member.until(lambda told: told["modelId"] == model_id)
    recovered = time.monotonic() - began
    down, healthy = percentile(down_ms, 0.95), percentile(healthy_ms, 0.95)
    print(f"  {name}: {down:.1f} ms against {healthy:.1f} ms", flush=True)
    ending = "it never closed" if closed is None else f"closed by itself {recovered:.0f} s after the end"
    detail = (
        f"{down:.1f} ms against {healthy:.1f} ms, {len(down_ms)} messages of which {probes} probed; "
        f"{opened - 1} messages opened it; {ending}"
    )
    figures = {"down_ms": down, "healthy_ms": healthy, "messages_until_open": opened - 1.0, "recovery_s": recovered}
    return at_most(title, down / healthy, 1.2, detail, **figures)
