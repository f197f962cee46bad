"""Rounds, medians and the shape of a result."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table. `value` is what the goal speaks of, most often a ratio inside this run."""

    name: str
    value: float | None  # None: could not be measured here; `detail` says why
    goal: str
    met: bool | None
    detail: str
    figures: Mapping[str, float] = field(default_factory=dict)


def at_most(name: str, value: float, goal: float, detail: str, **figures: float) -> Result:
    """A row whose value should not be above `goal`."""
    return Result(name, value, f"≤ {goal:g}", value <= goal, detail, figures)


def at_least(name: str, value: float, goal: float, detail: str, **figures: float) -> Result:
    """A row whose value should not be below `goal`."""
    return Result(name, value, f"≥ {goal:g}", value >= goal, detail, figures)


def not_measured(name: str, why: str) -> Result:
    """A row that this machine cannot give."""
    return Result(name, None, "–", None, why)


def milliseconds(action: Callable[[], object], times: int) -> float:
    """Median time of one call, in milliseconds."""
    samples = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        samples.append(time.perf_counter() - began)
    return statistics.median(samples) * 1000


def in_turn(actions: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, float]:
    """The median over rounds of what each action measures; all take part in every round, so a drift meets all alike."""
    samples: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():  # warm up
        action()
    for _ in range(rounds):
        for name, action in actions.items():
            samples[name].append(action())
    return {name: statistics.median(values) for name, values in samples.items()}


def alternately(actions: Mapping[str, Callable[[], object]], calls: int) -> dict[str, list[float]]:
    """The time of each call in milliseconds; the actions take turns call by call."""
    samples: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(calls):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            samples[name].append((time.perf_counter() - began) * 1000)
    return samples


def percentile(samples: list[float], fraction: float) -> float:
    """The sample below which `fraction` of them lie."""
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * fraction))]
