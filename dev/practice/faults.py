"""Faults that a practice provider is told to make: for which calls, and how often."""

import asyncio
import re
from dataclasses import dataclass, field, replace
from typing import Any

FAULTS = {
    "slow": "wait `delaySeconds` (0.2) before every chunk",
    "slow_first_token": "send the headers, then wait `delaySeconds` (5) before the first chunk",
    "cut": "break the connection off after `afterChunks` (3)",
    "end_early": "end the answer properly after `afterChunks` (3), without the closing events",
    "error_NNN": "answer with that HTTP status, such as error_429 with `retryAfter` (2) or error_529",
    "error_event": "send an error event after `afterChunks` (3)",
    "context_length": "refuse the message as too long for the model",
    "malformed": "send something that is not JSON after `afterChunks` (3)",
    "refuse": "close the connection without answering",
    "html": "answer 200 with a web page",
    "no_usage": "answer without token counts",
    "tokens": "tell `inputTokens`, of which `cachedTokens` (0), `writtenTokens` (0) and `audioTokens` (0)",
    "content_filter": "stop because of the content after `afterChunks` (3)",
    "hang": "take the request and never answer",
    "hold": "send `afterChunks` (3), then wait for POST /practice/release",
    "close_after": "answer, promise to keep the connection, and close it",
}
_DEFAULT_DELAY = {"slow": 0.2, "slow_first_token": 5.0}
_MARKER = re.compile(r"\[\[practice:([a-z_0-9]+)((?:\s+[a-zA-Z]+=[0-9.]+)*)\]\]")


class UnknownFault(ValueError):
    """There is no such fault; the message lists those there are."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An instruction. `times` counts down with each call it applies to; None: until deleted."""

    fault: str
    provider: str = "*"
    model: str = "*"
    key: str = "*"
    times: int | None = None
    delay_seconds: float | None = None
    after_chunks: int = 3
    chunks: int | None = None
    retry_after: float | None = None
    input_tokens: int | None = None
    cached_tokens: int = 0
    written_tokens: int = 0
    audio_tokens: int = 0

    @property
    def status(self) -> int | None:
        """The HTTP status of an `error_NNN`."""
        return int(self.fault[6:]) if self.fault.startswith("error_") and self.fault != "error_event" else None

    @property
    def delay(self) -> float:
        """Seconds that `slow` and `slow_first_token` wait."""
        return _DEFAULT_DELAY.get(self.fault, 0.0) if self.delay_seconds is None else self.delay_seconds


_FIELDS = {
    "provider": ("provider", str),
    "model": ("model", str),
    "key": ("key", str),
    "fault": ("fault", str),
    "times": ("times", int),
    "delaySeconds": ("delay_seconds", float),
    "afterChunks": ("after_chunks", int),
    "chunks": ("chunks", int),
    "retryAfter": ("retry_after", float),
    "inputTokens": ("input_tokens", int),
    "cachedTokens": ("cached_tokens", int),
    "writtenTokens": ("written_tokens", int),
    "audioTokens": ("audio_tokens", int),
}


def fault_from(values: dict[str, Any]) -> Fault:
    """A fault out of JSON. Raises UnknownFault."""
    unknown = set(values) - set(_FIELDS)
    name = str(values.get("fault", ""))
    known = name in FAULTS or re.fullmatch(r"error_[45]\d\d", name)
    if unknown or not known:
        what = f"Unknown fields: {', '.join(sorted(unknown))}. " if unknown else f"There is no fault {name!r}. "
        raise UnknownFault(f"{what}Faults: {', '.join(FAULTS)}. Fields: {', '.join(_FIELDS)}.")
    try:
        kept = {_FIELDS[key][0]: _FIELDS[key][1](value) for key, value in values.items() if value is not None}
    except (ValueError, TypeError):
        raise UnknownFault("delaySeconds, retryAfter: numbers; the other fields but names: whole numbers.") from None
    return Fault(**kept)


@dataclass(slots=True)
class Faults:
    """The instructions in force, and the gate that held streams wait at."""

    _listed: list[Fault] = field(default_factory=list)
    _gate: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, fault: Fault) -> None:
        """Put one in force; the newest that fits a call wins."""
        self._listed.insert(0, fault)

    def clear(self) -> None:
        """Take all back, and let held streams go on."""
        self._listed.clear()
        self.release()

    def release(self) -> None:
        """Let the streams that are held now go on; later ones are held again."""
        self._gate.set()
        self._gate = asyncio.Event()

    @property
    def gate(self) -> asyncio.Event:
        """The signal that releases a stream that is held."""
        return self._gate

    def of(self, provider: str, model: str, message: str, key: str | None = None) -> Fault | None:
        """The fault for one call: the marker in its message, else the newest instruction that fits, used up by one."""
        if marker := _MARKER.search(message):
            values: dict[str, Any] = {"fault": marker[1]}
            values |= dict(pair.split("=", 1) for pair in marker[2].split())
            return fault_from(values)
        for index, fault in enumerate(self._listed):
            if fault.provider in ("*", provider) and fault.model in ("*", model) and fault.key in ("*", key):
                if fault.times is not None:
                    left = fault.times - 1
                    self._listed[index : index + 1] = [replace(fault, times=left)] if left > 0 else []
                return fault
        return None
