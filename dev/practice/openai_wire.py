"""Practice side of OpenAI's chat completions. https://platform.openai.com/docs/api-reference/chat-streaming"""

import json
import re
from collections.abc import Iterable
from typing import Any

from dev.practice.answers import Answer, Question, Refusal
from dev.practice.exchange import Request
from dev.practice.rows import OPTIONS

CREATED = 1_790_000_000  # answers are the same every time, their date too
REASONING = ("o1", "o3", "o4", "gpt-5")
ERROR_TYPES = {
    400: ("invalid_request_error", None),
    401: ("invalid_request_error", "invalid_api_key"),
    404: ("invalid_request_error", "model_not_found"),
    413: ("invalid_request_error", "context_length_exceeded"),
    429: ("requests", "rate_limit_exceeded"),
}
FINISH = {"stop": "stop", "length": "length", "content_filter": "content_filter"}


class OpenAIWire:
    """`POST …/chat/completions`."""

    def question(self, provider: str, request: Request) -> Question:
        """Read a request as strictly as the real providers do where it matters to us."""
        body = json_object(request.body)
        deployment = re.search(r"/deployments/([^/]+)/", request.path)
        model = deployment[1] if deployment else body.get("model")
        messages = body.get("messages")
        if not isinstance(model, str) or not isinstance(messages, list) or not messages:
            raise Refusal(400, "model and messages are required")
        if model.startswith(REASONING) and ("max_tokens" in body or body.get("temperature", 1) != 1):
            raise Refusal(400, "Unsupported parameter: this model takes max_completion_tokens and no temperature")
        if provider == "mistral" and "stream_options" in body:
            raise Refusal(422, "Extra inputs are not permitted: stream_options")
        asked = bool((body.get("stream_options") or {}).get("include_usage"))
        unasked = OPTIONS.get(provider, {}).get("usage") != "stream_options"
        return Question(
            provider=provider,
            model=model,
            texts=tuple(text_of(message.get("content")) for message in messages),
            max_tokens=body.get("max_completion_tokens", body.get("max_tokens")),
            streamed=bool(body.get("stream")),
            wants_usage=asked or unasked or not body.get("stream"),
        )

    def writer(self, question: Question, answer: Answer) -> "OpenAIWriter":
        """See `wire.Wire`."""
        return OpenAIWriter(question, answer)

    def whole(self, question: Question, answer: Answer, *, usage: bool) -> dict[str, Any]:
        """See `wire.Wire`."""
        message = {"role": "assistant", "content": answer.text, "refusal": None}
        body: dict[str, Any] = {
            "id": "chatcmpl-practice",
            "object": "chat.completion",
            "created": CREATED,
            "model": question.model,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": FINISH[answer.stop]}],
        }
        if usage:
            body["usage"] = usage_of(answer, len(answer.pieces))
        return body

    def error(self, status: int, message: str) -> dict[str, Any]:
        """See `wire.Wire`."""
        kind, code = ERROR_TYPES.get(status, ("server_error", None))
        return {"error": {"message": message, "type": kind, "param": None, "code": code}}

    def error_headers(self, status: int) -> dict[str, str]:
        """See `wire.Wire`."""
        return {"x-request-id": f"practice-{status}"}


class OpenAIWriter:
    """Returns a streamed completion."""

    content_type = "text/event-stream"

    def __init__(self, question: Question, answer: Answer) -> None:
        self._question = question
        self._answer = answer
        head = {
            "id": "chatcmpl-practice",
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": question.model,
        }
        if question.provider == "perplexity":
            page = "https://example.com/practice"
            head |= {"citations": [page], "search_results": [{"title": "Practice", "url": page, "date": None}]}
        self._head = json.dumps(head)[:-1]
        self._before = f'data: {self._head}, "choices": [{{"index": 0, "delta": {{"content": '
        self._after = '}, "logprobs": null, "finish_reason": null}]}\n\n'

    def opening(self) -> Iterable[bytes]:
        """See `wire.StreamWriter`."""
        yield self._event(
            '"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}, '
            '"logprobs": null, "finish_reason": null}]'
        )

    def piece(self, text: str) -> bytes:
        """See `wire.StreamWriter`."""
        return (self._before + json.dumps(text) + self._after).encode()

    def closing(self, stop: str, output_tokens: int, *, usage: bool) -> Iterable[bytes]:
        """See `wire.StreamWriter`: usage comes as this provider sends it."""
        last = f'"choices": [{{"index": 0, "delta": {{}}, "logprobs": null, "finish_reason": "{FINISH[stop]}"}}]'
        counts = json.dumps(usage_of(self._answer, output_tokens))
        asked = OPTIONS.get(self._question.provider, {}).get("usage") == "stream_options"
        if not usage or not self._question.wants_usage:
            yield self._event(last)
        elif self._question.provider == "groq":
            yield self._event(f'{last}, "x_groq": {{"id": "req_practice", "usage": {counts}}}')
        elif asked:
            yield self._event(last)
            yield self._event(f'"choices": [], "usage": {counts}')
        else:
            yield self._event(f'{last}, "usage": {counts}')
        yield b"data: [DONE]\n\n"

    def error_event(self) -> bytes:
        """See `wire.StreamWriter`."""
        return b'data: {"error": {"message": "The server had an error", "type": "server_error", "code": null}}\n\n'

    def broken(self) -> bytes:
        """See `wire.StreamWriter`."""
        return b'data: {"choices": [{"delta": {"content": \n\n'

    def _event(self, fields: str) -> bytes:
        return f"data: {self._head}, {fields}}}\n\n".encode()


def usage_of(answer: Answer, output_tokens: int) -> dict[str, Any]:
    """Counts in OpenAI's form, which knows no writing to the cache but for OpenRouter's addition."""
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": output_tokens,
        "total_tokens": answer.input_tokens + output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": answer.cached_tokens,
            "cache_write_tokens": answer.written_tokens,
            "audio_tokens": answer.audio_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def json_object(body: bytes) -> dict[str, Any]:
    """A request's JSON. Raises Refusal."""
    try:
        value = json.loads(body)
    except ValueError:
        raise Refusal(400, "We could not parse the JSON body of your request.") from None
    if not isinstance(value, dict):
        raise Refusal(400, "The body has to be a JSON object.")
    return value


def text_of(content: Any) -> str:
    """The text of a message whose content is a string or a list of parts."""
    if isinstance(content, list):
        return " ".join(part.get("text", "") for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""
