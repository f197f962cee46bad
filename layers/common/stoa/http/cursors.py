"""Cursors of lists: opaque texts that name where the next page starts."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar
from uuid import UUID

from stoa.core.errors import MalformedRequest
from stoa.core.pages import Page
from stoa.core.text import storable

First = TypeVar("First")
Second = TypeVar("Second")

MALFORMED = "The cursor was not made by this API; start without one."


def cursor_of(page: Page[Any]) -> str | None:
    """Returns the opaque cursor of the page after this one. None: this was the last one."""
    return None if page.cursor is None else make_cursor(*page.cursor)


def make_cursor(*parts: Any) -> str:
    """Returns the parts as one opaque text."""
    return base64.urlsafe_b64encode(json.dumps([str(part) for part in parts]).encode()).decode("ascii")


def parts_of(cursor: str | None) -> list[str] | None:
    """Returns what a cursor holds. None: the first page. Raises MalformedRequest for a foreign cursor."""
    if not cursor:
        return None
    try:
        parts = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
    except (ValueError, RecursionError) as error:
        raise MalformedRequest(MALFORMED) from error
    if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
        raise MalformedRequest(MALFORMED)
    return parts


def pair_after(
    cursor: str | None, first: Callable[[str], First], second: Callable[[str], Second]
) -> tuple[First, Second] | None:
    """Returns the two values that a page starts after. None: the first page. Raises as `id_after`."""
    place = read_place(parts_of(cursor), first, second)
    return None if place is None else (place[0], place[1])


def id_after(cursor: str | None) -> UUID | None:
    """Returns the id that a page starts after. None: the first page.

    Raises MalformedRequest for a cursor of another list.
    """
    place = read_place(parts_of(cursor), UUID)
    return None if place is None else place[0]


def paged(page: Page[Any]) -> dict[str, Any]:
    """Returns a page as lists answer it."""
    return {"data": page.rows, "meta": {"nextCursor": None if page.cursor is None else make_cursor(*page.cursor)}}


def read_place(parts: Sequence[str] | None, *readers: Callable[[str], Any]) -> tuple[Any, ...] | None:
    """Returns a cursor's parts as the values they were, one reader each; None for the first page.

    Raises MalformedRequest for a cursor of another list.
    """
    if parts is None:
        return None
    try:
        return tuple(read(storable(part)) for read, part in zip(readers, parts, strict=True))
    except (ValueError, OverflowError) as error:
        raise MalformedRequest("The cursor was not made by this list; start without one.") from error


def read_id(parts: Sequence[str] | None) -> UUID | None:
    """Returns the cursor of a list that goes on after an id; None for the first page. Raises as `read_place`."""
    place = read_place(parts, UUID)
    return place[0] if place else None


def instant(text: str) -> datetime:
    """Returns the instant in ISO 8601. Raises ValueError or OverflowError."""
    return datetime.fromisoformat(text).astimezone(UTC)
