"""Parameters that many routes share: page size, cursor, versions, texts to look for."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Header, Query
from pydantic import BeforeValidator, WithJsonSchema

from stoa.core.text import storable

MAX_PAGE = 200
DEFAULT_PAGE = 50

DEFAULT_DAYS = 30
MOST_DAYS = 366

NEVER = -1  # a version that nothing has


def whole_number(most: int) -> Callable[[Any], int]:
    """Returns a reader of whole numbers from 1 to `most`, in digits alone: `int` also takes "1_0" and other scripts."""

    def read(value: Any) -> int:
        text = str(value)
        if not (text.isascii() and text.isdigit() and len(text) <= len(str(most)) and 1 <= int(text) <= most):
            raise ValueError(f"a whole number from 1 to {most}")
        return int(text)

    return read


def short_text(most: int) -> Callable[[Any], str | None]:
    """Returns a reader of a text to look for. An empty one is none. A text that nothing can have is refused."""

    def read(value: Any) -> str | None:
        if not value:
            return None
        text = str(value)
        if len(text) > most:
            raise ValueError(f"at most {most} characters")
        try:
            return storable(text)
        except ValueError as error:
            raise ValueError("it holds characters that nothing here can have") from error

    return read


def one_of(words: Sequence[str], said: str | None = None) -> Callable[[Any], Any]:
    """Returns a reader of one of these words. `said` names them in a refusal. None is kept."""
    reason = said or f"one of {', '.join(words)}"

    def read(value: Any) -> Any:
        if value is not None and value not in words:
            raise ValueError(reason)
        return value

    return read


def flag(value: Any) -> bool | None:
    """Reads `true` or `false`."""
    if value not in (None, "true", "false"):
        raise ValueError("true or false")
    return None if value is None else value == "true"


def user_id(value: Any) -> UUID | None:
    """Reads a user's id. An empty text is no filter."""
    try:
        return UUID(value) if value else None
    except ValueError as error:
        raise ValueError("a user's id, as the answers give it") from error


def day(value: Any) -> date | None:
    """Reads a day of the years 2000 to 2200. An empty text is no filter."""
    if not value:
        return None
    try:
        found = date.fromisoformat(value)
    except ValueError as error:
        raise ValueError("a day such as 2026-03-31") from error
    if not 2000 <= found.year <= 2200:
        raise ValueError("a day of the years 2000 to 2200")
    return found


TEXT = WithJsonSchema({"type": "string"})
FLAG = WithJsonSchema({"type": "boolean"})

UuidText = Annotated[UUID, WithJsonSchema({"type": "string"})]

Limit = Annotated[
    int,
    BeforeValidator(whole_number(MAX_PAGE)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_PAGE, "default": DEFAULT_PAGE}),
    Query(description="How many at most."),
]

Days = Annotated[
    int,
    BeforeValidator(whole_number(MOST_DAYS)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MOST_DAYS, "default": DEFAULT_DAYS}),
    Query(description="How many days, today included."),
]

Cursor = Annotated[
    str | None,
    WithJsonSchema({"type": "string"}),
    Query(description="`meta.nextCursor` of the page before; without it the first page."),
]

IfMatch = Annotated[
    str | None,
    WithJsonSchema({"type": "string"}),
    Header(alias="If-Match", description="The version you read, where it is not in the body."),
]


def expected_version(if_match: str | None, sent: int | None = None) -> int | None:
    """Returns the version that an edit was made from: by `If-Match`, else as `sent` with the body.

    None: the client did not say. A tag that we never gave is a version that nothing has, so the edit is stale.
    """
    tag = (if_match or "").strip()
    if not tag:
        return sent
    if tag == "*":
        return None
    digits = tag.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else NEVER
