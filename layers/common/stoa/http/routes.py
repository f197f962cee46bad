"""Routes as they are documented, and the body of a request. Cheap to import: no web framework."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from stoa.core.errors import MalformedRequest, PayloadTooLarge

MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class Route:
    """One route as it is documented. `body` and `answer` name classes in the function's `models` module.

    `parameters` names one whose fields are further query parameters, or headers where their schema says so.
    """

    method: str
    path: str
    summary: str
    answer: str | None = None
    body: str | None = None
    status: int = 200
    public: bool = False
    parameters: str | None = None
    paged: bool = False
    streams: bool = False
    description: str = ""
    errors: tuple[int, ...] = ()
    tags: tuple[str, ...] = ()
    module: str = ""


def body_bytes(event: Mapping[str, Any]) -> bytes:
    """The raw body of an API Gateway event. Raises PayloadTooLarge over 1 MB, MalformedRequest for bad base64."""
    body = event.get("body") or ""
    try:
        raw = base64.b64decode(body, validate=True) if event.get("isBase64Encoded") else body.encode()
    except (ValueError, UnicodeEncodeError) as error:
        raise MalformedRequest("The request body is not valid.") from error
    if len(raw) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"The request body is larger than {MAX_BODY_BYTES:,} bytes.")
    return raw
