"""Amazon Bedrock's Converse, streamed.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
botocore (part of boto3) brings AWS's own parts: credentials, Signature Version 4 and the event stream's binary framing.
The first call imports it. The request goes through our own HTTP, so that limits, kept connections and cancelling are
the same as everywhere. A boto3 client would also cost 270 ms more to import and build.

Requests are signed as the function's role. A Bedrock API key, if configured, goes as a bearer token instead.
Options of the provider's row: chat_path, region, fixed_temperature.
"""

import json
from collections.abc import Generator, Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

from stoa.clients.http.exchange import Exchange, Limits, Request
from stoa.clients.wires.asking import base_headers, temperature_of
from stoa.clients.wires.failures import cut, malformed, refused, told
from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, ProviderError, Text, token_count

EVENT_STREAM = "application/vnd.amazon.eventstream"
STOP_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_use",
    "guardrail_intervened": "content_filter",
    "content_filtered": "content_filter",
}
HOTTEST = 1.0


def stream(endpoint: Endpoint, call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
    """Streams an answer, as `stoa.clients.wires.stream` describes."""
    limits = Limits.of(call)  # finding credentials counts as part of the call
    path = endpoint.options.get("chat_path", "/model/{model}/converse-stream")
    url = endpoint.base_url + path.replace("{model}", quote(call.model, safe=""))
    body = json.dumps(request_body(endpoint, call)).encode()
    headers = base_headers(endpoint) | {"Content-Type": "application/json", "Accept": EVENT_STREAM}
    if endpoint.api_key is None:
        headers = _signed(endpoint, url, headers, body)
    with Exchange(Request(endpoint.provider_id, "POST", url, headers, body), limits, cancel) as exchange:
        if exchange.status != 200:
            raise refused(endpoint, exchange)
        if EVENT_STREAM not in exchange.headers.get("content-type", ""):
            raise malformed(endpoint, "not an event stream")
        yield from _read(endpoint, exchange)


def request_body(endpoint: Endpoint, call: Call) -> dict[str, Any]:
    """Returns the JSON that asks for a conversation's next message."""
    inference: dict[str, Any] = {"maxTokens": call.max_output_tokens}
    temperature = temperature_of(call, endpoint.options)
    if temperature is not None:
        inference["temperature"] = min(temperature, HOTTEST)
    turns = [turn for turn in call.turns if turn.content]
    body: dict[str, Any] = {
        "messages": [{"role": turn.role, "content": [{"text": turn.content}]} for turn in turns],
        "inferenceConfig": inference,
    }
    if call.system:
        body["system"] = [{"text": call.system}]
    return body


@cache
def _session() -> Any:
    import botocore.session  # 120 ms: only where Bedrock is really called

    return botocore.session.get_session()


def _signed(endpoint: Endpoint, url: str, headers: dict[str, str], body: bytes) -> dict[str, str]:
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.exceptions import BotoCoreError

    def refusal(reason: str) -> ProviderError:
        return ProviderError("auth", provider_id=endpoint.provider_id, reason=reason)

    try:
        credentials = _session().get_credentials()
        if credentials is None:
            raise refusal("not configured: no AWS credentials")
        request = AWSRequest(method="POST", url=url, headers=headers, data=body)
        region = endpoint.options.get("region", "us-east-1")
        SigV4Auth(credentials.get_frozen_credentials(), "bedrock", region).add_auth(request)
    except BotoCoreError:
        raise refusal("the AWS credentials cannot be used") from None
    return dict(request.headers.items())


def _messages(endpoint: Endpoint, exchange: Exchange) -> Iterator[Any]:
    from botocore.eventstream import ChecksumMismatch, EventStreamBuffer, ParserError

    buffer = EventStreamBuffer()
    try:
        for piece in exchange.pieces():
            buffer.add_data(piece)
            yield from buffer
    except (ParserError, ChecksumMismatch, UnicodeDecodeError):
        raise malformed(endpoint, "not an AWS event stream") from None


def _read(endpoint: Endpoint, exchange: Exchange) -> Generator[Text | Finish, None, None]:
    stop_reason: str | None = None
    usage: dict[str, Any] = {}
    silent = True
    try:
        for message in _messages(endpoint, exchange):
            headers = message.headers
            if headers.get(":message-type") != "event":
                # exception (with :exception-type) or error (with :error-code): throttling, model failures, …
                name = headers.get(":exception-type") or headers.get(":error-code") or ""
                raise told(endpoint, {"type": str(name), "message": message.payload.decode(errors="replace")})
            event = json.loads(message.payload)
            match headers.get(":event-type"):
                case "contentBlockDelta":
                    if silent:
                        silent = False
                        exchange.token_seen()
                    if text := event["delta"].get("text"):
                        yield Text(text)
                case "messageStop":
                    stop_reason = event["stopReason"]
                case "metadata":
                    usage = event.get("usage") or {}
    except (ValueError, TypeError, AttributeError, KeyError):
        raise malformed(endpoint, "not a stream of Converse events") from None
    if stop_reason is None:
        raise cut(endpoint)
    fresh, cached = token_count(usage.get("inputTokens")), token_count(usage.get("cacheReadInputTokens"))
    written = token_count(usage.get("cacheWriteInputTokens"))
    yield Finish(
        stop_reason=STOP_REASONS.get(stop_reason, "other"),
        input_tokens=None if fresh is None else fresh + (cached or 0) + (written or 0),
        output_tokens=token_count(usage.get("outputTokens")),
        cached_input_tokens=cached,
        cache_write_tokens=written,
    )
