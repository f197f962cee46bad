"""Practice side of Anthropic's Messages. https://docs.anthropic.com/en/docs/build-with-claude/streaming"""

import json
from collections.abc import Iterable
from typing import Any

from dev.practice.answers import Answer, Question, Refusal
from dev.practice.exchange import Request
from dev.practice.openai_wire import json_object, text_of

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
STOP = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


class AnthropicWire:
    """`POST …/v1/messages`."""

    def question(self, provider: str, request: Request) -> Question:
        """Read a request as strictly as Anthropic does where it matters to us."""
        body = json_object(request.body)
        if "anthropic-version" not in request.headers:
            raise Refusal(400, "anthropic-version: header is required")
        messages, limit = body.get("messages"), body.get("max_tokens")
        if not isinstance(body.get("model"), str) or not isinstance(messages, list) or not messages:
            raise Refusal(400, "model, messages: Field required")
        if type(limit) is not int or limit < 1:
            raise Refusal(400, "max_tokens: Field required")
        if any(message.get("role") not in ("user", "assistant") for message in messages):
            raise Refusal(400, "messages: roles are user and assistant; the system prompt has its own field")
        if not all(text_of(message.get("content")) for message in messages):
            raise Refusal(400, "messages: text content blocks must be non-empty")
        if not 0 <= body.get("temperature", 1) <= 1:
            raise Refusal(400, "temperature: range: 0..1")
        system = [text_of(body["system"])] if body.get("system") else []
        return Question(
            provider=provider,
            model=body["model"],
            texts=(*system, *(text_of(message.get("content")) for message in messages)),
            max_tokens=limit,
            streamed=bool(body.get("stream")),
        )

    def writer(self, question: Question, answer: Answer) -> "AnthropicWriter":
        """See `wire.Wire`."""
        return AnthropicWriter(question, answer)

    def whole(self, question: Question, answer: Answer, *, usage: bool) -> dict[str, Any]:
        """See `wire.Wire`. Anthropic's answers always carry counts."""
        counts = usage_of(answer, len(answer.pieces) if usage else 0)
        return message_of(question) | {
            "content": [{"type": "text", "text": answer.text}],
            "stop_reason": STOP[answer.stop],
            "usage": counts,
        }

    def error(self, status: int, message: str) -> dict[str, Any]:
        """See `wire.Wire`."""
        if "context length" in message:
            message = "prompt is too long: 200001 tokens > 200000 maximum"
        kind = ERROR_TYPES.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_practice"}

    def error_headers(self, status: int) -> dict[str, str]:
        """See `wire.Wire`."""
        return {"request-id": "req_practice"} if status else {}


class AnthropicWriter:
    """Returns a streamed message."""

    content_type = "text/event-stream; charset=utf-8"

    def __init__(self, question: Question, answer: Answer) -> None:
        self._question = question
        self._answer = answer
        self._usage = True

    def opening(self) -> Iterable[bytes]:
        """See `wire.StreamWriter`."""
        start = message_of(self._question)
        if self._usage:
            start["usage"] = usage_of(self._answer, 1)
        yield _event("message_start", {"message": start})
        yield _event("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}})
        yield _event("ping", {})

    def without_usage(self) -> None:
        """The fault `no_usage`, which the real Anthropic never does."""
        self._usage = False

    def piece(self, text: str) -> bytes:
        """See `wire.StreamWriter`."""
        return _event("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": text}})

    def closing(self, stop: str, output_tokens: int, *, usage: bool) -> Iterable[bytes]:
        """See `wire.StreamWriter`."""
        yield _event("content_block_stop", {"index": 0})
        end: dict[str, Any] = {"delta": {"stop_reason": STOP[stop], "stop_sequence": None}}
        if usage:
            end["usage"] = {"output_tokens": output_tokens}
        yield _event("message_delta", end)
        yield _event("message_stop", {})

    def error_event(self) -> bytes:
        """See `wire.StreamWriter`."""
        return _event("error", {"error": {"type": "overloaded_error", "message": "Overloaded"}})

    def broken(self) -> bytes:
        """See `wire.StreamWriter`."""
        return b'event: content_block_delta\ndata: {"type": "content_block_delta", "delta": \n\n'


def message_of(question: Question) -> dict[str, Any]:
    """The message that an answer begins as."""
    return {
        "id": "msg_practice",
        "type": "message",
        "role": "assistant",
        "model": question.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def usage_of(answer: Answer, output_tokens: int) -> dict[str, int]:
    """Counts in Anthropic's form: its input tokens are those that the cache had nothing to do with."""
    return {
        "input_tokens": answer.input_tokens - answer.cached_tokens - answer.written_tokens,
        "cache_creation_input_tokens": answer.written_tokens,
        "cache_read_input_tokens": answer.cached_tokens,
        "output_tokens": output_tokens,
    }


def _event(kind: str, fields: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()
