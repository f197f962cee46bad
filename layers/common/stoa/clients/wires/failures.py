"""Maps providers' refusals to `ProviderError`: HTTP statuses, error bodies and error events.

The providers' own lists:
https://platform.openai.com/docs/guides/error-codes
https://docs.anthropic.com/en/api/errors
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html#API_runtime_ConverseStream_Errors
https://ai.google.dev/gemini-api/docs/troubleshooting
"""

import json
import math
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from stoa.clients.http.exchange import LARGEST_ERROR_BODY, Exchange
from stoa.clients.wires.types import Endpoint, FailureKind, ProviderError

LONGEST_WAIT = 86400.0  # seconds; a provider that asks for more is not worth waiting for

# Words in a provider's error code, type or text, in the order they are looked for. Text is only searched, never kept.
_TELLTALES: tuple[tuple[str, FailureKind, str], ...] = (
    ("context_length_exceeded", "rejected", "context_length"),
    ("maximum context length", "rejected", "context_length"),
    ("context window", "rejected", "context_length"),
    ("context size", "rejected", "context_length"),
    ("prompt is too long", "rejected", "context_length"),
    ("input is too long", "rejected", "context_length"),
    ("input token count", "rejected", "context_length"),
    ("request_too_large", "rejected", "too_large"),
    ("insufficient_quota", "auth", "no_credit"),
    ("credit balance", "auth", "no_credit"),
    ("insufficient balance", "auth", "no_credit"),
    ("billing", "auth", "no_credit"),
    ("content_filter", "rejected", "content_filter"),
    ("content_policy", "rejected", "content_filter"),
    ("model_not_found", "rejected", "model_not_found"),
    ("deploymentnotfound", "rejected", "model_not_found"),
    ("invalid_api_key", "auth", "invalid_key"),
    ("api key not valid", "auth", "invalid_key"),
    ("overloaded", "unavailable", "overloaded"),
)

# Error types as they come in events and bodies, where there is no status to go by. Compared in lower case.
_TYPES: tuple[tuple[str, FailureKind], ...] = (
    ("rate_limit", "rate_limited"),
    ("ratelimit", "rate_limited"),
    ("throttling", "rate_limited"),
    ("resource_exhausted", "rate_limited"),
    ("too_many_requests", "rate_limited"),
    ("authentication", "auth"),
    ("permission", "auth"),
    ("accessdenied", "auth"),
    ("unauthenticated", "auth"),
    ("unrecognizedclient", "auth"),
    ("timeout", "timeout"),
    ("deadline_exceeded", "timeout"),
    ("invalid_request", "rejected"),
    ("invalid_argument", "rejected"),
    ("validation", "rejected"),
    ("not_found", "rejected"),
    ("resourcenotfound", "rejected"),
)


def kind_of_status(status: int) -> FailureKind:
    """Returns the kind of failure for an HTTP status other than 2xx."""
    if status in (401, 402, 403, 407):
        return "auth"
    if status == 429:
        return "rate_limited"
    if status in (408, 504):
        return "timeout"
    if status in (409, 423, 424, 425) or status >= 500:
        return "unavailable"
    if 400 <= status < 500:
        return "rejected"
    return "malformed"  # 1xx and 3xx: the configured address is not the interface itself


def retry_after(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Returns the seconds to wait that the provider asks for, in `retry-after-ms` or `Retry-After` (seconds or a date).

    Names of headers are in lower case; `now` is seconds since 1970. https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3
    """
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name)
        if value is None:
            continue
        try:
            seconds = float(value) * unit
        except ValueError:
            try:
                then = parsedate_to_datetime(value).timestamp()
            except ValueError:
                continue
            seconds = then - (time.time() if now is None else now)
        if math.isfinite(seconds):
            return min(max(0.0, seconds), LONGEST_WAIT)
    return None


def refused(endpoint: Endpoint, exchange: Exchange) -> ProviderError:
    """Returns the failure for an answer with a status other than 2xx. Reads the body."""
    status = exchange.status
    kind, reason = kind_of_status(status), None
    if status == 413:
        reason = "too_large"
    elif status == 402:
        reason = "no_credit"
    elif status >= 400:
        told_kind, told_reason = _telltale(exchange.whole(LARGEST_ERROR_BODY).decode(errors="replace"))
        # Only where the status leaves room for it: a gateway's 502 stays unavailable whatever its page says.
        if told_kind is not None and (status < 500 or told_kind == kind):
            kind, reason = told_kind, told_reason
    else:
        reason = "the configured address redirects" if 300 <= status < 400 else "an unexpected status"
    return ProviderError(
        kind,
        provider_id=endpoint.provider_id,
        reason=reason,
        retry_after=retry_after(exchange.headers),
        upstream_status=status,
    )


def told(endpoint: Endpoint, error: Any) -> ProviderError:
    """Returns the failure for an error object inside a stream or a 200 answer."""
    provider_id = endpoint.provider_id
    words = error if isinstance(error, str) else json.dumps(error)
    told_kind, reason = _telltale(words)
    if told_kind is not None:
        return ProviderError(told_kind, provider_id=provider_id, reason=reason)
    if isinstance(error, dict):
        for name in ("code", "status", "type"):
            value = error.get(name)
            if isinstance(value, int) and 400 <= value < 600:
                return ProviderError(kind_of_status(value), provider_id=provider_id, reason=reason)
            if isinstance(value, str):
                if value.isdigit() and 400 <= int(value) < 600:
                    return ProviderError(kind_of_status(int(value)), provider_id=provider_id, reason=reason)
                for word, kind in _TYPES:
                    if word in value.lower():
                        return ProviderError(kind, provider_id=provider_id, reason=reason)
    return ProviderError("unavailable", provider_id=provider_id, reason=reason or "an error inside the answer")


def malformed(endpoint: Endpoint, reason: str) -> ProviderError:
    """Returns the failure for an answer that is not in the format of its wire."""
    return ProviderError("malformed", provider_id=endpoint.provider_id, reason=reason)


def cut(endpoint: Endpoint) -> ProviderError:
    """Returns the failure for an answer that ended without its closing event."""
    return ProviderError("unavailable", provider_id=endpoint.provider_id, reason="cut mid-stream")


def _telltale(words: str) -> tuple[FailureKind | None, str | None]:
    lower = words.lower()
    for phrase, kind, reason in _TELLTALES:
        if phrase in lower:
            return kind, reason
    return None, None
