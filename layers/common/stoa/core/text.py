"""Forms of text: JSON and instants as the API writes them, names in its spelling, and text that can be stored."""

import hashlib
import json
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

# The null character, which PostgreSQL's text cannot hold, and halves of surrogate pairs, which are no characters.
_NO_CHARACTERS = re.compile("[\\x00\\ud800-\\udfff]")


def storable(text: str) -> str:
    """Returns the text. Raises ValueError where it could not be stored, so that the client can correct it."""
    if _NO_CHARACTERS.search(text):
        raise ValueError("a null character or half a surrogate pair")
    return text


def made_storable(text: str) -> str:
    """Returns the text with U+FFFD in the place of what could not be stored, for what nobody can be told to correct."""
    return _NO_CHARACTERS.sub("\ufffd", text)


def camel_case(name: str) -> str:
    """Returns a column's or field's name as the API has it."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


def snake_case(name: str) -> str:
    """Returns an API's name as a column's or field's: the inverse of `camel_case`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def to_json(value: Any) -> str:
    """JSON text of our answers. Decimals become numbers: fields that must stay exact are strings already."""
    return json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"))


def digest_of(document: Any) -> str:
    """Returns the SHA-256 (hex) of a document of plain values: the same in whatever order its names are."""
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def iso(moment: datetime) -> str:
    """Returns an instant as clients read it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def document_of(value: Any) -> Any:
    """Returns a Struct as a document with the API's spelling of names, for what is saved as one: audit entries."""
    if isinstance(value, Struct):
        return {camel_case(name): document_of(part) for name, part in asdict(value).items()}
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    return [document_of(item) for item in value] if isinstance(value, (list, tuple)) else value
