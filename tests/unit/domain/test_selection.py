"""The selection by literal examples: which model, by which rule, under which access."""

from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from stoa.domain.selection.offers import ChatRequest, ModeDefaults, Offer, Preferences, Snapshot
from stoa.domain.selection.selection import select
from stoa.http.refusals import STATUSES as REFUSALS
from stoa.http.refusals import refusal_details
from tests.unit.domain.builders import (
    NOW,
    TOMORROW,
    YESTERDAY,
    decided,
    entitled,
    model_of,
    offer,
    premium,
    prices,
    refused,
    snapshot,
)

DEFAULT = offer()
HAIKU = offer("haiku", provider_id="anthropic", display_order=2)
LLAMA = offer("llama", provider_id="together", display_order=3)
EMBED = offer("embed", capabilities=("embeddings",), max_output_tokens=0)
LOCKED = premium(trials=0)
TRIAL = premium()
OWNED = entitled(premium())
THREE = (DEFAULT, HAIKU, LLAMA)
WORK = ChatRequest("Hello there", persona_id="marcus", domain_mode="legal", focus_mode="writer")
EVERY_RULE = Preferences(
    default_model_id="d", persona_overrides={"marcus": "b"}, domain_overrides={"legal": "c"}, favorite_models=("e", "a")
)
MODES = ModeDefaults(domain_default="f", focus_default="g")
LETTERS = tuple(offer(letter) for letter in "abcdefg")


@pytest.mark.parametrize(
    ("request_", "preferences", "modes", "expected"),
    [
        (replace(WORK, model_id="a"), EVERY_RULE, MODES, ("a", "request")),
        (WORK, EVERY_RULE, MODES, ("b", "persona_override")),
        (replace(WORK, persona_id="lao"), EVERY_RULE, MODES, ("c", "domain_override")),
        (replace(WORK, persona_id=None, domain_mode="code"), EVERY_RULE, MODES, ("d", "default_model")),
        (
            replace(WORK, persona_id=None, domain_mode=None),
            replace(EVERY_RULE, selection_mode="favorites"),
            MODES,
            ("e", "favorite"),
        ),
        (WORK, Preferences(selection_mode="auto"), MODES, ("gpt-4o-mini", "auto")),
        (WORK, Preferences(), MODES, ("f", "domain_default")),
        (WORK, Preferences(selection_mode="favorites"), MODES, ("f", "domain_default")),
        (WORK, Preferences(selection_mode="favorites", default_model_id="d"), MODES, ("f", "domain_default")),
        (WORK, Preferences(), ModeDefaults(focus_default="g"), ("g", "focus_default")),
        (WORK, Preferences(), ModeDefaults("auto", "g"), ("gpt-4o-mini", "auto")),
        (WORK, Preferences(), ModeDefaults(), ("gpt-4o-mini", "system_default")),
        (replace(WORK, model_id="auto"), EVERY_RULE, MODES, ("gpt-4o-mini", "auto")),
        (replace(WORK, model_id=""), EVERY_RULE, MODES, ("b", "persona_override")),
        (WORK, Preferences(persona_overrides={"marcus": "auto"}), MODES, ("gpt-4o-mini", "auto")),
        (WORK, Preferences(default_model_id="auto"), MODES, ("gpt-4o-mini", "auto")),
    ],
)
def test_the_rules_apply_in_order(
    request_: ChatRequest, preferences: Preferences, modes: ModeDefaults, expected: tuple[str, str]
) -> None:
    given = snapshot(
        replace(DEFAULT, display_order=0), *LETTERS, request=request_, preferences=preferences, modes=modes
    )
    decision = decided(given)
    assert (decision.chosen.offer.model_id, decision.rule) == expected
    assert decision.requested_model_id is None


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (snapshot(*THREE, request="haiku"), "You asked for Haiku."),
        (
            snapshot(*THREE, request=WORK, preferences=Preferences(persona_overrides={"marcus": "haiku"})),
            "Haiku is your choice for this persona.",
        ),
        (
            snapshot(*THREE, request=WORK, preferences=Preferences(domain_overrides={"legal": "haiku"})),
            "Haiku is your choice for the legal domain.",
        ),
        (snapshot(*THREE, preferences=Preferences(default_model_id="haiku")), "Haiku is your default model."),
        (
            snapshot(*THREE, preferences=Preferences(selection_mode="favorites", favorite_models=("haiku",))),
            "Haiku is your first usable favourite.",
        ),
        (
            snapshot(*THREE, request=WORK, modes=ModeDefaults(domain_default="haiku")),
            "Haiku is your organisation's choice for the legal domain.",
        ),
        (
            snapshot(*THREE, request=WORK, modes=ModeDefaults(focus_default="haiku")),
            "Haiku is your organisation's choice for the writer mode.",
        ),
        (snapshot(*THREE), "Gpt 4O Mini answers, the system default."),
        (
            snapshot(*THREE, force_system_default=True),
            "Your organisation sends every message to the system default, Gpt 4O Mini, for now.",
        ),
        (
            snapshot(*THREE, TRIAL, request="gpt-4o"),
            "You asked for GPT-4o. This takes one of the 2 trial messages left on it.",
        ),
    ],
)
def test_the_reason_is_in_words(given: Snapshot, reason: str) -> None:
    assert decided(given).reason == reason


