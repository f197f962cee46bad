"""Errors as HTTP tells them, and answers as they are sent, whole or streamed. Cheap to import: chat shares it."""

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct, field

from stoa.core.errors import (
    Conflict,
    Expired,
    Forbidden,
    InvalidFields,
    LimitReached,
    MalformedRequest,
    NotFound,
    PayloadTooLarge,
    PaymentRequired,
    StoaError,
    Unauthenticated,
    Unavailable,
    Unexpected,
    UpstreamFailed,
)
from stoa.core.failures import failure
from stoa.core.observe import logger
from stoa.core.text import camel_case, to_json
from stoa.http.refusals import STATUSES as REFUSALS
from stoa.http.refusals import refusal_details, refusal_headers
from stoa.workflows.selection.member_view import Refused

JSON_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}


class MethodNotAllowed(StoaError):
    """The path is known, and not with this method."""

    def __init__(self, allowed: list[str]) -> None:
        named = ", ".join(sorted(allowed))
        super().__init__("METHOD_NOT_ALLOWED", f"This path takes {named}.", details={"allowed": sorted(allowed)})
        self.allow = named


STATUSES: dict[type[StoaError], int] = {
    MalformedRequest: 400,
    Unauthenticated: 401,
    PaymentRequired: 402,
    Forbidden: 403,
    NotFound: 404,
    MethodNotAllowed: 405,
    Conflict: 409,
    Expired: 410,
    PayloadTooLarge: 413,
    InvalidFields: 422,
    LimitReached: 429,
    Unexpected: 500,
    UpstreamFailed: 502,
    Unavailable: 503,
}


class Answer(Struct):
    """A whole HTTP answer whose body is JSON text."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON_HEADERS))


class StreamingAnswer(Struct):
    """An HTTP answer whose body comes in pieces.

    Its sender must call `body.close()` when it stops before the end, so that the workflow behind settles what was
    produced. `cancel` may be called from any thread when the client has gone. A read that waits for the provider
    then returns at once.
    """

    status: int
    headers: dict[str, str]
    body: Iterator[bytes]
    cancel: Callable[[], None] | None = None


def status_of(error: StoaError) -> int:
    """Returns the HTTP status of an error: its kind's, or the nearest kind's that it is a case of."""
    if isinstance(error, Refused):
        return REFUSALS[type(error.refusal)]
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def error_headers(error: StoaError) -> dict[str, str]:
    """Returns the headers that belong to an error beside those of every answer."""
    if isinstance(error, Refused):
        return refusal_headers(error.refusal)
    if isinstance(error, MethodNotAllowed):
        return {"Allow": error.allow}
    return {} if error.retry_after is None else {"Retry-After": str(max(1, round(error.retry_after)))}


def error_body(error: StoaError, request_id: str) -> dict[str, Any]:
    """Returns the one error shape: `{"error": {code, message, details?, requestId}}`."""
    described: dict[str, Any] = {"code": error.code, "message": error.message, "requestId": request_id}
    if isinstance(error, Refused):
        described["details"] = refusal_details(error.refusal)
    elif isinstance(error, InvalidFields):
        described["details"] = [{"path": one.path, "reason": one.reason} for one in error.problems]
    elif error.details is not None:
        described["details"] = {camel_case(name): value for name, value in error.details.items()}
    return {"error": described}


def known_error(error: Exception, request_id: str) -> StoaError:
    """Returns `error` itself when it is one of ours, else an Unexpected that tells nothing, with the cause logged."""
    if isinstance(error, StoaError):
        status = status_of(error)
        if status >= 500:
            logger().warning("refused", extra={"code": error.code, "status": status, "requestId": request_id})
        return error
    logger().error("unexpected error", extra={"requestId": request_id, **failure(error)})
    return Unexpected()


def error_answer(error: Exception, request_id: str) -> Answer:
    """Makes an exception an HTTP answer. This is the only place where that happens."""
    known = known_error(error, request_id)
    headers = {**JSON_HEADERS, **error_headers(known)}
    return Answer(status_of(known), to_json(error_body(known, request_id)), headers)
