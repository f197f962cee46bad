"""Lists that grow: one page, where it ended, and how the next one is asked for."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stoa.domain.text import storable
from stoa.errors import MalformedRequest


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page. `cursor` is what the next page starts after; None: this was the last one."""

    rows: list[dict[str, Any]]
    cursor: tuple[Any, ...] | None


def place_after(rows: Sequence[Mapping[str, Any]], limit: int, *columns: str) -> tuple[Any, ...] | None:
    """Where the next page starts: the `columns` of the last of `limit` rows, where one more was asked for and found."""
    return tuple(rows[limit - 1][column] for column in columns) if len(rows) > limit else None


def read_place(parts: Sequence[str] | None, *readers: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """A cursor's parts as the values they were, one reader each; None for the first page.

    Raises MalformedRequest for a cursor of another list.
    """
    if parts is None:
        return None
    try:
        return tuple(read(storable(part)) for read, part in zip(readers, parts, strict=True))
    except (ValueError, OverflowError) as error:
        raise MalformedRequest("The cursor was not made by this list; start without one.") from error


def read_id(parts: Sequence[str] | None) -> UUID | None:
    """The cursor of a list that goes on after an id; None for the first page. Raises as `read_place`."""
    place = read_place(parts, UUID)
    return place[0] if place else None


def instant(text: str) -> datetime:
    """The instant in ISO 8601. Raises ValueError or OverflowError."""
    return datetime.fromisoformat(text).astimezone(UTC)