# What a model that cannot be had right now looks like.
UNAVAILABLE: dict[str, dict[str, Any]] = {
    "disabled": {"enabled": False},
    "retired since 2026-11-20": {"deprecated_at": YESTERDAY},
    "retired since 2026-11-21": {"deprecated_at": NOW},
    "not answering at the moment": {"healthy": False},
    "without a price": {"prices": None},
}


@pytest.mark.parametrize("why", UNAVAILABLE)
def test_an_unavailable_model_falls_to_its_successor(why: str) -> None:
    old = offer("old", successor_id="llama", **UNAVAILABLE[why])
    decision = decided(snapshot(*THREE, old, request="old"))
    assert (decision.chosen.offer.model_id, decision.rule) == ("llama", "successor")
    assert decision.requested_model_id == "old"
    assert decision.reason == f"Old was asked for and is {why}. Llama answers, its successor."


@pytest.mark.parametrize("why", UNAVAILABLE)
def test_without_a_successor_it_falls_to_the_system_default(why: str) -> None:
    decision = decided(snapshot(*THREE, offer("old", provider_id="elsewhere", **UNAVAILABLE[why]), request="old"))
    assert (decision.chosen.offer.model_id, decision.rule) == ("gpt-4o-mini", "system_default")
    assert decision.requested_model_id == "old"
    assert decision.reason == f"Old was asked for and is {why}. Gpt 4O Mini answers, the system default."


@pytest.mark.parametrize("why", UNAVAILABLE)
def test_without_a_system_default_it_falls_to_the_cheapest_free_model(why: str) -> None:
    dear = offer("dear", prices=prices("20", "80"))
    cheap = offer("cheap", prices=prices("2", "8"))
    cheaper_but_owned = replace(OWNED, prices=prices("1", "4"))
    broken = offer(**UNAVAILABLE[why])
    given = snapshot(broken, dear, cheap, cheaper_but_owned)
    assert model_of(given) == ("cheap", "cheapest_free", "free")


@pytest.mark.parametrize("why", UNAVAILABLE)
def test_nothing_available_is_503(why: str) -> None:
    given = snapshot(offer(**UNAVAILABLE[why]), offer("other", **UNAVAILABLE[why]), LOCKED, EMBED)
    refusal = refused(given)
    assert (refusal.code, REFUSALS[type(refusal)]) == ("NO_MODEL_AVAILABLE", 503)
    assert refused(replace(given, offers={})).code == "NO_MODEL_AVAILABLE"


def test_a_deprecation_in_the_future_changes_nothing() -> None:
    announced = offer("old", deprecated_at=TOMORROW, successor_id="llama")
    assert model_of(snapshot(*THREE, announced, request="old")) == ("old", "request", "free")


def test_trap_a_circle_of_successors_ends_and_never_recurses() -> None:
    circle = [offer(name, enabled=False, successor_id=after) for name, after in (("a", "b"), ("b", "c"), ("c", "a"))]
    assert model_of(snapshot(DEFAULT, *circle, request="a")) == ("gpt-4o-mini", "system_default", "free")
    itself = offer("a", enabled=False, successor_id="a")
    assert model_of(snapshot(DEFAULT, itself, request="a")) == ("gpt-4o-mini", "system_default", "free")


