"""The one error family. Code raises an error where it happens; `stoa.http.answers` maps each kind to HTTP.

A code is part of the contract: clients switch on it, so it never changes meaning. Each kind is a fact, not a status:
another door may tell it in another shape.
"""

from collections.abc import Mapping, Sequence

from msgspec import Struct


class FieldProblem(Struct, frozen=True):
    """A field that is not acceptable: its path in the request, and the reason in words."""

    path: str
    reason: str


Details = Mapping[str, object] | None


class StoaError(Exception):
    """A refusal or failure that the caller is told about.

    `code` is the stable machine-readable name, `message` says what to do, `details` holds values that the client needs
    to act, by our own names (snake_case). `retry_after` is the number of seconds to wait before trying again.
    """

    def __init__(self, code: str, message: str, *, details: Details = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details
        self.retry_after = retry_after


class MalformedRequest(StoaError):
    """The request cannot be read at all: bad JSON, a bad cursor."""

    def __init__(self, message: str, details: Details = None) -> None:
        super().__init__("MALFORMED_REQUEST", message, details=details)


class Unauthenticated(StoaError):
    """The request carries no valid identity."""

    def __init__(self, message: str = "Send a valid bearer token in the Authorization header.") -> None:
        super().__init__("UNAUTHENTICATED", message)


class PaymentRequired(StoaError):
    """The caller must pay, or choose something cheaper."""


class Forbidden(StoaError):
    """The identity is known and may not do this."""

    def __init__(self, message: str, code: str = "FORBIDDEN") -> None:
        super().__init__(code, message)


class NotFound(StoaError):
    """There is no such thing, or it belongs to somebody else. The two are never told apart."""

    def __init__(self, what: str) -> None:
        super().__init__("NOT_FOUND", f"There is no such {what}.")


class Conflict(StoaError):
    """The request contradicts the present state."""

    def __init__(self, code: str, message: str, details: Details = None, retry_after: int | None = None) -> None:
        super().__init__(code, message, details=details, retry_after=retry_after)


class Expired(StoaError):
    """The offer that the request relies on has ended."""


class PayloadTooLarge(StoaError):
    """The input is larger than Stoa or the chosen model accepts."""

    def __init__(self, message: str, details: Details = None) -> None:
        super().__init__("PAYLOAD_TOO_LARGE", message, details=details)


class InvalidFields(StoaError):
    """The request can be read, and fields in it are not acceptable. `problems` lists the path and reason of each."""

    def __init__(self, problems: Sequence[FieldProblem]) -> None:
        named = "; ".join(f"{problem.path}: {problem.reason}" for problem in problems)
        super().__init__("INVALID_FIELDS", f"Correct these fields and send again: {named}")
        self.problems = list(problems)


class LimitReached(StoaError):
    """The caller has used up what is allowed within a period."""


class UpstreamFailed(StoaError):
    """A service that the answer depends on failed."""


class Unavailable(StoaError):
    """Something that Stoa needs is out of reach for the moment. Trying again may help."""

    def __init__(self, message: str, code: str = "UNAVAILABLE", retry_after: int = 1) -> None:
        super().__init__(code, message, retry_after=retry_after)


class Unexpected(StoaError):
    """An error of our own. The caller learns nothing of its cause."""

    def __init__(self) -> None:
        super().__init__("INTERNAL_ERROR", "Something went wrong on our side. Report the requestId if it stays so.")
