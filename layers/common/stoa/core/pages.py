"""Lists that grow: one page, and where it ended."""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from msgspec import Struct

RowType = TypeVar("RowType")
MadeType = TypeVar("MadeType")


class Page(Struct, Generic[RowType], frozen=True):
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
