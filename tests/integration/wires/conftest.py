"""Practice providers on a real socket for the whole session, clean for each test."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec.structs import replace

from dev.practice import PracticeProviders, practice_environment
from stoa.clients.wires import Call, Endpoint, Turn
from stoa.clients.wires.endpoints import endpoint_for, packaged_providers

ROWS = {provider.id: provider for provider in packaged_providers()}
# Responses are spoken by single models, of any provider: here by those of one that no other test of the wires asks.
ROWS["openrouter"] = replace(ROWS["openrouter"], wire="responses", chat_path="/responses")
KEY = "sk-very-secret-key"
MESSAGE = "how many words are in this private message"
WIRES = [
    pytest.param("openai", "gpt-4o-mini", id="openai"),
    pytest.param("anthropic", "claude-3-5-haiku-20241022", id="anthropic"),
    pytest.param("bedrock", "anthropic.claude-3-5-haiku-20241022-v1:0", id="bedrock"),
    pytest.param("replicate", "meta/meta-llama-3-8b-instruct", id="replicate"),
    pytest.param("openrouter", "gpt-5.5-pro", id="responses"),
]


@pytest.fixture(scope="session")
def practice_server() -> Iterator[PracticeProviders]:
    with PracticeProviders() as running:
        yield running


@pytest.fixture
def practice(practice_server: PracticeProviders) -> Iterator[PracticeProviders]:
    practice_server.clear()
    yield practice_server
    practice_server.clear()


@pytest.fixture
def endpoint(practice: PracticeProviders) -> Callable[..., Endpoint]:
    def made(provider_id: str, key: str = KEY, **settings: str) -> Endpoint:
        environment = practice_environment(practice.port, {})
        prefix = f"STOA_PROVIDER_{provider_id.upper()}_"
        environment[f"{prefix}API_KEY"] = key
        return endpoint_for(ROWS[provider_id], environment | {prefix + name: value for name, value in settings.items()})

    return made


def call(model: str, content: str = MESSAGE, *, seconds: float = 20.0, **fields: Any) -> Call:
    """A call with limits far beyond what a test needs, unless it sets them."""
    asked: dict[str, Any] = {
        "system": "answer kindly",
        "turns": (Turn("user", content),),
        "max_output_tokens": 500,
        "temperature": None,
        "connect_timeout": 10.0,
        "first_token_timeout": seconds,
        "deadline": time.monotonic() + seconds,
    }
    return Call(model=model, **(asked | fields))


@pytest.fixture(autouse=True)
def aws_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials of no worth; no test may find real ones."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDPRACTICE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "practice-secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    for name in ("AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.delenv(name, raising=False)
