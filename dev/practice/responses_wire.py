"""Practice side of OpenAI's Responses. https://platform.openai.com/docs/api-reference/responses-streaming"""

import json
from collections.abc import Iterable
from typing import Any

from dev.practice.answers import Answer, Question, Refusal
from dev.practice.exchange import Request
from dev.practice.openai_wire import CREATED, OpenAIWire, json_object, text_of

ITEM = "msg_practice"
REFUSE_TEMPERATURE = ("gpt-5", "gpt-6", "o")


class ResponsesWire:
    """`POST …/responses`. Refusals are as those of chat completions."""

    _completions = OpenAIWire()

    def question(self, provider: str, request: Request) -> Question:
        """Read a request as strictly as the real provider does where it matters to us."""
        body = json_object(request.body)
        model, asked = body.get("model"), body.get("input")
        if not isinstance(model, str) or not asked:
            raise Refusal(400, "model and input are required")
        for unknown in ("messages", "max_tokens", "max_completion_tokens", "stream_options"):
            if unknown in body:
                raise Refusal(400, f"Unknown parameter: '{unknown}'.")
        if model.startswith(REFUSE_TEMPERATURE) and "temperature" in body:
            raise Refusal(400, "Unsupported parameter: 'temperature' is not supported with this model.")
        turns = [asked] if isinstance(asked, str) else [text_of(turn.get("content")) for turn in asked]
        instructions = [body["instructions"]] if body.get("instructions") else []
        return Question(
            provider=provider,
            model=model,
            texts=(*instructions, *turns),
            max_tokens=body.get("max_output_tokens"),
            streamed=bool(body.get("stream")),
        )

    def writer(self, question: Question, answer: Answer) -> "ResponsesWriter":
        """See `wire.Wire`."""
        return ResponsesWriter(question, answer)

    def whole(self, question: Question, answer: Answer, *, usage: bool) -> dict[str, Any]:
        """See `wire.Wire`."""
        counts = usage_of(answer, len(answer.pieces)) if usage else None
        return response_of(question.model, answer.text, answer.stop, counts)

    def error(self, status: int, message: str) -> dict[str, Any]:
        """See `wire.Wire`."""
        return self._completions.error(status, message)

    def error_headers(self, status: int) -> dict[str, str]:
        """See `wire.Wire`."""
        return self._completions.error_headers(status)


class ResponsesWriter:
    """Returns a streamed response."""

    content_type = "text/event-stream"

    def __init__(self, question: Question, answer: Answer) -> None:
        self._question = question
        self._answer = answer
        self._number = -1
        self._said = ""

    def opening(self) -> Iterable[bytes]:
        """See `wire.StreamWriter`."""
        begun = response_of(self._question.model, "", None, None)
        yield self._event("response.created", response=begun)
        yield self._event("response.in_progress", response=begun)
        yield self._event("response.output_item.added", output_index=0, item=message_of("", "in_progress"))
        part = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        yield self._event("response.content_part.added", item_id=ITEM, output_index=0, content_index=0, part=part)

    def piece(self, text: str) -> bytes:
        """See `wire.StreamWriter`."""
        self._said += text
        place = {"item_id": ITEM, "output_index": 0, "content_index": 0}
        return self._event("response.output_text.delta", **place, delta=text, logprobs=[])

    def closing(self, stop: str, output_tokens: int, *, usage: bool) -> Iterable[bytes]:
        """See `wire.StreamWriter`."""
        place = {"item_id": ITEM, "output_index": 0, "content_index": 0}
        yield self._event("response.output_text.done", **place, text=self._said, logprobs=[])
        yield self._event("response.output_item.done", output_index=0, item=message_of(self._said, "completed"))
        counts = usage_of(self._answer, output_tokens) if usage else None
        whole = response_of(self._question.model, self._said, stop, counts)
        yield self._event(f"response.{whole['status']}", response=whole)

    def error_event(self) -> bytes:
        """See `wire.StreamWriter`."""
        return self._event("error", code="server_error", message="The server had an error", param=None)

    def broken(self) -> bytes:
        """See `wire.StreamWriter`."""
        return b'event: response.output_text.delta\ndata: {"type": "response.output_text.delta", "delta": \n\n'

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        told = {"type": kind, "sequence_number": self._number, **fields}
        return f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode()


def usage_of(answer: Answer, output_tokens: int) -> dict[str, Any]:
    """Counts in the form of Responses."""
    return {
        "input_tokens": answer.input_tokens,
        "input_tokens_details": {"cached_tokens": answer.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": answer.input_tokens + output_tokens,
    }


def message_of(text: str, status: str) -> dict[str, Any]:
    """The one message of an answer."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "message", "id": ITEM, "role": "assistant", "status": status, "content": [part] if text else []}


def response_of(model: str, text: str, stop: str | None, usage: dict[str, Any] | None) -> dict[str, Any]:
    """A response. `stop` None: it has only begun."""
    reason = {"length": "max_output_tokens", "content_filter": "content_filter"}.get(stop or "")
    status = "in_progress" if stop is None else "incomplete" if reason else "completed"
    return {
        "id": "resp_practice",
        "object": "response",
        "created_at": CREATED,
        "status": status,
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": None,
        "metadata": {},
        "model": model,
        "output": [message_of(text, status)] if text else [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "store": False,
        "usage": usage,
    }