def test_trap_a_disabled_preferred_model_and_a_disabled_default_end_in_an_answer() -> None:
    off = offer(enabled=False, successor_id="favourite")
    favourite = offer("favourite", enabled=False, successor_id="gpt-4o-mini")
    given = snapshot(off, favourite, HAIKU, preferences=Preferences(default_model_id="favourite"))
    assert model_of(given) == ("haiku", "cheapest_free", "free")


def test_a_chain_of_five_thousand_successors_is_followed() -> None:
    chain = [offer(f"m{number}", enabled=False, successor_id=f"m{number + 1}") for number in range(5000)]
    assert model_of(snapshot(DEFAULT, *chain, offer("m5000"), request="m0")) == ("m5000", "successor", "free")


@pytest.mark.parametrize(
    "successor",
    [
        TRIAL,
        LOCKED,
        replace(HAIKU, model_id="gpt-4o", daily_limit=5, used_today=5),
        replace(HAIKU, model_id="gpt-4o", enabled=False),
        replace(EMBED, model_id="gpt-4o"),
    ],
)
def test_a_successor_that_is_not_usable_is_passed_over_and_spends_no_trial(successor: Offer) -> None:
    old = offer("old", enabled=False, successor_id="gpt-4o")
    assert model_of(snapshot(*THREE, old, successor, request="old")) == ("gpt-4o-mini", "system_default", "free")
    further = replace(successor, successor_id="llama")
    assert model_of(snapshot(*THREE, old, further, request="old")) == ("llama", "successor", "free")


def test_a_successor_that_does_not_exist_ends_the_chain() -> None:
    old = offer("old", enabled=False, successor_id="gone")
    assert model_of(snapshot(*THREE, old, request="old")) == ("gpt-4o-mini", "system_default", "free")


def test_an_unknown_model_in_the_request_is_404() -> None:
    refusal = refused(snapshot(request="gpt-9"))
    assert (refusal.code, REFUSALS[type(refusal)], refusal_details(refusal)) == (
        "MODEL_NOT_FOUND",
        404,
        {"modelId": "gpt-9"},
    )


def test_a_model_that_cannot_chat_is_422_by_request() -> None:
    refusal = refused(snapshot(DEFAULT, EMBED, request="embed"))
    assert (refusal.code, REFUSALS[type(refusal)]) == ("MODEL_CANNOT_CHAT", 422)
    assert refusal_details(refusal) == {"modelId": "embed", "modelName": "Embed", "capabilities": ["embeddings"]}


def test_a_standing_choice_that_is_gone_gives_way_to_the_next_rule_and_is_told() -> None:
    choices = Preferences(persona_overrides={"marcus": "gone"}, default_model_id="haiku")
    decision = decided(snapshot(*THREE, request=WORK, preferences=choices))
    assert (decision.chosen.offer.model_id, decision.rule) == ("haiku", "default_model")
    assert decision.requested_model_id == "gone"
    assert decision.reason == "gone was asked for and does not exist any more. Haiku is your default model."


def test_a_standing_choice_that_cannot_chat_gives_way_too() -> None:
    decision = decided(snapshot(*THREE, EMBED, preferences=Preferences(default_model_id="embed")))
    assert (decision.rule, decision.requested_model_id) == ("system_default", "embed")
    assert decision.reason.startswith("Embed was asked for and is not able to chat. ")


def test_the_first_of_two_lost_choices_is_the_one_asked_for() -> None:
    choices = Preferences(persona_overrides={"marcus": "gone"}, default_model_id="embed")
    decision = decided(snapshot(*THREE, EMBED, request=WORK, preferences=choices))
    assert (decision.rule, decision.requested_model_id) == ("system_default", "gone")


def test_a_lost_choice_does_not_hide_the_refusal_of_the_next() -> None:
    choices = Preferences(persona_overrides={"marcus": "gone"}, default_model_id="gpt-4o")
    assert refused(snapshot(*THREE, LOCKED, request=WORK, preferences=choices)).code == "MODEL_LOCKED"


