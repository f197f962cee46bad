"""The same key and the same request are answered once and charged once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import UUID

import pytest

from stoa.clients.wires.types import ProviderError
from stoa.core.errors import Conflict
from stoa.http.answers import error_headers
from tests.integration.chat.support import Desk, fails, kinds

KEY = {"idempotency_key": "key-1", "request_hash": "hash-1"}


def test_the_same_key_is_answered_with_the_same_answer(desk: Desk) -> None:
    first = desk.send(**KEY)
    second = desk.send(**KEY)
    assert kinds(second) == ["selection", "content", "metadata", "done"]
    assert second[1].text == "Hello there."
    assert second[2].data == first[-2].data
    assert second[0].headers == {"Idempotent-Replay": "true"}
    assert len(desk.lines()) == 1
    assert len(desk.providers.calls) == 1


def test_the_same_key_with_another_body_is_a_conflict(desk: Desk) -> None:
    desk.send(**KEY)
    with pytest.raises(Conflict) as refused:
        desk.send("Other", idempotency_key="key-1", request_hash="hash-2")
    assert refused.value.code == "IDEMPOTENCY_KEY_REUSED"
    assert len(desk.lines()) == 1


def test_a_key_in_use_by_a_living_request_asks_for_patience(desk: Desk) -> None:
    events = desk.events(**KEY)
    next(events)
    with pytest.raises(Conflict) as refused:
        desk.send(**KEY)
    assert refused.value.code == "IDEMPOTENCY_KEY_IN_PROGRESS"
    assert error_headers(refused.value)["Retry-After"] == "2"
    assert kinds(list(events))[-1] == "done"


def test_a_key_whose_message_failed_may_be_used_again(desk: Desk) -> None:
    good, desk.providers.default = desk.providers.default, fails(ProviderError("unavailable", provider_id="openai"))
    assert kinds(desk.send(**KEY))[-1] == "failure"
    desk.providers.default = good
    assert kinds(desk.send(**KEY))[-1] == "done"
    assert [line["status"] for line in desk.lines()].count("completed") == 1


def test_a_failover_under_a_key_is_still_one_answer(desk: Desk) -> None:
    desk.providers.by_model["gpt-4o-mini"] = fails(ProviderError("timeout", provider_id="openai"))
    first = desk.send(**KEY)
    assert desk.send(**KEY)[2].data == first[-2].data


def test_twenty_requests_with_one_key_are_charged_once(desk: Desk) -> None:
    together = Barrier(20)

    def send(_: int) -> str:
        together.wait()
        try:
            return kinds(desk.send(**KEY))[-1]
        except Conflict as error:
            return error.code

    with ThreadPoolExecutor(20) as pool:
        outcomes = set(pool.map(send, range(20)))
    assert outcomes <= {"done", "IDEMPOTENCY_KEY_IN_PROGRESS"}
    assert [line["status"] for line in desk.lines()] == ["completed"]


def test_a_key_of_a_deleted_conversation_says_so(desk: Desk) -> None:
    conversation_id = UUID(desk.send(**KEY)[-1].data["conversationId"])
    desk.query(
        "DELETE FROM conversations WHERE user_id = :user_id AND id = :conversation_id RETURNING id",
        conversation_id=conversation_id,
    )
    with pytest.raises(Conflict) as refused:
        desk.send(**KEY)
    assert refused.value.code == "IDEMPOTENCY_ANSWER_DELETED"
