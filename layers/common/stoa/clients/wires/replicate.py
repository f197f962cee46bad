"""Replicate's predictions, streamed.

https://replicate.com/docs/reference/http and https://replicate.com/docs/topics/predictions/streaming
A call is three exchanges: make the prediction, read its event stream, ask for its token counts. Closing the stream
does not stop the model: an answer that is not wanted is cancelled by a call of its own.
Options of the provider's row: chat_path (for `owner/name`), tokens_field (the models' name for the output limit).
"""

import json
import time
from collections.abc import Generator
from typing import Any
from urllib.parse import quote, urlsplit

from stoa.clients.http.exchange import Exchange, Limits, Request
from stoa.clients.http.sse import events
from stoa.clients.wires.asking import base_headers, temperature_of
from stoa.clients.wires.failures import cut, malformed, refused, told
from stoa.clients.wires.types import Call, Cancel, Cancelled, Endpoint, Finish, ProviderError, Text, Turn, token_count

AFTERWARDS_SECONDS = 3.0  # to ask for the counts, or to cancel: neither may keep the caller waiting


def stream(endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
    """Streams an answer, as `stoa.clients.wires.stream` describes."""
    limits = Limits.of(call)
    prediction = _Prediction(endpoint, _predict(endpoint, call, cancel, limits))
    try:
        yield from _read(endpoint, cancel, limits, prediction)
    finally:
        if not prediction.ended:  # cancelled, closed by our caller, out of time or cut: the model may still be running
            _ask_quietly(endpoint, "POST", prediction.cancel_url)
    counts = _metrics(_ask_quietly(endpoint, "GET", prediction.get_url))
    spoken = token_count(counts.get("output_token_count"))
    # Replicate tells no stop reason. An answer as long as allowed was most likely cut short by that.
    stop_reason = "length" if spoken is not None and spoken >= call.max_output_tokens else "stop"
    yield Finish(stop_reason, token_count(counts.get("input_token_count")), spoken)


class _Prediction:
    """The addresses of a prediction, and whether it is known to have ended."""

    __slots__ = ("cancel_url", "ended", "get_url", "stream_url")

    def __init__(self, endpoint: Endpoint, answer: dict[str, Any]) -> None:
        found = answer.get("urls")
        urls = {name: url for name, url in found.items() if isinstance(url, str)} if isinstance(found, dict) else {}
        if not urls.keys() >= {"stream", "get", "cancel"}:
            raise malformed(endpoint, "a prediction that cannot be streamed")
        self.stream_url, self.get_url, self.cancel_url = urls["stream"], urls["get"], urls["cancel"]
        self.ended = False


def request_body(endpoint: Endpoint, call: Call) -> dict[str, Any]:
    """Returns the JSON that makes a prediction. `owner/name:version` and bare versions go by version."""
    prompt: dict[str, Any] = {
        "prompt": _prompt(call.turns),
        endpoint.options.get("tokens_field", "max_tokens"): call.max_output_tokens,
    }
    if call.system:
        prompt["system_prompt"] = call.system
    temperature = temperature_of(call, endpoint.options)
    if temperature is not None:
        prompt["temperature"] = temperature
    body: dict[str, Any] = {"input": prompt, "stream": True}
    if "/" not in call.model or ":" in call.model:
        body["version"] = call.model.rpartition(":")[2]
    return body


def _prompt(turns: tuple[Turn, ...]) -> str:
    """Returns the turns as one text, because Replicate's models take one. A single message goes as it is."""
    said = [turn for turn in turns if turn.content]
    if len(said) == 1:
        return said[0].content
    lines = [f"{'User' if turn.role == 'user' else 'Assistant'}: {turn.content}" for turn in said]
    return "\n\n".join([*lines, "Assistant:"])


def _predict(endpoint: Endpoint, call: Call, cancel: Cancel, limits: Limits) -> dict[str, Any]:
    body = request_body(endpoint, call)
    path = endpoint.options.get("chat_path", "/models/{model}/predictions")
    path = "/predictions" if "version" in body else path.replace("{model}", quote(call.model))
    headers = base_headers(endpoint) | {"Content-Type": "application/json"}
    url, data = endpoint.base_url + path, json.dumps(body).encode()
    with Exchange(Request(endpoint.provider_id, "POST", url, headers, data), limits, cancel) as exchange:
        if exchange.status not in (200, 201, 202):
            raise refused(endpoint, exchange)
        try:
            prediction = json.loads(exchange.whole())
        except ValueError:
            prediction = None
    if not isinstance(prediction, dict):
        raise malformed(endpoint, "not a prediction")
    if prediction.get("status") == "failed":
        raise told(endpoint, prediction.get("error") or "failed")
    return prediction


def _headers_for(endpoint: Endpoint, url: str) -> dict[str, str]:
    """Returns the headers. The key goes only to its configured host and that host's siblings (stream.replicate.com)."""
    headers = base_headers(endpoint)
    known, named = urlsplit(endpoint.base_url), urlsplit(url)
    host, own_host = named.hostname or "", known.hostname or ""
    family = own_host.partition(".")[2]
    sibling = "." in family and not own_host[-1:].isdigit() and host.endswith(f".{family}")
    if named.scheme != known.scheme or not (host == own_host or sibling):
        headers.pop(endpoint.options.get("auth_header", "Authorization"), None)
    return headers


def _read(endpoint: Endpoint, cancel: Cancel, limits: Limits, prediction: _Prediction) -> Generator[Text, None, None]:
    url = prediction.stream_url
    headers = _headers_for(endpoint, url) | {"Accept": "text/event-stream", "Cache-Control": "no-store"}
    with Exchange(Request(endpoint.provider_id, "GET", url, headers), limits, cancel) as exchange:
        if exchange.status != 200:
            raise refused(endpoint, exchange)
        if "text/event-stream" not in exchange.headers.get("content-type", ""):
            raise malformed(endpoint, "not an event stream")
        silent = True
        rest = events(exchange.pieces())
        try:
            for name, data in rest:
                if name == b"output":
                    if silent:
                        silent = False
                        exchange.token_seen()
                    if data:
                        yield Text(data.decode())
                elif name == b"error":
                    prediction.ended = True
                    raise told(endpoint, _detail(data))
                elif name == b"done":
                    prediction.ended = True
                    _check_done(endpoint, data)
                    break
            else:
                raise cut(endpoint)
        except ValueError:
            raise malformed(endpoint, "not a stream of output events") from None
        exchange.finish(rest)


def _detail(data: bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return data.decode(errors="replace")


def _check_done(endpoint: Endpoint, data: bytes) -> None:
    """Raises ProviderError unless `done` carries {}: after a broken answer it has a `reason`, error or canceled."""
    detail = _detail(data)
    if isinstance(detail, dict) and detail.get("reason"):
        raise ProviderError("unavailable", provider_id=endpoint.provider_id, reason="the prediction was ended")


def _ask_quietly(endpoint: Endpoint, method: str, url: str) -> Any:
    """Returns the JSON of an answer, or None for any failure, which changes nothing for the caller."""
    limits = Limits(
        connect_timeout=AFTERWARDS_SECONDS,
        first_token_timeout=AFTERWARDS_SECONDS,
        deadline=time.monotonic() + AFTERWARDS_SECONDS,
    )
    body = b"" if method == "POST" else None
    try:
        request = Request(endpoint.provider_id, method, url, _headers_for(endpoint, url), body)
        with Exchange(request, limits, Cancel()) as exchange:
            return json.loads(exchange.whole()) if exchange.status == 200 else None
    except (ProviderError, Cancelled, ValueError):
        return None


def _metrics(prediction: Any) -> dict[str, Any]:
    metrics = prediction.get("metrics") if isinstance(prediction, dict) else None
    return metrics if isinstance(metrics, dict) else {}