def test_the_first_usable_favourite_wins() -> None:
    full = offer("full", daily_limit=1, used_today=1)
    off = offer("off", enabled=False, successor_id="llama")
    dear = offer("dear", prices=prices("500", "500"))
    small = offer("small", context_window=8)
    choices = Preferences(
        selection_mode="favorites",
        favorite_models=("gone", "gpt-4o", "embed", "full", "off", "dear", "small", "haiku", "llama"),
        max_cost_per_message=Decimal("0.01"),
    )
    given = snapshot(*THREE, TRIAL, EMBED, full, off, dear, small, preferences=choices)
    assert model_of(given) == ("haiku", "favorite", "free")
    none_left = replace(given, preferences=replace(choices, favorite_models=("gone", "gpt-4o")))
    assert model_of(none_left) == ("gpt-4o-mini", "system_default", "free")


@pytest.mark.parametrize("asked", ["haiku", "gpt-9", "embed", "gpt-4o"])
def test_the_tenants_switch_sends_everyone_to_the_system_default(asked: str) -> None:
    decision = decided(snapshot(*THREE, EMBED, LOCKED, request=asked, force_system_default=True))
    assert (decision.chosen.offer.model_id, decision.rule) == ("gpt-4o-mini", "forced_system_default")
    assert decision.requested_model_id == asked
    assert decision.fallbacks == ()


@pytest.mark.parametrize("asked", [None, "auto", "gpt-4o-mini"])
def test_the_switch_tells_no_other_wish_where_there_was_none(asked: str | None) -> None:
    assert decided(snapshot(*THREE, request=asked, force_system_default=True)).requested_model_id is None


def test_the_switch_without_a_usable_system_default_takes_the_cheapest_free_model() -> None:
    off = replace(DEFAULT, enabled=False)
    decision = decided(snapshot(off, HAIKU, TRIAL, request="gpt-4o", force_system_default=True))
    assert (decision.chosen.offer.model_id, decision.rule) == ("haiku", "cheapest_free")
    assert decision.requested_model_id == "gpt-4o"
    assert decided(snapshot(off, HAIKU, request="haiku", force_system_default=True)).requested_model_id is None
    assert refused(snapshot(off, TRIAL, request="gpt-4o", force_system_default=True)).code == "NO_MODEL_AVAILABLE"


@pytest.mark.parametrize(
    ("changes", "preferences", "code"),
    [
        ({"daily_limit": 1, "used_today": 1}, Preferences(), "RATE_LIMIT_EXCEEDED"),
        ({}, Preferences(max_cost_per_message=Decimal("0.0001")), "COST_LIMIT_EXCEEDED"),
        ({"context_window": 8}, Preferences(), "INPUT_TOO_LONG"),
        ({"daily_limit": 1, "used_today": 1}, Preferences(selection_mode="auto"), "RATE_LIMIT_EXCEEDED"),
    ],
)
def test_when_every_last_resort_is_barred_the_refusal_says_by_what(
    changes: dict[str, Any], preferences: Preferences, code: str
) -> None:
    barred = [replace(entry, **changes) for entry in (HAIKU, LLAMA, DEFAULT)]
    refusal = refused(snapshot(*barred, preferences=preferences))
    assert (refusal.code, refusal_details(refusal)["modelId"]) == (code, "gpt-4o-mini")
    assert refusal_details(refused(snapshot(*barred[:2], preferences=preferences)))["modelId"] == "haiku"


def test_trap_asking_for_auto_never_lands_on_a_choice_that_would_spend_a_trial() -> None:
    choices = Preferences(default_model_id="gpt-4o", show_standard_models=False)
    assert model_of(snapshot(*THREE, TRIAL, request="auto", preferences=choices)) == (
        "gpt-4o-mini",
        "system_default",
        "free",
    )


def test_hidden_models_can_still_be_asked_for_by_name() -> None:
    novel = offer("novel", is_novel=True)
    choices = Preferences(show_novel_models=False)
    assert model_of(snapshot(DEFAULT, novel, request="novel", preferences=choices)) == ("novel", "request", "free")


def test_the_outcome_does_not_depend_on_the_order_of_the_catalogue() -> None:
    twins = [offer(name, display_order=5) for name in ("b", "c", "a")]
    for asked in ("a", "auto", None):
        outcomes = {
            str(select(snapshot(*order, request=asked)))
            for order in (twins, twins[::-1], [twins[1], twins[0], twins[2]])
        }
        assert len(outcomes) == 1
