"""Lists that grow: one page, where it ended, and how the next one is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from stoa.domain.text import storable
from stoa.errors import MalformedRequest


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page. `cursor` is what the next page starts after; None: this was the last one."""

    rows: list[dict[str, Any]]
    cursor: tuple[Any, ...] | None


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


def instant(text: str) -> datetime:
    """The instant in ISO 8601. Raises ValueError or OverflowError."""
    return datetime.fromisoformat(text).astimezone(UTC)
