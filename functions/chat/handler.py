"""POST /api/chat: one message, answered as a stream of server-sent events or as one JSON document."""

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from stoa.clients.wires.types import Cancel, Cancelled
from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.settings import settings
from stoa.core.text import to_json
from stoa.database.pool import database
from stoa.http.answers import JSON_HEADERS, StreamingAnswer, error_answer, error_body, known_error
from stoa.http.bodies import body_bytes, parse_body
from stoa.http.routes import Route
from stoa.identity.members import members, principal_from_event
from stoa.workflows.chat import (
    ChatMessage,
    Citations,
    Content,
    Done,
    Event,
    Failure,
    Metadata,
    Selection,
    Tools,
    chat,
)
from stoa.workflows.providers.provider_directory import provider_directory

from .models import ChatRequest

ROUTES = [
    Route(
        "POST",
        "/api/chat",
        "Send a message. With `Accept: text/event-stream` the answer streams as events, else it is one document.",
        body="ChatRequest",
        answer="ChatAnswer",
        parameters="ChatHeaders",
        errors=(402, 404, 409, 413, 429, 502, 503),
        tags=("chat",),
        streams=True,
        module=__name__,
    )
]

SSE_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",
}

# What is left of the function's time must suffice to settle and to send the end of the answer.
SETTLE_MARGIN_SECONDS = 10.0
DEFAULT_SECONDS = 290.0


def handler(event: Mapping[str, Any], context: Any) -> StreamingAnswer:
    """Answer one REST API event. Errors before the first event are plain JSON answers with their status."""
    request_id = str((event.get("requestContext") or {}).get("requestId", ""))
    try:
        headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
        cancel = Cancel()
        events = _chat(event, context, headers, cancel)
        first = next(events)
        if "text/event-stream" in headers.get("accept", ""):
            out = {**SSE_HEADERS, **_selection_headers(first)}
            return StreamingAnswer(200, out, _sse(first, events, request_id), cancel.cancel)
        return _json_answer([first, *events], request_id)
    except Exception as error:  # noqa: BLE001 - the one hook: every error becomes an answer
        return _refusal(error, request_id)


def _chat(event: Mapping[str, Any], context: Any, headers: Mapping[str, str], cancel: Cancel) -> Iterator[Event]:
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


def _sse(first: Event, events: Iterator[Event], request_id: str) -> Iterator[bytes]:
    try:
        for event in chain((first,), events):
            yield _frame(event, request_id)
    except Cancelled:
        return
    except Exception as error:  # noqa: BLE001 - the status is sent: the error goes into the stream
        yield _frame(Failure(known_error(error, request_id)), request_id)
    finally:
        events.close()  # type: ignore[attr-defined]


def _frame(event: Event, request_id: str) -> bytes:
    match event:
        case Content(text):
            name, data = "content", {"text": text}
        case Selection(data=data):
            name = "selection"
        case Metadata(data=data):
            name = "metadata"
        case Citations(items):
            name, data = "citations", {"citations": items}
        case Failure(error):
            name, data = "error", error_body(error, request_id)
        case Done(data=data):
            name = "done"
    return f"event: {name}\ndata: {to_json(data)}\n\n".encode()


def _json_answer(events: list[Event], request_id: str) -> StreamingAnswer:
    parts: dict[str, Any] = {"selection": None, "content": "", "metadata": None, "citations": []}
    pieces: list[str] = []
    headers: dict[str, str] = {}
    for event in events:
        match event:
            case Selection():  # the last one is the model that answered
                parts["selection"], headers = event.data, _selection_headers(event)
            case Content(text):
                pieces.append(text)
            case Metadata(data=data):
                parts["metadata"] = data
            case Citations(items):
                parts["citations"] = items
            case Failure(error):
                if parts["metadata"] is None:  # nothing was produced: the failure is the answer
                    raise error
                parts["error"] = error_body(error, request_id)["error"]
    body = to_json({"data": {**parts, "content": "".join(pieces)}}).encode()
    return StreamingAnswer(200, {**JSON_HEADERS, **headers}, iter([body]))


def _selection_headers(event: Event) -> dict[str, str]:
    return dict(event.headers) if isinstance(event, Selection) else {}


def _refusal(error: Exception, request_id: str) -> StreamingAnswer:
    answer = error_answer(error, request_id)
    return StreamingAnswer(answer.status, answer.headers, iter([answer.body.encode()]))
