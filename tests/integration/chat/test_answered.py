"""A message that goes well: events, ledger line, counters, saved conversation."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from stoa.core.errors import InvalidFields, NotFound, StoaError
from stoa.http.answers import error_headers, status_of
from stoa.workflows.pricing.recompute import recompute
from tests.door import shown
from tests.integration.chat.support import Desk, kinds, make_member, overlay, says


def test_a_message_is_answered_in_the_documented_order(desk: Desk) -> None:
    events = desk.send("What is in our power?")
    assert kinds(events) == ["selection", "content", "content", "metadata", "done"]
    assert events[0].name == "selection"
    assert events[0].data["modelId"] == "gpt-4o-mini"
    assert events[0].data["rule"] == "system_default"
    assert [event.text for event in events if event.name == "content"] == ["Hello ", "there."]


def test_the_charge_is_tokens_times_price_and_never_below_the_minimum(desk: Desk) -> None:
    desk.providers.default = says("long", input_tokens=10_000, output_tokens=20_000)
    metadata = desk.send()[-2]
    # gpt-4o-mini: 0.15 and 0.60 USD per 1M tokens, 40 % markup: 0.21 and 0.84.
    assert metadata.data["charge"] == "0.018900000"
    desk.providers.default = says("short", input_tokens=1, output_tokens=1)
    assert desk.send()[-2].data["charge"] == "0.001000000"
    first, second = desk.lines()
    assert (first["charge"], first["provider_cost"]) == (Decimal("0.0189"), Decimal("0.0135"))
    assert (second["charge"], second["provider_cost"]) == (Decimal("0.001"), Decimal("0.00000075"))
    assert {line["status"] for line in (first, second)} == {"completed"}
    assert first["price_row_id"] == second["price_row_id"]


# A server that always says 0 has not counted either: nothing is answered out of nothing.
@pytest.mark.parametrize("counts", [(None, None), (None, 20), (0, 0), (10, 0), (0, 20)])
def test_a_provider_that_counts_no_tokens_is_estimated_and_flagged(
    desk: Desk, counts: tuple[int | None, int | None]
) -> None:
    desk.providers.default = says("Hello there.", input_tokens=counts[0], output_tokens=counts[1])
    metadata = desk.send("Hello")[-2]
    told = metadata.data["usage"]
    assert told["estimated"] is True
    assert (told["inputTokens"] > 0, told["outputTokens"] > 0) == (True, True)
    assert desk.lines()[0]["tokens_estimated"] is True


def test_a_trial_message_is_free_counted_and_told(desk: Desk) -> None:
    metadata = desk.send(model_id="gpt-4o")[-2]
    assert metadata.name == "metadata"
    assert metadata.data["access"] == "trial"
    assert metadata.data["isTrialMessage"] is True
    assert metadata.data["trialMessagesRemaining"] == 1
    assert metadata.data["modelName"] == "GPT-4o"
    assert metadata.data["unlockPrice"] == 299
    assert metadata.data["charge"] == "0"
    assert desk.trials_used("gpt-4o") == 1
    assert desk.used("gpt-4o") == 1


def test_after_the_trials_the_price_and_the_way_to_buy_are_told(desk: Desk) -> None:
    desk.send(model_id="gpt-4o")
    desk.send(model_id="gpt-4o")
    with pytest.raises(StoaError) as refused:
        desk.send(model_id="gpt-4o")
    assert (status_of(refused.value), refused.value.code) == (402, "MODEL_LOCKED")
    _, details, _ = shown(refused.value)
    assert details["reason"] == "TRIAL_EXPIRED"
    assert details["priceCents"] == 299
    assert len(desk.lines()) == 2


def test_over_the_daily_limit_the_reset_is_told(desk: Desk) -> None:
    overlay(desk, "gpt-4o-mini", daily_limit=1)
    first = desk.send()
    assert first[0].headers["RateLimit-Remaining"] == "0"
    with pytest.raises(StoaError) as refused:
        desk.send(model_id="gpt-4o-mini")
    assert (status_of(refused.value), refused.value.code) == (429, "RATE_LIMIT_EXCEEDED")
    assert shown(refused.value)[1]["limit"] == 1
    assert int(error_headers(refused.value)["Retry-After"]) > 0


def test_question_and_answer_are_saved_and_go_along_with_the_next_question(desk: Desk) -> None:
    done = desk.send("First question")[-1]
    assert done.name == "done"
    conversation_id = UUID(done.data["conversationId"])
    desk.send("Second question", conversation_id=conversation_id)
    assert [(turn.role, turn.content) for turn in desk.providers.calls[1].turns] == [
        ("user", "First question"),
        ("assistant", "Hello there."),
        ("user", "Second question"),
    ]
    saved = desk.query("SELECT role, content FROM messages WHERE user_id = :user_id ORDER BY id")
    assert [row["content"] for row in saved] == ["First question", "Hello there.", "Second question", "Hello there."]
    titles = desk.query("SELECT title, message_count FROM conversations WHERE user_id = :user_id")
    assert titles == [{"title": "First question", "message_count": 4}]


def test_the_oldest_turns_are_dropped_when_the_window_is_full_and_that_is_told(desk: Desk) -> None:
    desk.providers.default = says("word " * 9_000)
    conversation_id = None
    for _ in range(6):
        events = desk.send("word " * 9_000, model_id="codestral-latest", conversation_id=conversation_id)
        conversation_id = UUID(events[-1].data["conversationId"])
    assert events[-2].data["contextTurnsDropped"] > 0
    assert len(desk.providers.calls[-1].turns) < 11
    assert desk.providers.calls[-1].turns[0].role == "user"


def test_persona_and_modes_make_the_prompt(desk: Desk) -> None:
    desk.send(persona_id="marcus", domain_mode="medical", focus_mode="writer")
    call = desk.providers.calls[0]
    assert call.system is not None
    assert (
        call.system.index("Marcus Aurelius") < call.system.index("medical information") < call.system.index("writing")
    )
    assert call.temperature == 0.2
    line = desk.lines()[0]
    assert (line["persona_id"], line["domain_mode"], line["focus_mode"]) == ("marcus", "medical", "writer")


@pytest.mark.parametrize(("field", "value"), [("domain_mode", "alchemy"), ("focus_mode", "nap")])
def test_an_unknown_mode_is_refused_by_name(desk: Desk, field: str, value: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        desk.send(**{field: value})
    assert refused.value.problems[0].path in ("domainMode", "focusMode")
    assert desk.lines() == []


def test_trap_a_conversation_of_somebody_else_does_not_exist(desk: Desk) -> None:
    conversation_id = UUID(desk.send()[-1].data["conversationId"])
    stranger = make_member(desk.database, desk.member.tenant_id, "ben")
    other = Desk(desk.database, stranger, desk.providers)
    with pytest.raises(NotFound):
        other.send(conversation_id=conversation_id)
    assert other.lines() == []


def test_text_that_postgresql_cannot_hold_is_still_answered_and_saved(desk: Desk) -> None:
    desk.providers.default = says("zero \x00 byte")
    events = desk.send()
    assert kinds(events)[-1] == "done"
    assert desk.query("SELECT content FROM messages WHERE user_id = :user_id AND role = 'assistant'") == [
        {"content": "zero \ufffd byte"}
    ]


def test_with_the_tenants_own_key_the_member_is_charged_and_the_provider_costs_us_nothing(desk: Desk) -> None:
    desk.own_key = True
    desk.send(model_id="gpt-4o-mini")
    (line,) = desk.lines()
    assert line["own_key"] is True
    assert (line["provider_cost"], line["charge"] > 0) == (0, True)
    desk.own_key = False
    desk.send(model_id="gpt-4o-mini")
    assert (desk.lines()[1]["own_key"], desk.lines()[1]["provider_cost"] > 0) == (False, True)
    assert recompute(desk.database, desk.member.tenant_id, datetime(2020, 1, 1, tzinfo=UTC)).differences == ()
