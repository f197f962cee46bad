"""Providers' failures, and the errors that Stoa makes of them."""

from email.utils import formatdate
from typing import Any

import pytest

from stoa.clients.wires.failures import kind_of_status, refused, retry_after, told
from stoa.clients.wires.types import Endpoint, ProviderError
from stoa.http.answers import error_headers, status_of

ENDPOINT = Endpoint("openai", "openai", "https://api.test", "sk-secret")

STATUSES = [
    (301, "malformed"), (400, "rejected"), (401, "auth"), (402, "auth"), (403, "auth"), (404, "rejected"),
    (405, "rejected"), (408, "timeout"), (409, "unavailable"), (410, "rejected"), (413, "rejected"),
    (422, "rejected"), (424, "unavailable"), (429, "rate_limited"), (451, "rejected"), (500, "unavailable"),
    (502, "unavailable"), (503, "unavailable"), (504, "timeout"), (520, "unavailable"), (529, "unavailable"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "kind"), STATUSES)
def test_every_status_has_a_kind(status: int, kind: str) -> None:
    assert kind_of_status(status) == kind


RETRYABLE = [
    ("rate_limited", True), ("unavailable", True), ("timeout", True), ("malformed", True),
    ("rejected", False), ("auth", False),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "retryable"), RETRYABLE)
def test_what_may_be_tried_again(kind, retryable: bool) -> None:
    assert ProviderError(kind, provider_id="x").retryable is retryable


class Answer:
    """As much of an exchange as `refused` looks at."""

    def __init__(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.status, self._body, self.headers = status, body, headers or {}

    def whole(self, largest: int) -> bytes:
        return self._body.encode()[:largest]


REFUSALS = [
    (400, '{"error": {"code": "context_length_exceeded"}}', "rejected", "context_length"),
    (400, '{"type": "error", "error": {"message": "prompt is too long: 9 > 8"}}', "rejected", "context_length"),
    (400, '{"message": "Input is too long for requested model."}', "rejected", "context_length"),
    (400, '[{"error": {"message": "The input token count (9) exceeds"}}]', "rejected", "context_length"),
    (400, '{"error": {"message": "the request exceeds the available context size"}}', "rejected", "context_length"),
    (400, '{"error": {"code": "content_filter"}}', "rejected", "content_filter"),
    (400, '{"error": {"message": "Your credit balance is too low"}}', "auth", "no_credit"),
    (400, '{"error": {"message": "API key not valid."}}', "auth", "invalid_key"),
    (400, "nothing known", "rejected", None),
    (401, '{"error": {"code": "invalid_api_key"}}', "auth", "invalid_key"),
    (402, "", "auth", "no_credit"),
    (404, '{"error": {"code": "model_not_found"}}', "rejected", "model_not_found"),
    (413, "", "rejected", "too_large"),
    (429, '{"error": {"code": "insufficient_quota"}}', "auth", "no_credit"),
    (429, '{"error": {"message": "slow down"}}', "rate_limited", None),
    (429, '{"message": "Too many tokens, please wait"}', "rate_limited", None),
    (500, "<html>billing of context window</html>", "unavailable", None),
    (529, '{"error": {"type": "overloaded_error"}}', "unavailable", "overloaded"),
    (307, "", "malformed", "the configured address redirects"),
]


@pytest.mark.parametrize(("status", "body", "kind", "reason"), REFUSALS)
def test_refusals_by_status_and_body(status: int, body: str, kind: str, reason: str | None) -> None:
    answer: Any = Answer(status, body)
    error = refused(ENDPOINT, answer)
    assert (error.kind, error.reason, error.upstream_status) == (kind, reason, status)


EVENTS = [
    ({"type": "overloaded_error", "message": "Overloaded"}, "unavailable"),
    ({"type": "api_error", "message": "Internal server error"}, "unavailable"),
    ({"type": "rate_limit_error", "message": "x"}, "rate_limited"),
    ({"type": "authentication_error", "message": "x"}, "auth"),
    ({"type": "permission_error", "message": "x"}, "auth"),
    ({"type": "billing_error", "message": "x"}, "auth"),
    ({"type": "invalid_request_error", "message": "x"}, "rejected"),
    ({"type": "not_found_error", "message": "x"}, "rejected"),
    ({"type": "timeout_error", "message": "x"}, "timeout"),
    ({"type": "throttlingException", "message": "x"}, "rate_limited"),
    ({"type": "validationException", "message": "x"}, "rejected"),
    ({"type": "modelStreamErrorException", "message": "x"}, "unavailable"),
    ({"type": "modelTimeoutException", "message": "x"}, "timeout"),
    ({"type": "serviceUnavailableException", "message": "x"}, "unavailable"),
    ({"code": 429, "message": "x"}, "rate_limited"),
    ({"code": "503", "message": "x"}, "unavailable"),
    ({"code": 400, "status": "INVALID_ARGUMENT"}, "rejected"),
    ({"status": "RESOURCE_EXHAUSTED"}, "rate_limited"),
    ({"type": "server_error", "code": None}, "unavailable"),
    ({"message": "maximum context length is 8"}, "rejected"),
    ("something went wrong", "unavailable"),
    (["unexpected"], "unavailable"),
]


@pytest.mark.parametrize(("error", "kind"), EVENTS)
def test_errors_inside_a_stream(error, kind: str) -> None:
    assert told(ENDPOINT, error).kind == kind


def test_no_failure_repeats_the_key_or_what_the_provider_wrote() -> None:
    words = "Incorrect API key provided: sk-secret. You wrote: my private diary"
    answer: Any = Answer(401, words)
    for error in (
        refused(ENDPOINT, answer),
        told(ENDPOINT, {"message": words}),
        told(ENDPOINT, words),
    ):
        seen = f"{error!r} {error} {error.details} {error_headers(error)} {ENDPOINT!r}"
        assert "secret" not in seen
        assert "diary" not in seen
        assert (error.code, status_of(error)) == ("PROVIDER_FAILED", 502)
        assert "openai" in error.message
        assert error.kind in error.message


NOW = 1_790_000_000.0
WAITS = [
    ({}, None),
    ({"retry-after": "7"}, 7.0),
    ({"retry-after": "0.5"}, 0.5),
    ({"retry-after": "-3"}, 0.0),
    ({"retry-after": "999999999"}, 86400.0),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "soon"}, None),
    ({"retry-after": formatdate(NOW + 30, usegmt=True)}, 30.0),
    ({"retry-after": formatdate(NOW - 30, usegmt=True)}, 0.0),
    ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
    ({"retry-after-ms": "x", "retry-after": "2"}, 2.0),
]


@pytest.mark.parametrize(("headers", "seconds"), WAITS)
def test_how_long_a_provider_asks_us_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_the_wait_goes_out_as_a_header_in_whole_seconds() -> None:
    assert error_headers(ProviderError("rate_limited", provider_id="x", retry_after=0.2)) == {"Retry-After": "1"}
    assert error_headers(ProviderError("rate_limited", provider_id="x", retry_after=12.4)) == {"Retry-After": "12"}
    assert error_headers(ProviderError("rate_limited", provider_id="x")) == {}
