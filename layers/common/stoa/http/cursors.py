"""Cursors of lists: opaque texts that name where the next page starts."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import MalformedRequest
from stoa.core.pages import Page
from stoa.core.text import storable


def make_cursor(*parts: Any) -> str:
    """An opaque cursor that `Request.cursor` reads back."""
    return base64.urlsafe_b64encode(json.dumps([str(part) for part in parts]).encode()).decode("ascii")


def paged(page: Page) -> dict[str, Any]:
    """A page as lists answer it."""
    return {"data": page.rows, "meta": {"nextCursor": None if page.cursor is None else make_cursor(*page.cursor)}}


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
