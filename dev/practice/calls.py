"""Keeps the calls that practice providers took: never the words of a prompt, and only a hash of a key."""

import hashlib
import itertools
import threading
from collections import deque
from dataclasses import asdict, dataclass, field
from typing import Any

REMEMBERED = 2000


@dataclass(slots=True)
class TakenCall:
    """A call. `ended` is None while it runs, then: complete, cut (by us), client_disconnected, refused."""

    number: int
    connection: int  # calls with the same number came over the same connection
    provider: str
    model: str
    path: str
    streamed: bool
    header_names: list[str]
    key_sha256: str | None  # first 16 hexadecimal digits
    fault: str | None = None
    status: int | None = None
    chunks_sent: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cancelled: bool = False  # Replicate: told to cancel
    ended: str | None = None

    @property
    def client_disconnected(self) -> bool:
        """True when the client left before the answer ended."""
        return self.ended == "client_disconnected"


def key_hash(key: str | None) -> str | None:
    """A key's hash, enough to tell keys apart."""
    return hashlib.sha256(key.encode()).hexdigest()[:16] if key else None


@dataclass(slots=True)
class CallLog:
    """The calls, oldest first. Guarded by `changed`, which is notified at every change."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    connections: set[int] = field(default_factory=set)  # the numbers of those that carried a request
    _calls: deque[TakenCall] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))
    _total: int = 0

    def next_number(self) -> int:
        """The number of the next call."""
        return next(self._numbers)

    def add(self, call: TakenCall) -> None:
        """Remember a call."""
        with self.changed:
            self._calls.append(call)
            self._total += 1
            self.changed.notify_all()

    def notify(self) -> None:
        """Tell those who wait that a call has moved on."""
        with self.changed:
            self.changed.notify_all()

    def clear(self) -> None:
        """Forget all calls."""
        with self.changed:
            self._calls.clear()
            self._total = 0
            self.changed.notify_all()

    def listed(self) -> list[dict[str, Any]]:
        """The calls as JSON."""
        with self.changed:
            return [
                {_camel(name): value for name, value in asdict(call).items()}
                | {"clientDisconnected": call.client_disconnected}
                for call in self._calls
            ]

    def counters(self) -> dict[str, int]:
        """Counts calls, connections, and calls that still run."""
        with self.changed:
            running = sum(call.ended is None for call in self._calls)
            return {"total": self._total, "running": running, "connections": len(self.connections)}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
