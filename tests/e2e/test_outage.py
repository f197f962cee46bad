"""A provider that is down, over HTTP: others answer and say so, nobody asks it in vain, and it comes back."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.e2e.clients import Client, Stack, events, running_stack

PATIENCE = 3.0  # seconds to a first token; a third of it is slow

# What goes wrong, at which model, and after how many messages that model is left alone. Each has a provider of its own:
# a process tries others in the place of one provider ten times, and then as often as calls and time allow.
OUTAGES = [
    pytest.param("refuse", {}, "gpt-4o-mini", 5, id="refused"),
    pytest.param("hang", {}, "codestral-latest", 2, id="hanging"),
    pytest.param("error_500", {}, "grok-2-mini", 5, id="500"),
    pytest.param("malformed", {"afterChunks": 0}, "phi-4", 5, id="malformed"),
]


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with running_stack(STOA_PATIENCE_SECONDS=str(PATIENCE)) as started:
        yield started


@pytest.fixture(autouse=True)
def _well_again(stack: Stack) -> Iterator[None]:
    yield
    stack.practice.clear()
    stack.query("DELETE FROM call_outcomes")
    stack.query("DELETE FROM circuits")


@pytest.fixture
def someone(stack: Stack, request: pytest.FixtureRequest) -> Client:
    return Client(stack.port, f"{abs(hash(request.node.nodeid))}@demo.test")


def asked(stack: Stack, provider_id: str) -> int:
    return sum(call["provider"] == provider_id for call in stack.practice.calls())


def send(someone: Client, model_id: str, times: int) -> list[dict[str, Any]]:
    """The metadata of so many answers, all asked for at once."""
    with ThreadPoolExecutor(times) as pool:
        answers = list(pool.map(lambda _: someone.chat(modelId=model_id), range(times)))
    assert [status for status, _ in answers] == [200] * times, answers
    return [answer["data"]["metadata"] for _, answer in answers]


def cool_down(stack: Stack) -> None:
    """Let the time pass that an open circuit waits for."""
    stack.query("UPDATE circuits SET open_until = now() - interval '1 second'")


@pytest.mark.parametrize(("fault", "fields", "down", "enough"), OUTAGES)
def test_an_outage_from_its_first_message_to_its_end(
    stack: Stack, someone: Client, fault: str, fields: dict[str, Any], down: str, enough: int
) -> None:
    (well,) = send(someone, down, 1)
    provider_id = well["providerId"]
    stack.practice.fault(fault, provider=provider_id, **fields)
    for metadata in send(someone, down, enough):
        assert (metadata["failedModels"], metadata["rule"]) == ([down], "fallback")
        assert metadata["providerId"] != provider_id
        assert metadata["reason"].startswith(f"{well['modelName']} failed (")

    before = asked(stack, provider_id)
    for metadata in send(someone, down, 4):
        assert (metadata["requestedModelId"], metadata["failedModels"]) == (down, [])
        assert f"{well['modelName']} was asked for and is not answering at the moment." in metadata["reason"]
    assert asked(stack, provider_id) == before  # nobody asks it in vain

    cool_down(stack)
    # One message finds out that it is still down, and is answered by another.
    assert sorted(metadata["failedModels"] for metadata in send(someone, down, 4)) == [[], [], [], [down]]

    stack.practice.clear()
    cool_down(stack)
    send(someone, down, 1)
    assert {metadata["modelId"] for metadata in send(someone, down, 4)} == {down}
    assert stack.query("SELECT subject_id FROM circuits WHERE open_until IS NOT NULL") == []


def test_one_that_answers_after_a_long_silence_is_left_alone_too(stack: Stack, someone: Client) -> None:
    stack.practice.fault("slow_first_token", provider="openai", delaySeconds=PATIENCE / 2)
    assert {metadata["modelId"] for metadata in send(someone, "gpt-4o-mini", 5)} == {"gpt-4o-mini"}
    assert {metadata["requestedModelId"] for metadata in send(someone, "gpt-4o-mini", 4)} == {"gpt-4o-mini"}
    stack.practice.clear()
    cool_down(stack)
    assert {metadata["modelId"] for metadata in send(someone, "gpt-4o-mini", 1)} == {"gpt-4o-mini"}
    assert stack.query("SELECT subject_id FROM circuits WHERE open_until IS NOT NULL") == []


def test_a_stream_tells_who_was_asked_and_who_answers(stack: Stack, someone: Client) -> None:
    stack.practice.fault("error_500", provider="openai")
    connection, answer = someone.stream(modelId="gpt-4o-mini")
    told = list(events(answer))
    connection.close()
    selections = [data for name, data in told if name == "selection"]
    assert [selection["modelId"] for selection in selections] == ["gpt-4o-mini", selections[0]["fallbacks"][0]]
    assert selections[1]["reason"] == "GPT-4o Mini failed (unavailable); the next model answers."


def test_whom_the_tenant_named_answers_first(stack: Stack, someone: Client) -> None:
    stack.query(
        """
        INSERT INTO tenant_models (tenant_id, model_id, fallback_model_ids)
        SELECT id, 'codestral-latest', '{gpt-4o,phi-4}' FROM tenants WHERE slug = 'demo'
        ON CONFLICT (tenant_id, model_id) DO UPDATE SET fallback_model_ids = excluded.fallback_model_ids
        """
    )
    stack.practice.fault("error_500", provider="mistral")
    for _ in range(5):  # gpt-4o is locked for this member
        assert someone.chat(modelId="codestral-latest")[1]["data"]["metadata"]["modelId"] == "phi-4"
    metadata = someone.chat(modelId="codestral-latest")[1]["data"]["metadata"]
    assert (metadata["modelId"], metadata["rule"], metadata["failedModels"]) == ("phi-4", "fallback", [])
    assert "your organisation's choice to stand in for it" in metadata["reason"]
