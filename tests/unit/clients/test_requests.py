"""Requests to each provider: one format, many dialects, told apart by configuration alone."""

import json
from typing import Any

import pytest

from stoa.clients.wires import Call, Endpoint, Turn, anthropic_messages, bedrock_converse, openai_compatible, replicate
from stoa.clients.wires.asking import base_headers
from stoa.clients.wires.endpoints import packaged_providers
from tests.unit.clients.endpoints import endpoint

TALK = (Turn("user", "one"), Turn("assistant", ""), Turn("assistant", "two"), Turn("user", "three"))


def call(model: str, *, system: str | None = "be kind", turns=TALK, temperature: float | None = 1.5) -> Call:
    return Call(model, system, turns, 99, temperature, 1, 1, 1)


OPENAI_MESSAGES = [
    {"role": "system", "content": "be kind"},
    {"role": "user", "content": "one"},
    {"role": "assistant", "content": "two"},
    {"role": "user", "content": "three"},
]

USAGE_ASKED = {"stream_options": {"include_usage": True}}
DIALECTS: list[tuple[str, str, dict[str, Any]]] = [
    ("openai", "gpt-4o-mini", {"max_completion_tokens": 99, "temperature": 1.5, **USAGE_ASKED}),
    ("openai", "o1", {"max_completion_tokens": 99, **USAGE_ASKED}),
    ("openai", "gpt-5-mini", {"max_completion_tokens": 99, **USAGE_ASKED}),
    ("azure_openai", "phi-4", {"max_tokens": 99, "temperature": 1.5, **USAGE_ASKED}),
    ("azure_openai", "o3-mini", {"max_completion_tokens": 99, **USAGE_ASKED}),
    ("mistral", "codestral-latest", {"max_tokens": 99, "temperature": 1.5}),
    ("cohere", "command-r-plus", {"max_tokens": 99, "temperature": 1.5}),
    ("perplexity", "sonar-pro", {"max_tokens": 99, "temperature": 1.5}),
    ("groq", "llama", {"max_tokens": 99, "temperature": 1.5}),
    ("deepseek", "deepseek-chat", {"max_tokens": 99, "temperature": 1.5, **USAGE_ASKED}),
    ("self_hosted", "qwen", {"max_tokens": 99, "temperature": 1.5, **USAGE_ASKED}),
]  # fmt: skip


@pytest.mark.parametrize(("provider", "model", "dialect"), DIALECTS)
def test_openai_dialects(provider: str, model: str, dialect: dict[str, Any]) -> None:
    body = openai_compatible.request_body(endpoint(provider), call(model))
    assert body == {"model": model, "messages": OPENAI_MESSAGES, "stream": True, **dialect}


def test_openai_without_system_prompt_and_temperature() -> None:
    asked = call("gpt-4o", system=None, turns=(Turn("user", "hi"),), temperature=None)
    assert openai_compatible.request_body(endpoint("xai"), asked) == {
        "model": "gpt-4o",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "max_tokens": 99,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("model", "temperature"),
    [("claude-3-5-haiku-20241022", 1.0), ("claude-sonnet-4-5", 1.0), ("claude-opus-4-7", None), ("x", None)],
)
def test_anthropic(model: str, temperature: float | None) -> None:
    expected: dict[str, Any] = {
        "model": model, "max_tokens": 99, "messages": OPENAI_MESSAGES[1:], "stream": True, "system": "be kind",
    }  # fmt: skip
    if temperature is not None:
        expected["temperature"] = temperature  # Anthropic's range ends at 1
    assert anthropic_messages.request_body(endpoint("anthropic"), call(model)) == expected


def test_bedrock() -> None:
    assert bedrock_converse.request_body(endpoint("bedrock"), call("anthropic.claude-v1:0")) == {
        "messages": [
            {"role": "user", "content": [{"text": "one"}]},
            {"role": "assistant", "content": [{"text": "two"}]},
            {"role": "user", "content": [{"text": "three"}]},
        ],
        "inferenceConfig": {"maxTokens": 99, "temperature": 1.0},
        "system": [{"text": "be kind"}],
    }


@pytest.mark.parametrize(
    ("model", "version"),
    [("meta/llama", None), ("meta/llama:abc123", "abc123"), ("abc123", "abc123")],
)
def test_replicate(model: str, version: str | None) -> None:
    body = replicate.request_body(endpoint("replicate"), call(model))
    assert body["input"] == {
        "prompt": "User: one\n\nAssistant: two\n\nUser: three\n\nAssistant:",
        "max_tokens": 99,
        "system_prompt": "be kind",
        "temperature": 1.5,
    }
    assert body["stream"] is True
    assert body.get("version") == version


def test_replicate_gets_a_single_message_as_it_is() -> None:
    body = replicate.request_body(endpoint("replicate"), call("a/b", turns=(Turn("user", "User: hi"),)))
    assert body["input"]["prompt"] == "User: hi"


KEYS = [
    ("openai", {"Authorization": "Bearer sk-test"}),
    ("google", {"Authorization": "Bearer sk-test"}),
    ("anthropic", {"x-api-key": "sk-test"}),
    ("azure_openai", {"api-key": "sk-test"}),
    ("replicate", {"Authorization": "Bearer sk-test"}),
]


@pytest.mark.parametrize(("provider", "expected"), KEYS)
def test_the_key_goes_where_the_provider_wants_it(provider: str, expected: dict[str, str]) -> None:
    headers = base_headers(endpoint(provider))
    assert {name: value for name, value in headers.items() if "sk-test" in value} == expected


def test_no_key_no_header() -> None:
    assert "Authorization" not in base_headers(Endpoint("self_hosted", "openai", "http://x", None))


@pytest.mark.parametrize(
    ("base_url", "url", "sent"),
    [
        ("https://api.replicate.com/v1", "https://api.replicate.com/v1/predictions/x", True),
        ("https://api.replicate.com/v1", "https://stream.replicate.com/v1/files/x", True),
        ("https://api.replicate.com/v1", "https://streaming.api.replicate.com/x", True),
        ("https://api.replicate.com/v1", "http://api.replicate.com/x", False),
        ("https://api.replicate.com/v1", "https://evil.test/x", False),
        ("https://api.replicate.com/v1", "https://evilreplicate.com/x", False),
        ("https://replicate.com/v1", "https://evil.com/x", False),
        ("http://127.0.0.1:9/v1", "http://127.0.0.1:9/x", True),
        ("http://127.0.0.1:9/v1", "http://66.0.0.1:9/x", False),
    ],
)
def test_the_key_follows_no_address_to_a_stranger(base_url: str, url: str, sent: bool) -> None:
    headers = replicate._headers_for(Endpoint("replicate", "replicate", base_url, "sk-test"), url)
    assert ("Authorization" in headers) is sent


def test_every_body_is_json_with_any_text() -> None:
    for provider in packaged_providers():
        module = {"openai": openai_compatible, "anthropic": anthropic_messages, "bedrock": bedrock_converse,
                  "replicate": replicate}[provider.wire]  # fmt: skip
        odd = call("m", system='"\\\x00', turns=(Turn("user", "\u2028👋\ud800"),))
        assert json.loads(json.dumps(module.request_body(endpoint(provider.id), odd)))
