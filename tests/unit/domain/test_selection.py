"""The selection by literal examples: which model, by which rule, under which access, and what is refused."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from stoa.domain.offers import ChatRequest, ModeDefaults, Offer, Preferences, Snapshot
from stoa.domain.selection import select, taken_over
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
    decision = decided(snapshot(*THREE, offer("old", **UNAVAILABLE[why]), request="old"))
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
    assert (refusal.code, refusal.status) == ("NO_MODEL_AVAILABLE", 503)
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
    assert (refusal.code, refusal.status, refusal.details) == ("MODEL_NOT_FOUND", 404, {"modelId": "gpt-9"})


def test_a_model_that_cannot_chat_is_422_by_request() -> None:
    refusal = refused(snapshot(DEFAULT, EMBED, request="embed"))
    assert (refusal.code, refusal.status) == ("MODEL_CANNOT_CHAT", 422)
    assert refusal.details == {"modelId": "embed", "modelName": "Embed", "capabilities": ["embeddings"]}


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


# Each of the member's own choices of GPT-4o, and each of the tenant's.
OWN_CHOICES = [
    (replace(WORK, model_id="gpt-4o"), Preferences(), "request"),
    (WORK, Preferences(persona_overrides={"marcus": "gpt-4o"}), "persona_override"),
    (WORK, Preferences(domain_overrides={"legal": "gpt-4o"}), "domain_override"),
    (WORK, Preferences(default_model_id="gpt-4o"), "default_model"),
]
TENANT_CHOICES = [ModeDefaults(domain_default="gpt-4o"), ModeDefaults(focus_default="gpt-4o")]


@pytest.mark.parametrize(("request_", "preferences", "rule"), OWN_CHOICES)
def test_a_locked_model_of_ones_own_choice_is_a_trial_or_a_refusal(
    request_: ChatRequest, preferences: Preferences, rule: str
) -> None:
    trial = decided(snapshot(*THREE, TRIAL, request=request_, preferences=preferences))
    assert (trial.chosen.offer.model_id, trial.rule, trial.chosen.access) == ("gpt-4o", rule, "trial")
    assert trial.chosen.estimated_cost == 0
    spent = premium(used=2)
    assert refused(snapshot(*THREE, spent, request=request_, preferences=preferences)).code == "MODEL_LOCKED"
    owned = decided(snapshot(*THREE, OWNED, request=request_, preferences=preferences))
    assert (owned.rule, owned.chosen.access) == (rule, "entitled")


@pytest.mark.parametrize("modes", TENANT_CHOICES)
@pytest.mark.parametrize("locked", [TRIAL, LOCKED, premium(used=2)])
def test_a_locked_model_of_the_tenants_choice_is_passed_over_and_spends_no_trial(
    modes: ModeDefaults, locked: Offer
) -> None:
    assert model_of(snapshot(*THREE, locked, request=WORK, modes=modes)) == ("gpt-4o-mini", "system_default", "free")


@pytest.mark.parametrize("modes", TENANT_CHOICES)
def test_a_tenants_choice_that_is_disabled_falls_to_its_successor(modes: ModeDefaults) -> None:
    off = replace(OWNED, enabled=False, successor_id="llama")
    decision = decided(snapshot(*THREE, off, request=WORK, modes=modes))
    assert (decision.chosen.offer.model_id, decision.rule) == ("llama", "successor")
    assert decision.requested_model_id == "gpt-4o"


def test_a_tenants_choice_that_cannot_be_had_gives_way_to_the_next_rule() -> None:
    modes = ModeDefaults(domain_default="gpt-4o", focus_default="haiku")
    for lost in (replace(OWNED, enabled=False), replace(OWNED, daily_limit=1, used_today=1), LOCKED):
        assert model_of(snapshot(*THREE, lost, request=WORK, modes=modes)) == ("haiku", "focus_default", "free")
    assert model_of(snapshot(*THREE, request=WORK, modes=modes)) == ("haiku", "focus_default", "free")


@pytest.mark.parametrize(
    ("locked", "reason", "message"),
    [
        (
            premium(used=2),
            "TRIAL_EXPIRED",
            "GPT-4o is locked: your trial messages are used up. Unlock it once for 2.99 USD, or choose another model.",
        ),
        (
            premium(trials=0, used=2),  # a trial that the tenant no longer offers is no expired one
            "NOT_PURCHASED",
            "GPT-4o is locked: it has not been purchased. Unlock it once for 2.99 USD, or choose another model.",
        ),
    ],
)
def test_a_locked_refusal_says_how_to_buy(locked: Offer, reason: str, message: str) -> None:
    refusal = refused(snapshot(*THREE, locked, request="gpt-4o"))
    assert (refusal.status, refusal.message) == (402, message)
    assert refusal.details == {
        "reason": reason,
        "modelId": "gpt-4o",
        "modelName": "GPT-4o",
        "priceCents": 299,
        "currency": "usd",
        "trialMessagesRemaining": 0,
        "purchase": {
            "method": "POST",
            "path": "/api/purchases/create-session",
            "body": {"productType": "model", "modelId": "gpt-4o"},
        },
    }


def test_a_locked_model_that_is_not_for_sale_says_whom_to_ask() -> None:
    refusal = refused(snapshot(*THREE, replace(LOCKED, unlock_price_cents=None), request="gpt-4o"))
    assert (refusal.details["priceCents"], refusal.details["purchase"]) == (None, None)
    assert "Ask an admin to grant access" in refusal.message


@pytest.mark.parametrize(
    "full",
    [replace(HAIKU, daily_limit=50, used_today=50), replace(OWNED, model_id="haiku", daily_limit=50, used_today=51)],
)
def test_the_daily_limit_holds_for_free_and_premium_models(full: Offer) -> None:
    refusal = refused(snapshot(DEFAULT, full, request="haiku"))
    assert (refusal.code, refusal.status) == ("RATE_LIMIT_EXCEEDED", 429)
    assert refusal.details == {
        "modelId": "haiku",
        "modelName": full.display_name,
        "limit": 50,
        "remaining": 0,
        "resetAt": "2026-11-22T00:00:00Z",
    }
    assert refusal.headers == {
        "RateLimit-Limit": "50",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "50400",
        "Retry-After": "50400",
    }


def test_a_trial_counts_against_the_daily_limit_too() -> None:
    full = premium(daily_limit=1, used_today=1)
    assert refused(snapshot(*THREE, full, request="gpt-4o")).code == "RATE_LIMIT_EXCEEDED"


def test_trap_the_reset_of_a_refusal_is_not_in_the_past() -> None:
    full = replace(HAIKU, daily_limit=1, used_today=1)
    refusal = refused(snapshot(DEFAULT, full, request="haiku", limit_resets_at=YESTERDAY))
    assert refusal.details["resetAt"] == "2026-11-21T10:00:01Z"
    assert refusal.headers["Retry-After"] == "1"


def test_the_last_message_below_the_limit_is_served() -> None:
    assert model_of(snapshot(DEFAULT, replace(HAIKU, daily_limit=50, used_today=49), request="haiku"))[0] == "haiku"


def test_a_system_default_at_its_limit_gives_way_to_the_cheapest_free_model() -> None:
    full = replace(DEFAULT, daily_limit=1, used_today=1)
    assert model_of(snapshot(full, HAIKU)) == ("haiku", "cheapest_free", "free")


def test_a_cost_above_the_ceiling_is_refused_with_the_estimate() -> None:
    # 20 000 characters are 5004 tokens: 5004 x 3.5 + 500 x 14, per million.
    request = ChatRequest("word" * 5000, model_id="gpt-4o")
    given = snapshot(*THREE, OWNED, request=request, preferences=Preferences(max_cost_per_message=Decimal("0.02")))
    refusal = refused(given)
    assert (refusal.code, refusal.status) == ("COST_LIMIT_EXCEEDED", 402)
    assert refusal.details == {"modelId": "gpt-4o", "modelName": "GPT-4o", "estimate": "0.024514000", "limit": "0.02"}
    assert "would cost about 0.024514 USD with GPT-4o, more than your ceiling of 0.02 USD" in refusal.message
    exact = replace(given, preferences=Preferences(max_cost_per_message=Decimal("0.024514")))
    assert model_of(exact) == ("gpt-4o", "request", "entitled")


def test_a_trial_costs_nothing_and_is_below_every_ceiling() -> None:
    given = snapshot(*THREE, TRIAL, request="gpt-4o", preferences=Preferences(max_cost_per_message=Decimal(0)))
    assert model_of(given) == ("gpt-4o", "request", "trial")


@pytest.mark.parametrize(
    ("capabilities", "requested", "cost"),
    [
        (("chat",), None, "0.01"),  # 500 tokens of answer are expected
        (("chat",), 100, "0.002"),  # never more than was asked for
        (("reasoning",), None, "0.04"),  # thinking is billed, too
    ],
)
def test_the_estimate_expects_an_ordinary_answer(
    capabilities: tuple[str, ...], requested: int | None, cost: str
) -> None:
    model = offer(capabilities=capabilities, prices=prices("0", "20"))
    request = ChatRequest("Hello", max_output_tokens=requested)
    assert decided(snapshot(model, request=request)).chosen.estimated_cost == Decimal(cost)


def test_the_estimate_counts_history_only_as_far_as_it_is_sent() -> None:
    model = offer(context_window=10_000, max_output_tokens=4_000, prices=prices("10", "0"))
    within = decided(snapshot(model, request=ChatRequest("word", context_tokens=1_000)))
    assert within.chosen.estimated_cost == Decimal("0.010050")
    beyond = decided(snapshot(model, request=ChatRequest("word", context_tokens=50_000)))
    assert beyond.chosen.estimated_cost == Decimal("0.06")


def test_trap_a_model_without_a_price_is_never_sold_for_nothing() -> None:
    unpriced = offer("haiku", prices=None)
    assert model_of(snapshot(DEFAULT, unpriced, request="haiku")) == ("gpt-4o-mini", "system_default", "free")
    assert refused(snapshot(unpriced, request="haiku")).code == "NO_MODEL_AVAILABLE"


def test_a_message_longer_than_the_named_models_window_is_413() -> None:
    small = offer("small", context_window=2_000, max_output_tokens=500)
    refusal = refused(snapshot(DEFAULT, small, request=ChatRequest("word" * 1497, model_id="small")))
    assert (refusal.code, refusal.status) == ("INPUT_TOO_LONG", 413)
    assert refusal.details == {"modelId": "small", "modelName": "Small", "limit": 1500, "estimate": 1501}
    fits = snapshot(DEFAULT, small, request=ChatRequest("word" * 1496, model_id="small"))
    assert model_of(fits)[0] == "small"


def test_history_alone_never_makes_a_message_too_long_but_the_system_prompt_does() -> None:
    small = offer("small", context_window=2_000, max_output_tokens=500)
    history = ChatRequest("word", model_id="small", context_tokens=90_000)
    assert model_of(snapshot(DEFAULT, small, request=history))[0] == "small"
    prompt = replace(history, system_tokens=1_496)
    assert refused(snapshot(DEFAULT, small, request=prompt)).code == "INPUT_TOO_LONG"


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
    assert (refusal.code, refusal.details["modelId"]) == (code, "gpt-4o-mini")
    assert refused(snapshot(*barred[:2], preferences=preferences)).details["modelId"] == "haiku"


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


# --- fallbacks ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (snapshot(*THREE, request="gpt-4o-mini"), "gpt-4o-mini"),
        (snapshot(*THREE), None),  # the system default was nobody's wish
        (snapshot(*THREE, request="auto"), None),
        (snapshot(*THREE, preferences=Preferences(default_model_id="gone")), "gone"),
    ],
)
def test_who_takes_over_for_a_model_that_failed_tells_what_was_asked_for_and_who_is_left(
    given: Snapshot, asked: str | None
) -> None:
    decision = decided(given)
    first, second = decision.fallbacks
    once = taken_over(decision, first, "It failed.")
    assert (once.chosen, once.rule, once.reason, once.requested_model_id) == (first, "fallback", "It failed.", asked)
    assert once.fallbacks == (second,)
    assert taken_over(decision, second, "Both failed.").fallbacks == ()


def fallbacks_of(given: Snapshot) -> list[str]:
    return [entry.offer.model_id for entry in decided(given).fallbacks]


def test_fallbacks_prefer_another_provider_then_likeness_and_end_with_the_system_default() -> None:
    chosen = offer("chosen", provider_id="x", quality="excellent", prices=prices("10", "10"))
    same = offer("same-provider", provider_id="x", quality="excellent", prices=prices("10", "10"))
    alike = offer("alike", provider_id="y", quality="excellent", prices=prices("9", "9"))
    dearer = offer("dearer", provider_id="y", quality="excellent", prices=prices("30", "30"))
    plain = offer("plain", provider_id="z", prices=prices("10", "10"))
    cheapest = offer("cheapest", provider_id="y", quality="excellent", prices=prices("0", "0"))
    assert fallbacks_of(snapshot(DEFAULT, cheapest, alike, chosen, request="chosen"))[0] == "alike"
    given = snapshot(DEFAULT, plain, same, dearer, alike, chosen, request="chosen")
    assert fallbacks_of(given) == ["alike", "dearer", "gpt-4o-mini"]
    without_default = snapshot(plain, same, dearer, alike, chosen, request="chosen")
    assert fallbacks_of(without_default) == ["alike", "dearer", "plain"]
    assert fallbacks_of(snapshot(same, plain, chosen, request="chosen")) == ["plain", "same-provider"]


def test_the_system_default_does_not_fall_back_to_itself() -> None:
    assert fallbacks_of(snapshot(*THREE)) == ["haiku", "llama"]
    assert fallbacks_of(snapshot(DEFAULT)) == []


def test_fallbacks_of_a_trial_are_never_trials_and_never_locked() -> None:
    other_trial = premium("other-trial", provider_id="anthropic")
    mine = entitled(premium("mine", provider_id="google"), "team")
    decision = decided(snapshot(*THREE, TRIAL, other_trial, mine, request="gpt-4o"))
    assert decision.chosen.access == "trial"
    assert [(entry.offer.model_id, entry.access) for entry in decision.fallbacks] == [
        ("mine", "team"),
        ("haiku", "free"),
        ("gpt-4o-mini", "free"),
    ]


def test_fallbacks_keep_to_limit_ceiling_attachments_and_what_is_shown() -> None:
    pictures = ("text", "image")
    asked = offer("asked", modalities=pictures)
    barred = [
        offer("full", modalities=pictures, daily_limit=1, used_today=1),
        offer("dear", modalities=pictures, prices=prices("500", "500")),
        offer("blind"),
        offer("novel", modalities=pictures, is_novel=True),
    ]
    fine = offer("fine", modalities=pictures)
    request = ChatRequest("Look", model_id="asked", attachments=("image",))
    choices = Preferences(max_cost_per_message=Decimal("0.01"), show_novel_models=False)
    assert fallbacks_of(snapshot(asked, *barred, fine, request=request, preferences=choices)) == ["fine"]


def test_the_outcome_does_not_depend_on_the_order_of_the_catalogue() -> None:
    twins = [offer(name, display_order=5) for name in ("b", "c", "a")]
    for asked in ("a", "auto", None):
        outcomes = {
            str(select(snapshot(*order, request=asked)))
            for order in (twins, twins[::-1], [twins[1], twins[0], twins[2]])
        }
        assert len(outcomes) == 1


def test_the_price_of_a_locked_model_is_told_in_the_tenants_currency() -> None:
    refusal = refused(snapshot(LOCKED, request="gpt-4o", currency="eur"))
    assert "2.99 EUR" in refusal.message
    assert refusal.details["currency"] == "eur"
