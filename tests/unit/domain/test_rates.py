"""Rates beyond input and output: their JSON, the prices that they make, and comparing them."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.pricing.rates import (
    NO_RATES,
    Rates,
    Tier,
    TokenPrices,
    combined,
    levels_of,
    rates_of,
    scaled,
    token_prices,
)

D = Decimal
# Google's of November 2025: everything is dearer above 200,000 tokens.
GEMINI: dict[str, Any] = {
    "cached_input": "0.125",
    "tiers": [{"above_input_tokens": 200000, "input": "2.5", "output": "15", "cached_input": "0.25"}],
}


@pytest.mark.parametrize("stored", [{}, {"cache_write": "3.75"}, {"output_audio": "80", "input_image": "0"}, GEMINI])
def test_json_there_and_back(stored: dict[str, Any]) -> None:
    assert Rates.from_json(stored).to_json() == stored


def test_numbers_are_written_plainly() -> None:
    rates = Rates(cached_input=D("0.300000"), cache_write=D("1E+2"), input_audio=D("1E-6"))
    assert rates.to_json() == {"cached_input": "0.3", "cache_write": "100", "input_audio": "0.000001"}


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ({"cached": "1"}, "cached: there is no such rate"),
        ({"input": "1"}, "input: there is no such rate"),
        ({"cached_input": "cheap"}, "cached_input"),
        ({"cached_input": "NaN"}, "cached_input"),
        ({"cached_input": "Infinity"}, "cached_input"),
        ({"cached_input": "-0.1"}, "cached_input"),
        ({"cached_input": 0.3}, "cached_input"),
        ({"cached_input": True}, "cached_input"),
        ({"cached_input": None}, "cached_input"),
        ({"tiers": {}}, "tiers"),
        ({"tiers": ["200000"]}, "tiers"),
        ({"tiers": [{"input": "1"}]}, "above_input_tokens"),
        ({"tiers": [{"above_input_tokens": 0, "input": "1"}]}, "above_input_tokens"),
        ({"tiers": [{"above_input_tokens": True, "input": "1"}]}, "above_input_tokens"),
        ({"tiers": [{"above_input_tokens": 9}]}, "names no rate"),
        ({"tiers": [{"above_input_tokens": 9, "tiers": []}]}, "tiers: there is no such rate"),
        ({"tiers": [{"above_input_tokens": 9, "input": "1"}, {"above_input_tokens": 9, "input": "2"}]}, "rise"),
        ({"tiers": [{"above_input_tokens": 9, "input": "1"}, {"above_input_tokens": 8, "input": "2"}]}, "rise"),
    ],
)
def test_what_is_no_rate_is_refused_by_name(stored: dict[str, Any], names: str) -> None:
    with pytest.raises(ValueError, match=names):
        Rates.from_json(stored)


def test_rates_are_true_where_there_are_any() -> None:
    assert [bool(rates) for rates in (NO_RATES, Rates(), Rates(cached_input=D(0)))] == [False, False, True]


def test_the_highest_rate_is_of_all_tiers() -> None:
    assert (NO_RATES.highest(), Rates.from_json(GEMINI).highest()) == (0, 15)


@pytest.mark.parametrize(
    ("input_tokens", "expected"),
    [
        (0, ("1.25", "10", "0.125")),
        (200_000, ("1.25", "10", "0.125")),
        (200_001, ("2.5", "15", "0.25")),
    ],
)
def test_a_tier_holds_above_its_threshold(input_tokens: int, expected: tuple[str, str, str]) -> None:
    prices = token_prices(D("1.25"), D(10), Rates.from_json(GEMINI), input_tokens)
    assert (prices.input, prices.output, prices.cached_input) == tuple(map(D, expected))
    assert prices.cache_write == prices.input_audio == prices.input_image == prices.input
    assert prices.output_audio == prices.output_image == prices.output


def test_what_a_tier_does_not_name_stays_as_below() -> None:
    tiers = (Tier(above_input_tokens=10, output=D(9), cache_write=D(8)), Tier(above_input_tokens=20, input=D(7)))
    rates = Rates(cached_input=D(1), tiers=tiers)
    assert token_prices(D(2), D(3), rates, 15) == TokenPrices(D(2), D(9), D(1), D(8), D(2), D(9), D(2), D(9))
    assert token_prices(D(2), D(3), rates, 25) == TokenPrices(D(7), D(9), D(1), D(8), D(7), D(9), D(7), D(9))


def test_both_sides_are_scaled_by_their_own() -> None:
    rates = Rates.from_json({**GEMINI, "output_audio": "20"})
    assert scaled(rates, lambda rate: rate * 2, lambda rate: rate * 3).to_json() == {
        "cached_input": "0.25",
        "output_audio": "60",
        "tiers": [{"above_input_tokens": 200000, "input": "5", "output": "45", "cached_input": "0.5"}],
    }
    assert scaled(NO_RATES, lambda rate: rate * 2, lambda rate: rate * 3) is NO_RATES


def test_two_ways_to_say_the_same_have_the_same_levels() -> None:
    plain = levels_of(D(1), D(2), NO_RATES)
    spelled = Rates(cached_input=D(1), tiers=(Tier(above_input_tokens=5, input=D(1), output_image=D(2)),))
    assert levels_of(D(1), D(2), spelled) == plain
    assert rates_of(plain) == (1, 2, NO_RATES)


PRICE = st.integers(0, 3).map(D)
SOME = st.none() | PRICE
KINDS = ("cached_input", "cache_write", "input_audio", "output_audio", "input_image", "output_image")


@st.composite
def any_rates(draw: st.DrawFn) -> Rates:
    tiers = []
    for above in sorted(draw(st.sets(st.integers(1, 4), max_size=3))):
        given = {kind: draw(SOME) for kind in ("input", "output", *KINDS)}
        if any(rate is not None for rate in given.values()):
            tiers.append(Tier(above_input_tokens=above, **given))
    return Rates(**{kind: draw(SOME) for kind in KINDS}, tiers=tuple(tiers))


@given(PRICE, PRICE, any_rates())
def test_levels_and_rates_say_the_same_for_every_message(input_price: D, output_price: D, rates: Rates) -> None:
    levels = levels_of(input_price, output_price, rates)
    again = rates_of(levels)
    assert levels_of(*again) == levels
    for tokens in range(7):
        assert token_prices(*again, tokens) == token_prices(input_price, output_price, rates, tokens)
    assert Rates.from_json(rates.to_json()) == rates


@given(PRICE, any_rates(), PRICE, any_rates())
def test_the_lower_of_two_is_the_lower_for_every_message(one: D, some: Rates, other: D, more: Rates) -> None:
    lower = rates_of(combined(levels_of(one, one, some), levels_of(other, other, more), min))
    for tokens in range(7):
        first, second = token_prices(one, one, some, tokens), token_prices(other, other, more, tokens)
        assert token_prices(*lower, tokens) == TokenPrices(*map(min, first, second))
