"""Anthropic's Messages.

https://docs.anthropic.com/en/api/messages and https://docs.anthropic.com/en/docs/build-with-claude/streaming
Options of the provider's row: chat_path, auth_header, anthropic_version, free_temperature (see `openai_compatible`).
"""

import json
from collections.abc import Generator
from typing import Any

from stoa.clients.http.exchange import Exchange, Limits, Request
from stoa.clients.http.sse import events, json_of
from stoa.clients.wires.asking import base_headers, temperature_of
from stoa.clients.wires.failures import cut, malformed, refused, told
from stoa.clients.wires.types import Call, Cancel, Citation, Endpoint, Finish, Text, token_count

STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_use",
    "refusal": "content_filter",
}
HOTTEST = 1.0  # Anthropic's scale of temperatures is half of OpenAI's


def stream(endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
    """Streams an answer, as `stoa.clients.wires.stream` describes."""
    body = json.dumps(request_body(endpoint, call)).encode()
    headers = base_headers(endpoint) | {
        "anthropic-version": endpoint.options.get("anthropic_version", "2023-06-01"),
        "Content-Type": "application/json",
        "Accept": "text/event-stream",
    }
    url = endpoint.base_url + endpoint.options.get("chat_path", "/v1/messages")
    request = Request(endpoint.provider_id, "POST", url, headers, body)
    with Exchange(request, Limits.of(call), cancel) as exchange:
        if exchange.status != 200:
            raise refused(endpoint, exchange)
        if "text/event-stream" not in exchange.headers.get("content-type", ""):
            raise malformed(endpoint, "not an event stream")
        yield from _read(endpoint, exchange)


def request_body(endpoint: Endpoint, call: Call) -> dict[str, Any]:
    """Returns the JSON that asks for a streamed message."""
    body: dict[str, Any] = {
        "model": call.model,
        "max_tokens": call.max_output_tokens,
        "messages": [{"role": turn.role, "content": turn.content} for turn in call.turns if turn.content],
        "stream": True,
    }
    if call.system:
        body["system"] = call.system
    temperature = temperature_of(call, endpoint.options)
    if temperature is not None:
        body["temperature"] = min(temperature, HOTTEST)
    return body


def _read(endpoint: Endpoint, exchange: Exchange) -> Generator[Text | Finish, None, None]:
    answer = _Answer()
    rest = events(exchange.pieces())
    silent = True
    try:
        for _, data in rest:
            event = json_of(data)
            kind = event["type"]
            if kind == "content_block_delta":
                if silent:
                    silent = False
                    exchange.token_seen()
                if text := answer.text_of(event["delta"]):
                    yield Text(text)
            elif kind == "error":
                raise told(endpoint, event["error"])
            elif kind == "message_stop":
                answer.stopped = True
                break
            else:
                answer.take(kind, event)
    except (ValueError, TypeError, AttributeError, KeyError):
        raise malformed(endpoint, "not a stream of message events") from None
    if not answer.stopped:
        raise cut(endpoint)
    yield answer.finish()
    exchange.finish(rest)


class _Answer:
    """The content of the events so far."""

    __slots__ = ("citations", "stop_reason", "stopped", "usage")

    def __init__(self) -> None:
        self.stopped = False
        self.stop_reason: str | None = None
        self.usage: dict[str, Any] = {}
        self.citations: dict[str, Citation] = {}

    def text_of(self, delta: dict[str, Any]) -> str:
        """Returns the text of a delta. Thinking is not shown, citations are kept."""
        match delta["type"]:
            case "text_delta":
                text = delta["text"]
                if not isinstance(text, str):
                    raise TypeError
                return text
            case "citations_delta" if url := delta["citation"].get("url"):
                self.citations[url] = Citation(url, delta["citation"].get("title"))
        return ""

    def take(self, kind: str, event: dict[str, Any]) -> None:
        """Takes in events that carry counts and reasons. Ignores unknown kinds: Anthropic says there will be more."""
        if kind == "message_start":
            self.usage.update(event["message"].get("usage") or {})
        elif kind == "message_delta":
            self.stop_reason = event["delta"].get("stop_reason") or self.stop_reason
            # Counts are cumulative, so the last ones win; absent ones keep what the start said.
            self.usage.update({name: count for name, count in (event.get("usage") or {}).items() if count is not None})

    def finish(self) -> Finish:
        """Returns the end of the answer. Anthropic counts cached and cache-writing input apart; ours is the sum."""
        fresh = token_count(self.usage.get("input_tokens"))
        cached = token_count(self.usage.get("cache_read_input_tokens"))
        written = token_count(self.usage.get("cache_creation_input_tokens"))
        return Finish(
            stop_reason=STOP_REASONS.get(self.stop_reason or "", "other"),
            input_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
            output_tokens=token_count(self.usage.get("output_tokens")),
            cached_input_tokens=cached,
            cache_write_tokens=written,
            citations=tuple(self.citations.values()),
        )
