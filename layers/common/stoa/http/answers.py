"""Answers as they are sent, whole or streamed, and the one mapping of errors to HTTP. Cheap to import."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from stoa.core.errors import StoaError
from stoa.core.failures import failure
from stoa.core.observe import logger
from stoa.core.text import to_json

JSON_HEADERS = {"Content-Type": "application/json", "Cache-Control": "no-store"}


@dataclass(slots=True)
class Answer:
    """A whole HTTP answer whose body is JSON text."""

    status: int
    body: str
    headers: dict[str, str] = field(default_factory=lambda: dict(JSON_HEADERS))


@dataclass(frozen=True, slots=True)
class File:
    """A text that is not JSON, for the client to save under `name`: what a handler returns for a sheet."""

    text: str
    name: str
    content_type: str = "text/csv; charset=utf-8"

    @property
    def headers(self) -> dict[str, str]:
        """What tells the client that it is a file."""
        return {"Content-Type": self.content_type, "Content-Disposition": f'attachment; filename="{self.name}"'}


@dataclass(slots=True)
class StreamingAnswer:
    """An HTTP answer whose body comes in pieces.

    Whoever sends it must call `body.close()` when it stops before the end, so that the workflow behind settles what was
    produced. `cancel` may be called from any thread when the client has gone: a read that waits for the provider
    then returns at once.
    """

    status: int
    headers: dict[str, str]
    body: Iterator[bytes]
    cancel: Callable[[], None] | None = None


def error_body(error: StoaError, request_id: str) -> dict[str, Any]:
    """The one error shape: `{"error": {code, message, details?, requestId}}`."""
    described: dict[str, Any] = {"code": error.code, "message": error.message, "requestId": request_id}
    if error.details is not None:
        described["details"] = error.details
    return {"error": described}


def known_error(error: Exception, request_id: str) -> StoaError:
    """`error` itself when it is one of ours; else an internal error that tells nothing, with the cause logged."""
    if isinstance(error, StoaError):
        if error.status >= 500:
            logger().warning("refused", extra={"code": error.code, "status": error.status, "requestId": request_id})
        return error
    logger().error("unexpected error", extra={"requestId": request_id, **failure(error)})
    return StoaError(
        "INTERNAL_ERROR", "Something went wrong on our side. Report the requestId if it stays so.", status=500
    )


def error_answer(error: Exception, request_id: str) -> Answer:
    """The one place where an exception becomes HTTP."""
    known = known_error(error, request_id)
    return Answer(known.status, to_json(error_body(known, request_id)), {**JSON_HEADERS, **known.headers})
