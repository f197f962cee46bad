"""Values that change at known instants: each holds from its beginning until the next one begins."""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from msgspec import Struct

Value = TypeVar("Value")

BEGINNING = datetime.min.replace(tzinfo=UTC)


class Step(Struct, Generic[Value], frozen=True):
    """A value that holds from `begins` on."""

    begins: datetime
    value: Value


class Timeline(Generic[Value]):
    """Steps in order of time. Raises ValueError when two begin at once, because nobody could say which one holds."""

    def __init__(self, steps: Iterable[Step[Value]] = ()) -> None:
        self.steps = tuple(sorted(steps, key=lambda step: step.begins))
        self._begins = [step.begins for step in self.steps]
        if len(set(self._begins)) != len(self._begins):
            raise ValueError("Two steps of a timeline begin at the same instant.")

    @classmethod
    def always(cls, value: Value) -> "Timeline[Value]":
        """Returns a timeline of one value that holds at every instant."""
        return cls([Step(BEGINNING, value)])

    def at(self, instant: datetime) -> Value | None:
        """Returns the value that holds at this instant. None before the first step."""
        position = bisect_right(self._begins, instant)
        return self.steps[position - 1].value if position else None

    def after(self, instant: datetime) -> tuple[Step[Value], ...]:
        """Returns the steps that begin later than this instant."""
        return self.steps[bisect_right(self._begins, instant) :]

    def since(self, instant: datetime) -> tuple[Step[Value], ...]:
        """Returns the step that holds at this instant and those that begin later."""
        return self.steps[max(0, bisect_right(self._begins, instant) - 1) :]

    def replaced(self, begins: datetime, value: Value) -> "Timeline[Value]":
        """Returns the same timeline up to `begins`, and `value` alone from there on.

        Makes no step where the value holds already.
        """
        kept = [step for step in self.steps if step.begins < begins]
        if value == (kept[-1].value if kept else None):
            return Timeline(kept)
        return Timeline([*kept, Step(begins, value)])
