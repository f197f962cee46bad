"""The models that take over for a model that failed, and their order."""

from decimal import Decimal

import pytest

from stoa.domain.selection.offers import ChatRequest, Preferences, Snapshot
from stoa.domain.selection.selection import taken_over
from tests.unit.domain.builders import (
    decided,
    entitled,
    offer,
    premium,
    prices,
    snapshot,
)

DEFAULT = offer()
HAIKU = offer("haiku", provider_id="anthropic", display_order=2)
LLAMA = offer("llama", provider_id="together", display_order=3)
TRIAL = premium()
THREE = (DEFAULT, HAIKU, LLAMA)


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
