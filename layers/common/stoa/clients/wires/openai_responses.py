"""OpenAI's Responses, for models that answer nowhere else.

https://platform.openai.com/docs/api-reference/responses-streaming
Nothing is kept at the provider (`store: false`): each call carries the whole conversation. Options of the provider's
row: responses_path, where the path is not `/responses`; free_temperature and fixed_temperature as elsewhere.
"""

from collections.abc import Generator
from typing import Any

from stoa.clients.http.exchange import Exchange
from stoa.clients.http.sse import events, json_of
from stoa.clients.wires.asking import temperature_of
from stoa.clients.wires.event_stream import asked
from stoa.clients.wires.failures import cut, malformed, told
from stoa.clients.wires.types import Call, Cancel, Citation, Endpoint, Finish, Text, token_count

# What an answer that the provider calls incomplete was stopped by.
INCOMPLETE = {"max_output_tokens": "length", "content_filter": "content_filter"}
_TEXTS = frozenset({"response.output_text.delta", "response.refusal.delta"})
_SIGNS = ("response.reasoning", "response.function_call", "response.web_search", "response.output_item.added")


def stream(endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
    """Streams an answer, as `stoa.clients.wires.stream` describes."""
    path = endpoint.options.get("chat_path", "/responses")
    with asked(endpoint, path, request_body(endpoint, call), call, cancel) as exchange:
        yield from _read(endpoint, exchange)


def request_body(endpoint: Endpoint, call: Call) -> dict[str, Any]:
    """Returns the JSON that asks for a streamed response."""
    body: dict[str, Any] = {
        "model": call.model,
        "input": [{"role": turn.role, "content": turn.content} for turn in call.turns if turn.content],
        "max_output_tokens": call.max_output_tokens,
        "store": False,
        "stream": True,
    }
    if call.system:
        body["instructions"] = call.system
    temperature = temperature_of(call, endpoint.options)
    if temperature is not None:
        body["temperature"] = temperature
    return body


def _read(endpoint: Endpoint, exchange: Exchange) -> Generator[Text | Finish, None, None]:
    rest = events(exchange.pieces())
    finish: Finish | None = None
    citations: list[Citation] = []
    silent = True
    try:
        for _, data in rest:
            if data == b"[DONE]":
                break
            event = json_of(data)
            kind = event.get("type")
            if not isinstance(kind, str):
                if event.get("error"):
                    raise told(endpoint, event["error"])
                continue
            if silent and (kind in _TEXTS or kind.startswith(_SIGNS)):
                silent = False
                exchange.token_seen()
            if kind in _TEXTS:
                text = event.get("delta")
                if text and isinstance(text, str):
                    yield Text(text)
            elif kind == "response.output_text.annotation.added":
                citations += _citation(event.get("annotation"))
            elif kind in ("response.completed", "response.incomplete"):
                finish = _finish(event["response"], tuple(dict.fromkeys(citations)))
                break
            elif kind in ("response.failed", "response.cancelled"):
                raise told(endpoint, event["response"].get("error") or kind)
            elif kind == "error":
                raise told(endpoint, event.get("error") or event)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise malformed(endpoint, "not a stream of a response") from None
    if finish is None:
        raise cut(endpoint)
    yield finish
    exchange.finish(rest)


def _finish(response: dict[str, Any], citations: tuple[Citation, ...]) -> Finish:
    usage = _object(response.get("usage"))
    stop_reason = "stop"
    if response.get("status") == "incomplete":
        stop_reason = INCOMPLETE.get(_object(response.get("incomplete_details")).get("reason") or "", "other")
    return Finish(
        stop_reason=stop_reason,
        input_tokens=token_count(usage.get("input_tokens")),
        output_tokens=token_count(usage.get("output_tokens")),
        cached_input_tokens=token_count(_object(usage.get("input_tokens_details")).get("cached_tokens")),
        citations=citations,
    )


def _citation(annotation: Any) -> list[Citation]:
    found = _object(annotation)
    url, title = found.get("url"), found.get("title")
    return [Citation(url, title if isinstance(title, str) else None)] if isinstance(url, str) else []


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
