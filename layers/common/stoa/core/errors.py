"""The one error family. Raise where it happens; `stoa.http.api` maps it to HTTP in one place.

A code is part of the HTTP contract: clients switch on it, so it never changes meaning.
"""

from collections.abc import Mapping
from typing import Any


class StoaError(Exception):
    """A refusal or failure that the caller is told about.

    `code` is the stable machine-readable name, `message` says what to do, `status` is the HTTP status,
    `details` is JSON-ready material the client needs to act, `headers` go out with the answer.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int,
        details: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details
        self.headers = dict(headers or {})


class MalformedRequest(StoaError):
    """400: the request cannot be read at all (bad JSON, bad cursor)."""

    def __init__(self, message: str, details: Any = None) -> None:
        super().__init__("MALFORMED_REQUEST", message, status=400, details=details)


class Unauthenticated(StoaError):
    """401: no valid identity came with the request."""

    def __init__(self, message: str = "Send a valid bearer token in the Authorization header.") -> None:
        super().__init__("UNAUTHENTICATED", message, status=401)


class Forbidden(StoaError):
    """403: the identity is known and may not do this."""

    def __init__(self, message: str, code: str = "FORBIDDEN") -> None:
        super().__init__(code, message, status=403)


class NotFound(StoaError):
    """404: no such thing, or it belongs to somebody else (the two are never told apart)."""

    def __init__(self, what: str) -> None:
        super().__init__("NOT_FOUND", f"There is no such {what}.", status=404)


class Conflict(StoaError):
    """409: the request contradicts the present state."""

    def __init__(self, code: str, message: str, details: Any = None, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message, status=409, details=details, headers=headers)


class PayloadTooLarge(StoaError):
    """413: the input is larger than Stoa or the chosen model accepts."""

    def __init__(self, message: str, details: Any = None) -> None:
        super().__init__("PAYLOAD_TOO_LARGE", message, status=413, details=details)


class InvalidFields(StoaError):
    """422: the JSON is well-formed and fields in it are not acceptable. `details` lists path and reason."""

    def __init__(self, problems: list[dict[str, str]]) -> None:
        named = "; ".join(f"{problem['path']}: {problem['reason']}" for problem in problems)
        message = f"Correct these fields and send again: {named}"
        super().__init__("INVALID_FIELDS", message, status=422, details=problems)


class Unavailable(StoaError):
    """503: something Stoa needs is out of reach for the moment; trying again may help."""

    def __init__(self, message: str, code: str = "UNAVAILABLE", retry_after: int = 1) -> None:
        super().__init__(code, message, status=503, headers={"Retry-After": str(retry_after)})
