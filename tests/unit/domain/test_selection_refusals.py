"""The refusals of a selection and their words: locked models, limits, ceilings, messages that are too long."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from stoa.domain.selection.offers import ChatRequest, ModeDefaults, Offer, Preferences
from stoa.http.refusals import STATUSES as REFUSALS
from stoa.http.refusals import refusal_details, refusal_headers
from tests.unit.domain.builders import (
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
LOCKED = premium(trials=0)
TRIAL = premium()
OWNED = entitled(premium())
THREE = (DEFAULT, HAIKU, LLAMA)
WORK = ChatRequest("Hello there", persona_id="marcus", domain_mode="legal", focus_mode="writer")


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
    assert (REFUSALS[type(refusal)], refusal.message) == (402, message)
    assert refusal_details(refusal) == {
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
    assert (refusal_details(refusal)["priceCents"], refusal_details(refusal)["purchase"]) == (None, None)
    assert "Ask an admin to grant access" in refusal.message


@pytest.mark.parametrize(
    "full",
    [replace(HAIKU, daily_limit=50, used_today=50), replace(OWNED, model_id="haiku", daily_limit=50, used_today=51)],
)
def test_the_daily_limit_holds_for_free_and_premium_models(full: Offer) -> None:
    refusal = refused(snapshot(DEFAULT, full, request="haiku"))
    assert (refusal.code, REFUSALS[type(refusal)]) == ("RATE_LIMIT_EXCEEDED", 429)
    assert refusal_details(refusal) == {
        "modelId": "haiku",
        "modelName": full.display_name,
        "limit": 50,
        "remaining": 0,
        "resetAt": "2026-11-22T00:00:00Z",
    }
    assert refusal_headers(refusal) == {
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
    assert refusal_details(refusal)["resetAt"] == "2026-11-21T10:00:01Z"
    assert refusal_headers(refusal)["Retry-After"] == "1"


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
    assert (refusal.code, REFUSALS[type(refusal)]) == ("COST_LIMIT_EXCEEDED", 402)
    assert refusal_details(refusal) == {
        "modelId": "gpt-4o",
        "modelName": "GPT-4o",
        "estimate": "0.024514000",
        "limit": "0.02",
    }
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
    assert (refusal.code, REFUSALS[type(refusal)]) == ("INPUT_TOO_LONG", 413)
    assert refusal_details(refusal) == {"modelId": "small", "modelName": "Small", "limit": 1500, "estimate": 1501}
    fits = snapshot(DEFAULT, small, request=ChatRequest("word" * 1496, model_id="small"))
    assert model_of(fits)[0] == "small"


def test_history_alone_never_makes_a_message_too_long_but_the_system_prompt_does() -> None:
    small = offer("small", context_window=2_000, max_output_tokens=500)
    history = ChatRequest("word", model_id="small", context_tokens=90_000)
    assert model_of(snapshot(DEFAULT, small, request=history))[0] == "small"
    prompt = replace(history, system_tokens=1_496)
    assert refused(snapshot(DEFAULT, small, request=prompt)).code == "INPUT_TOO_LONG"


def test_the_price_of_a_locked_model_is_told_in_the_tenants_currency() -> None:
    refusal = refused(snapshot(LOCKED, request="gpt-4o", currency="eur"))
    assert "2.99 EUR" in refusal.message
    assert refusal_details(refusal)["currency"] == "eur"
