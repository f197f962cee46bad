"""Chat events as our own API tells them: server-sent events, or one JSON document with the same parts. Lean."""

from collections.abc import Sequence
from typing import Any

from stoa.core.text import to_json
from stoa.domain.catalogue.names import outer_id
from stoa.domain.pricing.markup import money_text
from stoa.http.answers import JSON_HEADERS, StreamingAnswer, error_body
from stoa.http.headers import rate_limit_headers, retirement_headers
from stoa.store.chat.answer_documents import citation_documents, report_document
from stoa.workflows.chat.values import Citations, Content, Done, Event, Failure, Metadata, Selection


def told(event: Event, request_id: str) -> tuple[str, dict[str, Any]]:
    """Returns the name and the data of an event."""
    match event:
        case Content(text):
            return "content", {"text": text}
        case Selection():
            return "selection", _selection(event)
        case Metadata(report):
            return "metadata", report_document(report)
        case Citations(items):
            return "citations", {"citations": citation_documents(items)}
        case Failure(error):
            return "error", error_body(error, request_id)
        case Done(conversation_id, message_id):
            return "done", {"conversationId": str(conversation_id), "messageId": str(message_id)}


def frame(event: Event, request_id: str) -> bytes:
    """Returns an event as a server-sent event."""
    name, data = told(event, request_id)
    return f"event: {name}\ndata: {to_json(data)}\n\n".encode()


def selection_headers(event: Event) -> dict[str, str]:
    """Returns the headers that a selection gives its answer: the day's limit, and the end of the model."""
    if not isinstance(event, Selection):
        return {}
    if event.replayed:
        return {"Idempotent-Replay": "true"}
    limit = event.limit
    limits = {} if limit is None else rate_limit_headers(limit.limit, limit.used, limit.reset_seconds)
    return limits if event.ends_at is None else {**limits, **retirement_headers(event.ends_at)}


def whole_answer(events: Sequence[Event], request_id: str) -> StreamingAnswer:
    """Returns all events as one JSON document. Raises the failure of an answer that never began."""
    parts: dict[str, Any] = {"selection": None, "content": "", "metadata": None, "citations": []}
    pieces: list[str] = []
    headers: dict[str, str] = {}
    for event in events:
        match event:
            case Selection():  # the last one is the model that answered
                parts["selection"], headers = _selection(event), selection_headers(event)
            case Content(text):
                pieces.append(text)
            case Metadata(report):
                parts["metadata"] = report_document(report)
            case Citations(items):
                parts["citations"] = citation_documents(items)
            case Failure(error):
                if parts["metadata"] is None:  # nothing was produced: the failure is the answer
                    raise error
                parts["error"] = error_body(error, request_id)["error"]
    body = to_json({"data": {**parts, "content": "".join(pieces)}}).encode()
    return StreamingAnswer(200, {**JSON_HEADERS, **headers}, iter([body]))


def _selection(event: Selection) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "modelId": outer_id(event.model_id),
        "modelName": event.model_name,
        "providerId": event.provider_id,
        "rule": event.rule,
        "reason": event.reason,
        "access": event.access,
        "requestedModelId": event.requested_model_id,
    }
    if event.estimated_cost is not None:
        shown |= {"estimatedCost": money_text(event.estimated_cost), "fallbacks": list(event.fallbacks)}
    return {**shown, "conversationId": str(event.conversation_id)}
