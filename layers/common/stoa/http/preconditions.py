"""Headers by which a client says what it saw before it changes something."""

from collections.abc import Mapping
from typing import Any

NEVER = -1  # a version that nothing has


def header(event: Mapping[str, Any], name: str) -> str | None:
    """A header of an API Gateway event; `name` in lower case."""
    headers: Mapping[str, str] = event.get("headers") or {}
    return next((value for key, value in headers.items() if key.lower() == name), None)


def expected_version(event: Mapping[str, Any], sent: int | None) -> int | None:
    """The version that an edit was made from: by `If-Match`, else as `sent` with the body.

    None: the client did not say. A tag that we never gave is a version that nothing has, so the edit is stale.
    """
    tag = (header(event, "if-match") or "").strip()
    if not tag:
        return sent
    if tag == "*":
        return None
    digits = tag.removeprefix("W/").strip('"')
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 10 else NEVER
