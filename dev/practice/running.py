"""Starting and steering practice providers, from a command or from a test."""

import asyncio
import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any

from dev.practice.faults import fault_from
from dev.practice.feed import GENAI_PATH, SECOND_PATH
from dev.practice.rows import ROWS, base_path, places
from dev.practice.service import Service
from dev.serving.server import Server, listen

DEFAULT_DELAY = 0.015  # seconds before every word: fast enough not to bore, slow enough to see it stream
CONTROL_SECONDS = 10.0


def provider_url(port: int, provider_id: str) -> str:
    """The base address of one practice provider, in the form of `api_base` in `providers.csv`."""
    return f"http://127.0.0.1:{port}/{provider_id}{base_path(provider_id)}"


def feed_url(port: int, source: str) -> str:
    """The address of the practice feed that stands in for the first or the second source."""
    return f"http://127.0.0.1:{port}/practice{GENAI_PATH if source == 'first' else SECOND_PATH}"


class PracticeProviders:
    """Practice providers in threads of this process; a context manager.

    `delay_seconds` comes before every word; tests take 0.
    """

    def __init__(self, port: int = 0, delay_seconds: float = 0.0) -> None:
        self.port = port
        self._service = Service(delay_seconds)
        self._server: Server

    def __enter__(self) -> "PracticeProviders":
        self._server = Server(listen(self.port), self._service)
        self.port = self._server.port
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(seconds=0)

    def url(self, provider_id: str) -> str:
        """The base address of one provider, for its client library or `STOA_PROVIDER_<ID>_BASE_URL`."""
        return provider_url(self.port, provider_id)

    def fault(self, fault: str, **fields: Any) -> None:
        """Order a fault: `fault("cut", provider="openai", times=1, afterChunks=2)`. See `faults.py`."""
        ordered = fault_from({"fault": fault, **fields})
        self._in_loop(lambda: self._service.faults.add(ordered))

    def feed_url(self, source: str = "first") -> str:
        """Returns the address of the first or second practice feed, for STOA_FEED_URL or STOA_SECOND_FEED_URL."""
        return feed_url(self.port, source)

    def feed(self, **order: Any) -> None:
        """Change what the feeds say: `feed(provider="openai", model="gpt-4o", risePercent=30)`. See `feed.py`."""
        self._in_loop(lambda: self._service.feed.order(order))

    def clear(self) -> None:
        """Take all faults and orders to the feeds back, let held streams go, forget the calls."""
        self._in_loop(self._service.feed.clear)
        self._in_loop(self._service.faults.clear)
        self._service.log.clear()

    def release(self) -> None:
        """Let held streams go on."""
        self._in_loop(self._service.faults.release)

    def calls(self) -> list[dict[str, Any]]:
        """The calls taken, oldest first, as `GET /practice/calls` tells them."""
        return self._service.log.listed()

    def counters(self) -> dict[str, int]:
        """Totals: calls, running calls, connections."""
        return self._service.log.counters()

    def wait_for(
        self, condition: Callable[[list[dict[str, Any]]], bool], seconds: float = 10.0
    ) -> list[dict[str, Any]]:
        """The calls, as soon as `condition(calls)` holds. Raises TimeoutError when it does not come to hold."""
        limit = time.monotonic() + seconds
        changed = self._service.log.changed
        with changed:
            while not condition(calls := self._service.log.listed()):
                remaining = limit - time.monotonic()
                if remaining <= 0:
                    raise TimeoutError(f"The practice providers' calls never came to that: {calls}")
                changed.wait(remaining)
            return calls

    def _in_loop(self, action: Callable[[], None]) -> None:
        """Run `action` where requests are answered. Raises what it raises."""

        async def run() -> None:
            action()

        asyncio.run_coroutine_threadsafe(run(), self._server.loop).result(CONTROL_SECONDS)


def practice_environment(port: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that send every provider without a key or address of its own in `environment` to practice.

    Price feeds come from practice where the variable of their address says just `practice`.
    """
    settings = {}
    for provider_id in ROWS:
        prefix = f"STOA_PROVIDER_{provider_id.upper()}_"
        if not environment.get(f"{prefix}API_KEY") and not environment.get(f"{prefix}BASE_URL"):
            settings[f"{prefix}API_KEY"] = "practice"
            settings[f"{prefix}BASE_URL"] = provider_url(port, provider_id)
            for place in places(provider_id):
                settings[prefix + place.upper()] = "practice"
    for variable, source in (("STOA_FEED_URL", "first"), ("STOA_SECOND_FEED_URL", "second")):
        if environment.get(variable) == "practice":
            settings[variable] = feed_url(port, source)
    return settings


def control(port: int, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call a control endpoint of practice providers in another process: `control(port, "POST", "/faults", {...})`."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/practice{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 (our own address)
        return json.load(answer)
