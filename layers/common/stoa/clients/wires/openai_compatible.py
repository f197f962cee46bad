"""OpenAI's chat completions, and the providers that took the format over.

https://platform.openai.com/docs/api-reference/chat-streaming
Differences between the providers are data (`data/providers.csv`), read here as `Endpoint.options`:

chat_path      path after the base address; `{model}` is filled in (Azure's deployments)
auth_header    header that carries the key as it is; without it the key goes as a bearer token
tokens_field   field of the output limit, `max_tokens` unless given
usage          `stream_options`: usage must be asked for; anything else: it comes by itself
free_temperature    models (prefixes, separated by spaces) that take a temperature, where not all do
fixed_temperature   models (prefixes) that refuse a temperature, where the others take one
key_check      path that a key is tried on (`stoa.clients.wires.key_check`)
list_path      path of the list of models; without it beside the chat's path, empty: none (`feeds.provider_lists`)
completion_tokens   models (prefixes) that take `max_completion_tokens`, whatever `tokens_field` says
"""

from collections.abc import Generator
from typing import Any
from urllib.parse import quote

from stoa.clients.http.exchange import Exchange
from stoa.clients.http.sse import events, json_of
from stoa.clients.wires.asking import is_one_of, temperature_of
from stoa.clients.wires.event_stream import asked
from stoa.clients.wires.failures import cut, malformed, told
from stoa.clients.wires.types import Call, Cancel, Citation, Endpoint, Finish, Text, token_count

STOP_REASONS = {
    "stop": "stop",
    "eos": "stop",  # Together
    "eos_token": "stop",  # Hugging Face
    "stop_sequence": "stop",
    "complete": "stop",  # Cohere
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",  # Mistral
    "content_filter": "content_filter",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
}


def stream(endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
    """Streams an answer, as `stoa.clients.wires.stream` describes."""
    path = endpoint.options.get("chat_path", "/chat/completions").replace("{model}", quote(call.model, safe=""))
    with asked(endpoint, path, request_body(endpoint, call), call, cancel) as exchange:
        yield from _read(endpoint, exchange)


def request_body(endpoint: Endpoint, call: Call) -> dict[str, Any]:
    """Returns the JSON that asks for a streamed completion."""
    options = endpoint.options
    messages = [{"role": "system", "content": call.system}] if call.system else []
    messages += [{"role": turn.role, "content": turn.content} for turn in call.turns if turn.content]
    tokens_field = options.get("tokens_field", "max_tokens")
    if is_one_of(call.model, options.get("completion_tokens", "")):
        tokens_field = "max_completion_tokens"
    body: dict[str, Any] = {
        "model": call.model,
        "messages": messages,
        "stream": True,
        tokens_field: call.max_output_tokens,
    }
    temperature = temperature_of(call, options)
    if temperature is not None:
        body["temperature"] = temperature
    if options.get("usage") == "stream_options":
        body["stream_options"] = {"include_usage": True}
    return body


def _read(endpoint: Endpoint, exchange: Exchange) -> Generator[Text | Finish, None, None]:
    answer = _Answer()
    rest = events(exchange.pieces())
    silent = True
    done = False
    try:
        for _, data in rest:
            if data == b"[DONE]":
                done = True
                break
            text = answer.read(json_of(data))
            if silent and answer.begun:
                silent = False
                exchange.token_seen()
            if text:
                yield Text(text)
    except (ValueError, TypeError, AttributeError, KeyError, IndexError):
        raise malformed(endpoint, "not a chat completion stream") from None
    except _ErrorEvent as event:
        raise told(endpoint, event.error) from None
    if answer.stop_reason is None and not done:
        raise cut(endpoint)
    yield answer.finish()
    exchange.finish(rest)


class _ErrorEvent(Exception):
    def __init__(self, error: Any) -> None:
        super().__init__()
        self.error = error


class _Answer:
    """The content of the chunks so far."""

    __slots__ = ("begun", "citations", "stop_reason", "usage")

    def __init__(self) -> None:
        self.begun = False  # text, or reasoning that is not shown
        self.stop_reason: str | None = None
        self.usage: dict[str, Any] = {}
        self.citations: tuple[Citation, ...] = ()

    def read(self, chunk: dict[str, Any]) -> str:
        """Takes one chunk in and returns its text."""
        text = ""
        if choices := chunk.get("choices"):
            choice = choices[0]
            if delta := choice.get("delta"):
                text = delta.get("content") or ""
                if text:
                    self.begun = True
                    if not isinstance(text, str):
                        text = _text_parts(text)
                elif delta.get("reasoning_content") or delta.get("reasoning") or delta.get("tool_calls"):
                    self.begun = True
            if reason := choice.get("finish_reason"):
                if reason == "error":
                    raise _ErrorEvent(chunk.get("error") or reason)
                self.stop_reason = STOP_REASONS.get(reason.lower(), "other")
        elif error := chunk.get("error"):
            raise _ErrorEvent(error)
        if usage := chunk.get("usage") or (chunk["x_groq"].get("usage") if chunk.get("x_groq") else None):
            self.usage = usage
        if "search_results" in chunk or "citations" in chunk:
            self.citations = _citations(chunk) or self.citations
        return text

    def finish(self) -> Finish:
        """Returns the end of the answer."""
        usage = self.usage
        read, said = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
        cached = read.get("cached_tokens")
        if cached is None:
            cached = usage.get("prompt_cache_hit_tokens")  # DeepSeek
        return Finish(
            stop_reason=self.stop_reason or "stop",
            input_tokens=token_count(usage.get("prompt_tokens")),
            output_tokens=_output_tokens(usage),
            cached_input_tokens=token_count(cached),
            cache_write_tokens=token_count(read.get("cache_write_tokens")),  # OpenRouter
            input_audio_tokens=token_count(read.get("audio_tokens")),
            input_image_tokens=token_count(read.get("image_tokens")),  # xAI
            output_audio_tokens=token_count(said.get("audio_tokens")),
            output_image_tokens=token_count(said.get("image_tokens")),
            citations=self.citations,
        )


def _details(usage: dict[str, Any], name: str) -> dict[str, Any]:
    details = usage.get(name)
    return details if isinstance(details, dict) else {}


def _output_tokens(usage: dict[str, Any]) -> int | None:
    """Returns the count of all generated tokens. xAI and Gemini bill reasoning, leave it out of `completion_tokens` and
    have it in `total_tokens`: https://docs.x.ai/docs/key-information/consumption-and-rate-limits
    """
    read, said, whole = (
        token_count(usage.get(name)) for name in ("prompt_tokens", "completion_tokens", "total_tokens")
    )
    if read is None or said is None or whole is None:
        return said
    return max(said, whole - read)


def _text_parts(parts: list[dict[str, Any]]) -> str:
    """Returns the text of parts. Mistral's reasoning models send a list of parts, thinking among them."""
    return "".join(part.get("text", "") for part in parts if part.get("type") == "text")


def _citations(chunk: dict[str, Any]) -> tuple[Citation, ...]:
    """Returns Perplexity's sources: `search_results` with titles, or the older `citations`, bare addresses.

    https://docs.perplexity.ai/api-reference/chat-completions-post
    """
    results = chunk.get("search_results")
    if results:
        return tuple(Citation(result["url"], result.get("title")) for result in results)
    return tuple(Citation(url) for url in chunk.get("citations") or ())
