"""The agreement of two sources on a price."""

from decimal import Decimal
from typing import Any

import pytest

from stoa.domain.sync.agreement import agreement
from tests.unit.domain.feed_models import feed_model

TIER = {"above_input_tokens": 200_000, "input": "2", "output": "4"}


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (("1", "2"), ("1", "2"), "agreed"),
        (("1", "2"), ("1.01", "2"), "agreed"),
        (("1", "2"), ("1.0102", "2"), "differs"),
        (("1", "2"), ("1", "1.97"), "differs"),
        (("1", "2"), (None, None), "only_one"),
        ((None, None), ("1", "2"), "only_one"),
        ((None, None), (None, None), "only_one"),
        (("0.000001", "2"), ("0.000002", "2"), "differs"),
    ],
)
def test_prices(first: tuple[str | None, str | None], second: tuple[str | None, str | None], said: str) -> None:
    assert agreement(feed_model(prices=first), feed_model("other", prices=second)) == said


def test_with_one_source_there_is_nothing_to_agree_with() -> None:
    assert agreement(feed_model(), None) == "only_one"
    assert agreement(None, feed_model()) == "only_one"


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"cached_input": "0.1"}, {"cached_input": "0.1"}, "agreed"),
        ({"cached_input": "0.1"}, {"cached_input": "0.2"}, "differs"),
        ({"cached_input": "0.1"}, {}, "agreed"),
        ({"cached_input": "0.1"}, {"cache_write": "1.25"}, "agreed"),
        ({"tiers": [TIER]}, {"tiers": [TIER]}, "agreed"),
        ({"tiers": [TIER]}, {"tiers": [TIER | {"above_input_tokens": 199_999}]}, "agreed"),
        ({"tiers": [TIER]}, {"tiers": [TIER | {"above_input_tokens": 190_000}]}, "differs"),
        ({"tiers": [TIER]}, {}, "differs"),
        ({}, {"tiers": [TIER]}, "differs"),
        ({"tiers": [TIER]}, {"tiers": [TIER | {"output": "5"}]}, "differs"),
        ({"tiers": [TIER]}, {"tiers": [TIER | {"above_input_tokens": 128_000}]}, "differs"),
        ({"cached_input": "0.1", "tiers": [TIER]}, {"tiers": [TIER | {"cached_input": "0.3"}]}, "differs"),
    ],
)
def test_rates(first: dict[str, Any], second: dict[str, Any], said: str) -> None:
    assert agreement(feed_model(rates=first), feed_model(rates=second)) == said
    assert agreement(feed_model(rates=second), feed_model(rates=first)) == said


def test_the_tolerance_is_the_callers() -> None:
    one, other = feed_model(prices=("1", "2")), feed_model(prices=("1.05", "2"))
    assert agreement(one, other, Decimal("0.05")) == "agreed"
    assert agreement(one, other, Decimal(0)) == "differs"
