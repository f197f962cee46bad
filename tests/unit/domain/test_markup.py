"""Prices and charges: literal examples, then what must hold for any numbers."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.domain.pricing.markup import (
    PARTS,
    TokenUsage,
    UnknownPrice,
    charge,
    charge_for,
    check_markup,
    effective_markup,
    estimate,
    money_text,
    provider_cost,
    user_price,
)
from stoa.domain.pricing.rates import Rates
from stoa.http.answers import status_of
from tests.unit.domain.builders import prices


@pytest.mark.parametrize(
    ("base", "markup", "override", "expected"),
    [
        ("2.50", "0.4", None, "3.500000"),
        ("0.15", "0.75", None, "0.262500"),
        ("10.00", "0", None, "10.000000"),
        ("10.00", "10", None, "110.000000"),
        ("2.50", "0.4", "3.00", "4.200000"),
        ("2.50", "0.4", "0", "0.000000"),  # given away on purpose: a price of 0 is a price
        (None, "0.4", "3.00", "4.200000"),
        ("0.0000005", "0", None, "0.000000"),  # half-even: to the even neighbour
        ("0.0000015", "0", None, "0.000002"),
        ("0.0000025", "0", None, "0.000002"),
        ("0", "0.4", None, "0.000000"),
    ],
)
def test_user_price(base: str | None, markup: str, override: str | None, expected: str) -> None:
    price = user_price(base and Decimal(base), Decimal(markup), override and Decimal(override))
    assert money_text(price) == expected


@pytest.mark.parametrize("price", [None, Decimal("NaN"), Decimal("Infinity"), Decimal("-0.01")])
def test_an_unknown_price_is_an_error_and_never_0(price: Decimal | None) -> None:
    with pytest.raises(UnknownPrice) as caught:
        user_price(price, Decimal("0.4"))
    assert (caught.value.code, status_of(caught.value)) == ("PRICE_UNKNOWN", 500)
    assert caught.value.message == "Set the base price of this model before it is sold."


def test_trap_zero_markup_is_not_taken_for_not_set() -> None:
    assert effective_markup(Decimal(0), default=Decimal("0.4")) == 0
    assert effective_markup(None, default=Decimal("0.4")) == Decimal("0.4")
    assert effective_markup(None, default=Decimal(0)) == 0


@pytest.mark.parametrize(
    ("markup", "reason"),
    [
        ("40", "40 looks like a percentage: send the fraction 0.40 for 40 %."),
        ("10.01", "10.01 looks like a percentage: send the fraction 0.1001 for 10.01 %."),
        ("-0.1", "Send a fraction from 0 to 10, such as 0.4 for 40 %."),
        ("NaN", "Send a fraction from 0 to 10, such as 0.4 for 40 %."),
        ("Infinity", "Send a fraction from 0 to 10, such as 0.4 for 40 %."),
    ],
)
def test_a_markup_in_the_other_unit_is_refused_with_a_hint(markup: str, reason: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        check_markup(Decimal(markup), "pricing.markup")
    assert caught.value.problems == [FieldProblem("pricing.markup", reason)]


@pytest.mark.parametrize(
    ("input_tokens", "output_tokens", "expected"),
    [
        (1_000_000, 1_000_000, "17.500000000"),
        (1_000, 500, "0.010500000"),
        (1, 0, "0.001000000"),  # below the minimum charge
        (0, 0, "0.001000000"),
        (285, 0, "0.001000000"),  # 0.0009975
        (286, 0, "0.001001000"),
    ],
)
def test_charge(input_tokens: int, output_tokens: int, expected: str) -> None:
    usage = TokenUsage(input_tokens, output_tokens)
    assert str(charge(usage, prices("3.50", "14.00"))) == expected


def test_trap_a_price_is_per_million_tokens_never_per_thousand() -> None:
    assert charge(TokenUsage(1_000, 0), prices("3.00", "9.00", "0")) == Decimal("0.003")


def test_a_charge_is_rounded_half_even_at_the_ninth_place() -> None:
    assert charge(TokenUsage(1, 0), prices("0.000500", "0", "0")) == 0
    assert charge(TokenUsage(1, 0), prices("0.001500", "0", "0")) == Decimal("0.000000002")


def test_a_charge_is_rounded_once_and_not_per_part() -> None:
    # Each part alone would round to 0; together they are a billionth of a dollar.
    assert charge(TokenUsage(1, 1), prices("0.000500", "0.000500", "0")) == Decimal("0.000000001")


def test_cached_input_is_priced_as_the_input_it_is_part_of() -> None:
    usage = TokenUsage(1_000, 0, cached_input_tokens=900)
    assert charge(usage, prices("3.00", "9.00")) == charge(TokenUsage(1_000, 0), prices("3.00", "9.00"))


def test_a_trial_message_is_free_and_every_other_access_pays() -> None:
    usage = TokenUsage(1_000, 500)
    assert charge_for("trial", usage, prices("3.50", "14.00")) == 0
    for access in ("free", "entitled", "team"):
        assert charge_for(access, usage, prices("3.50", "14.00")) == Decimal("0.0105")


def test_provider_cost_uses_base_prices_and_knows_no_minimum() -> None:
    usage = TokenUsage(1_000, 500)
    assert provider_cost(usage, prices("3.50", "14.00")) == Decimal("0.00525")
    assert provider_cost(TokenUsage(1, 0), prices("3.50", "14.00")) == Decimal("0.00000175")


def test_a_message_without_a_price_row_is_an_error_and_never_bills_0() -> None:
    for bill in (charge, provider_cost):
        with pytest.raises(UnknownPrice):
            bill(TokenUsage(1, 1), None)
    with pytest.raises(UnknownPrice):
        charge_for("free", TokenUsage(1, 1), None)
    with pytest.raises(UnknownPrice):
        estimate(None, 1, 1)


@pytest.mark.parametrize("counts", [(-1, 0, 0), (0, -1, 0), (0, 0, -1)])
def test_a_negative_token_count_is_a_mistake(counts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="negative"):
        TokenUsage(*counts)


def test_money_is_written_without_an_exponent() -> None:
    assert money_text(Decimal("0.000000001")) == "0.000000001"
    assert money_text(charge(TokenUsage(0, 0), prices("3", "9", "0"))) == "0.000000000"
    assert money_text(Decimal("1E+3")) == "1000"


token_counts = st.integers(0, 10_000_000)
price_values = st.decimals(0, 1000, places=6)


@given(token_counts, token_counts, price_values, price_values, st.decimals(0, 1, places=6))
def test_charge_agrees_with_exact_fractions(
    tokens_in: int, tokens_out: int, price_in: Decimal, price_out: Decimal, minimum: Decimal
) -> None:
    row = prices(str(price_in), str(price_out), str(minimum))
    exact = (Fraction(price_in) * tokens_in + Fraction(price_out) * tokens_out) / 1_000_000
    billed = charge(TokenUsage(tokens_in, tokens_out), row)
    assert billed >= minimum
    # `round` of a Fraction is half-even, and exact.
    assert Fraction(billed) == Fraction(round(max(Fraction(minimum), exact) * 10**9), 10**9)
    assert billed == estimate(row, tokens_in, tokens_out)


@given(token_counts, token_counts, st.integers(0, 1000), st.integers(0, 1000))
def test_more_tokens_never_cost_less(tokens_in: int, tokens_out: int, more_in: int, more_out: int) -> None:
    row = prices("3.50", "14.00")
    less, more = TokenUsage(tokens_in, tokens_out), TokenUsage(tokens_in + more_in, tokens_out + more_out)
    assert charge(less, row) <= charge(more, row)
    assert provider_cost(less, row) <= provider_cost(more, row)


@given(price_values, st.decimals(0, 10, places=4), st.decimals(0, 10, places=4))
def test_a_higher_markup_never_makes_a_lower_price(base: Decimal, one: Decimal, other: Decimal) -> None:
    low, high = sorted((one, other))
    assert base <= user_price(base, low) <= user_price(base, high)


RATED = replace(
    prices("1.4", "14", "0"),
    rates=Rates.from_json(
        {
            "cached_input": "0.14",
            "cache_write": "1.75",
            "input_audio": "5",
            "input_image": "6",
            "output_audio": "20",
            "output_image": "30",
            "tiers": [{"above_input_tokens": 1000, "input": "2.8", "cached_input": "0.28"}],
        }
    ),
)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({}, "0.001540000"),
        ({"cached_input_tokens": 1000}, "0.000280000"),
        ({"cached_input_tokens": 600, "cache_write_tokens": 400}, "0.000924000"),
        ({"input_audio_tokens": 100, "input_image_tokens": 10}, "0.001946000"),
        ({"output_audio_tokens": 4, "output_image_tokens": 6}, "0.001660000"),
    ],
)
def test_each_kind_of_token_is_charged_at_its_rate(parts: dict[str, int], expected: str) -> None:
    assert str(charge(TokenUsage(1000, 10, **parts), RATED)) == expected


def test_a_long_message_is_charged_whole_at_its_tier_and_so_is_its_estimate() -> None:
    assert estimate(RATED, 1000, 10) == charge(TokenUsage(1000, 10), RATED) == Decimal("0.00154")
    assert estimate(RATED, 1001, 10) == charge(TokenUsage(1001, 10), RATED) == Decimal("0.0029428")
    assert charge(TokenUsage(1001, 0, 1001), RATED) == Decimal("0.00028028")


def test_a_provider_s_rates_are_the_cost_and_the_member_s_are_the_charge() -> None:
    sold = replace(RATED, base_input_price=Decimal(1), base_rates=Rates(cached_input=Decimal("0.1")))
    assert provider_cost(TokenUsage(1000, 0, 1000), sold) == Decimal("0.0001")


def test_the_minimum_charge_holds_for_cached_messages_too() -> None:
    assert charge(TokenUsage(1000, 0, 1000), replace(RATED, minimum_charge=Decimal("0.001"))) == Decimal("0.001")


@pytest.mark.parametrize(
    ("parts", "counted"),
    [
        ({}, (0, 0, 0, 0, 0, 0)),
        ({"cached_input_tokens": None, "output_audio_tokens": 3}, (0, 0, 0, 0, 3, 0)),
        ({"cached_input_tokens": 90, "input_audio_tokens": 20}, (90, 0, 10, 0, 0, 0)),  # audio in the cache
        ({"cached_input_tokens": 900, "cache_write_tokens": 1}, (100, 0, 0, 0, 0, 0)),
        ({"output_audio_tokens": 7, "output_image_tokens": 7}, (0, 0, 0, 0, 7, 3)),
    ],
)
def test_what_a_provider_counts_twice_is_counted_once(parts: dict[str, int | None], counted: tuple[int, ...]) -> None:
    usage = TokenUsage.counted(100, 10, parts)
    assert tuple(getattr(usage, part) for part in PARTS) == counted
    assert (usage.input_tokens, usage.output_tokens, usage.estimated) == (100, 10, False)


@pytest.mark.parametrize("counts", [(1, 0, 2), (1, 0, 1, 1), (0, 1, 0, 0, 0, 0, 2), (1, 1, -1)])
def test_parts_that_are_more_than_the_whole_are_no_usage(counts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        TokenUsage(*counts)
