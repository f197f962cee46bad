"""Whom a tenant names to stand in for a model, and when they do."""

from decimal import Decimal

import pytest

from stoa.domain.selection.offers import Offer, Preferences, Snapshot
from tests.unit.domain.builders import YESTERDAY, decided, model_of, offer, premium, prices, snapshot

DEFAULT = offer()
OTHERS = [offer(f"other-{number}", provider_id=f"p{number}") for number in range(4)]


def asked(*fallback_ids: str, **changes: object) -> Offer:
    return offer("asked", fallback_ids=fallback_ids, **changes)


def fallbacks_of(given: Snapshot) -> list[str]:
    return [entry.offer.model_id for entry in decided(given).fallbacks]


@pytest.mark.parametrize(
    ("named", "fallbacks"),
    [
        ((), ["other-0", "other-1", "gpt-4o-mini"]),
        (("other-3",), ["other-3", "other-0", "gpt-4o-mini"]),
        (("other-0",), ["other-0", "other-1", "gpt-4o-mini"]),
        (("other-3", "other-2"), ["other-3", "other-2", "gpt-4o-mini"]),
        (("other-3", "other-2", "other-1", "other-0"), ["other-3", "other-2", "other-1"]),
        (("gpt-4o-mini", "other-3"), ["gpt-4o-mini", "other-3", "other-0"]),
        (("gone", "other-1"), ["other-1", "other-0", "gpt-4o-mini"]),
    ],
)
def test_those_named_come_first_in_their_order(named: tuple[str, ...], fallbacks: list[str]) -> None:
    assert fallbacks_of(snapshot(DEFAULT, *OTHERS, asked(*named), request="asked")) == fallbacks


def test_a_model_in_trouble_is_answered_for_by_the_first_named_that_is_well() -> None:
    ailing = offer("ailing", healthy=False)
    given = snapshot(DEFAULT, *OTHERS, ailing, asked("ailing", "other-2", healthy=False), request="asked")
    assert model_of(given) == ("other-2", "fallback", "free")
    decision = decided(given)
    assert decision.requested_model_id == "asked"
    assert decision.reason == (
        "Asked was asked for and is not answering at the moment. Other 2 answers, your organisation's choice to "
        "stand in for it."
    )


def test_also_for_a_choice_of_the_tenants_and_for_a_default() -> None:
    entry = asked("other-1", healthy=False)
    given = snapshot(DEFAULT, *OTHERS, entry, preferences=Preferences(default_model_id="asked"))
    assert model_of(given) == ("other-1", "fallback", "free")


def test_a_retired_model_is_succeeded_and_a_disabled_one_too() -> None:
    for gone in ({"deprecated_at": YESTERDAY}, {"enabled": False}):
        entry = asked("other-1", successor_id="other-2", **gone)
        assert model_of(snapshot(DEFAULT, *OTHERS, entry, request="asked")) == ("other-2", "successor", "free")


def test_in_trouble_without_anybody_named_its_successor_answers() -> None:
    entry = asked("gone", successor_id="other-2", healthy=False)
    assert model_of(snapshot(DEFAULT, *OTHERS, entry, request="asked")) == ("other-2", "successor", "free")


def test_nobody_stands_in_who_is_locked_or_costs_more_than_the_ceiling() -> None:
    dear = offer("dear", prices=prices("1000", "1000"))
    choices = Preferences(max_cost_per_message=Decimal("0.01"))
    named = asked("gpt-4o", "dear", "other-0")
    given = snapshot(DEFAULT, *OTHERS, dear, premium(), named, request="asked", preferences=choices)
    assert fallbacks_of(given)[0] == "other-0"
    ailing = asked("gpt-4o", "dear", "other-0", healthy=False)
    given = snapshot(DEFAULT, *OTHERS, dear, premium(), ailing, request="asked", preferences=choices)
    assert model_of(given)[0] == "other-0"
