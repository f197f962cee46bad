"""POST /api/chat: one message, answered as a stream of server-sent events or as one JSON document."""

import hashlib
import json
import time
from collections.abc import Generator, Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from functions.chat.request import ChatRequest
from stoa.clients.wires.types import Cancel, Cancelled
from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.settings import settings
from stoa.database.pool import database
from stoa.http.answers import MethodNotAllowed, StreamingAnswer, error_answer, known_error
from stoa.http.bodies import body_bytes, parse_body
from stoa.http.chat_events import frame, selection_headers, whole_answer
from stoa.identity.members import members, principal_from_event
from stoa.workflows.chat import ChatMessage, Event, Failure, Tools, chat
from stoa.workflows.providers.provider_directory import provider_directory

Events = Generator[Event, None, None]

SSE_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}

# What is left of the function's time must suffice to settle and to send the end of the answer.
SETTLE_MARGIN_SECONDS = 10.0
DEFAULT_SECONDS = 290.0


def handler(event: Mapping[str, Any], context: Any) -> StreamingAnswer:
    """Answers one REST API event. Errors before the first event are plain JSON answers with their status."""
    request_id = str((event.get("requestContext") or {}).get("requestId", ""))
    try:
        _check_method(event)
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        cancel = Cancel()
        events = _chat(event, context, headers, cancel)
        first = next(events)
        if "text/event-stream" in headers.get("accept", ""):
            out = {**SSE_HEADERS, **selection_headers(first)}
            return StreamingAnswer(200, out, _sse(first, events, request_id), cancel.cancel)
        return whole_answer([first, *events], request_id)
    except Exception as error:  # noqa: BLE001 - the one hook: every error becomes an answer
        return _refusal(error, request_id)


def _chat(event: Mapping[str, Any], context: Any, headers: Mapping[str, str], cancel: Cancel) -> Events:
    member = members.get(database(), principal_from_event(event, settings()))
    request = parse_body(ChatRequest, body_bytes(event))
    key = _idempotency_key(headers)
    message = ChatMessage(
        **{name: getattr(request, name) for name in type(request).model_fields},
        idempotency_key=key,
        request_hash=_request_hash(request) if key else None,
    )
    directory = provider_directory(database())
    tools = Tools(database(), lambda: datetime.now(UTC), directory.endpoint, directory.stream, _deadline(context))
    return chat(tools, member, message, cancel)


def _idempotency_key(headers: Mapping[str, str]) -> str | None:
    key = headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise InvalidFields([FieldProblem("Idempotency-Key", "1 to 255 printable characters")])
    return key


def _request_hash(request: ChatRequest) -> str:
    meaning = json.dumps(request.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(meaning.encode()).hexdigest()


def _deadline(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    seconds = remaining() / 1000 if remaining else DEFAULT_SECONDS
    return time.monotonic() + seconds - SETTLE_MARGIN_SECONDS


def _sse(first: Event, events: Events, request_id: str) -> Iterator[bytes]:
    try:
        for event in chain((first,), events):
            yield frame(event, request_id)
    except Cancelled:
        return
    except Exception as error:  # noqa: BLE001 - the status is sent: the error goes into the stream
        yield frame(Failure(known_error(error, request_id)), request_id)
    finally:
        events.close()


def _refusal(error: Exception, request_id: str) -> StreamingAnswer:
    answer = error_answer(error, request_id)
    return StreamingAnswer(answer.status, answer.headers, iter([answer.body.encode()]))


def _check_method(event: Mapping[str, Any]) -> None:
    if event.get("httpMethod", "POST") != "POST":
        raise MethodNotAllowed(["POST"])
