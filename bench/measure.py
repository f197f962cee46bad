"""Rounds, medians with their spread, and the shape of a result."""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

ROUNDS = 7


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of a figure over rounds, with its smallest and its largest value."""

    median: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Rounds:
    """The figures of some contenders; the figures of one place in the lists were taken in the same round."""

    samples: Mapping[str, Sequence[float]]

    @property
    def medians(self) -> dict[str, float]:
        """Each contender's median."""
        return {name: statistics.median(values) for name, values in self.samples.items()}

    def ratio(self, ours: str, theirs: str) -> Spread:
        """Ours divided by theirs, round by round, so that a drift of the machine meets both sides alike."""
        return spread(one / other for one, other in zip(self.samples[ours], self.samples[theirs], strict=True))


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table. `value` is what the goal speaks of, most often a ratio inside this run.

    `low` and `high` are the smallest and the largest of the rounds whose median `value` is, where there are rounds.
    """

    name: str
    value: float | None  # None: could not be measured here; `detail` says why
    goal: str
    met: bool | None
    detail: str
    figures: Mapping[str, float] = field(default_factory=dict)
    low: float | None = None
    high: float | None = None


def spread(values: Iterable[float]) -> Spread:
    """Median, smallest and largest of at least one value."""
    taken = list(values)
    return Spread(statistics.median(taken), min(taken), max(taken))


def at_most(name: str, value: float | Spread, goal: float, detail: str, **figures: float) -> Result:
    """A row whose value should not be above `goal`."""
    median, low, high = _parts(value)
    return Result(name, median, f"≤ {goal:g}", median <= goal, detail, figures, low, high)


def at_least(name: str, value: float | Spread, goal: float, detail: str, **figures: float) -> Result:
    """A row whose value should not be below `goal`."""
    median, low, high = _parts(value)
    return Result(name, median, f"≥ {goal:g}", median >= goal, detail, figures, low, high)


def told(name: str, value: float | Spread, detail: str, **figures: float) -> Result:
    """A row without a goal."""
    median, low, high = _parts(value)
    return Result(name, median, "–", None, detail, figures, low, high)


def not_measured(name: str, why: str) -> Result:
    """A row that this machine cannot give."""
    return Result(name, None, "–", None, why)


def _parts(value: float | Spread) -> tuple[float, float | None, float | None]:
    return (value.median, value.low, value.high) if isinstance(value, Spread) else (value, None, None)


def milliseconds(action: Callable[[], object], times: int) -> float:
    """Median time of one call, in milliseconds."""
    samples = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        samples.append(time.perf_counter() - began)
    return statistics.median(samples) * 1000


def in_turn(actions: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> Rounds:
    """Returns what each action measures, round by round. All take part in every round, after one round to warm up."""
    samples: dict[str, list[float]] = {name: [] for name in actions}
    for action in actions.values():
        action()
    for _ in range(rounds):
        for name, action in actions.items():
            samples[name].append(action())
    return Rounds(samples)


def alternately(actions: Mapping[str, Callable[[], object]], calls: int) -> dict[str, list[float]]:
    """The time of each call in milliseconds; the actions take turns call by call."""
    samples: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(calls):
        for name, action in actions.items():
            began = time.perf_counter()
            action()
            samples[name].append((time.perf_counter() - began) * 1000)
    return samples


def in_rounds(samples: Mapping[str, Sequence[float]], rounds: int = ROUNDS) -> Rounds:
    """Calls that took turns, cut into rounds; a round's figure is its median."""
    calls = min(map(len, samples.values())) // rounds
    return Rounds(
        {
            name: [statistics.median(values[start : start + calls]) for start in range(0, rounds * calls, calls)]
            for name, values in samples.items()
        }
    )


def percentile(samples: list[float], fraction: float) -> float:
    """The sample below which `fraction` of them lie."""
    return sorted(samples)[min(len(samples) - 1, int(len(samples) * fraction))]
