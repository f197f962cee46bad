"""Lists that grow: one page, where it ended, and how the next one is asked for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page. `cursor` is what the next page starts after; None: this was the last one."""

    rows: list[dict[str, Any]]
    cursor: tuple[Any, ...] | None


def place_after(rows: Sequence[Mapping[str, Any]], limit: int, *columns: str) -> tuple[Any, ...] | None:
    """Where the next page starts: the `columns` of the last of `limit` rows, where one more was asked for and found."""
    return tuple(rows[limit - 1][column] for column in columns) if len(rows) > limit else None
