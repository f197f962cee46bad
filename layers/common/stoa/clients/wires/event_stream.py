"""The exchange that OpenAI's two wires share: JSON goes out, an event stream comes back or the reason why not."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from stoa.clients.http.exchange import Exchange, Limits, Request
from stoa.clients.wires.asking import base_headers
from stoa.clients.wires.failures import malformed, refused, told
from stoa.clients.wires.types import Call, Cancel, Endpoint, ProviderError


@contextmanager
def asked(endpoint: Endpoint, path: str, body: Mapping[str, Any], call: Call, cancel: Cancel) -> Iterator[Exchange]:
    """Posts `body` and yields the exchange, whose pieces are an event stream. Raises ProviderError otherwise."""
    headers = base_headers(endpoint) | {"Content-Type": "application/json", "Accept": "text/event-stream"}
    request = Request(endpoint.provider_id, "POST", endpoint.base_url + path, headers, json.dumps(body).encode())
    with Exchange(request, Limits.of(call), cancel) as exchange:
        if exchange.status != 200:
            raise refused(endpoint, exchange)
        if "text/event-stream" not in exchange.headers.get("content-type", "text/event-stream"):
            raise _not_a_stream(endpoint, exchange)
        yield exchange


def _not_a_stream(endpoint: Endpoint, exchange: Exchange) -> ProviderError:
    try:
        answer = json.loads(exchange.whole())
    except ValueError:
        return malformed(endpoint, "a page instead of an answer")
    if isinstance(answer, list) and answer:  # Google wraps its errors in a list
        answer = answer[0]
    error = answer.get("error") if isinstance(answer, dict) else None
    return told(endpoint, error) if error else malformed(endpoint, "not an event stream")
