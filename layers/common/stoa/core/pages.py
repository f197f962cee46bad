"""Lists that grow: one page, and where it ended."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

RowType = TypeVar("RowType")
MadeType = TypeVar("MadeType")


@dataclass(frozen=True, slots=True)
class Page(Generic[RowType]):
    """The rows of one page. `cursor` holds the values that the next page starts after. None: this was the last one."""

    rows: list[RowType]
    cursor: tuple[Any, ...] | None

    def each(self, make: Callable[[RowType], MadeType]) -> "Page[MadeType]":
        """Returns the page with `make` of each row."""
        return Page([make(row) for row in self.rows], self.cursor)


def page_of(found: Sequence[RowType], limit: int, place: Callable[[RowType], tuple[Any, ...]]) -> Page[RowType]:
    """Returns the first `limit` of the rows, where one more than that was asked for. `place` gives a row's cursor."""
    rows = list(found[:limit])
    return Page(rows, place(rows[-1]) if len(found) > limit else None)


def place_after(rows: Sequence[Mapping[str, Any]], limit: int, *columns: str) -> tuple[Any, ...] | None:
    """Returns where the next page starts: the `columns` of the last of `limit` rows. None: no row follows it."""
    return tuple(rows[limit - 1][column] for column in columns) if len(rows) > limit else None
