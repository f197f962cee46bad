"""The first price-book row of a tenant and model."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from stoa.core.errors import InvalidFields
from stoa.domain.pricing.markup import TokenUsage, UnknownPrice, charge
from stoa.domain.pricing.price_book import BasePrices, Override, PricingConfig, first_row, price_row
from stoa.domain.pricing.rates import NO_RATES, Rates

SINCE = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("is_self_hosted", "markup", "input_price", "output_price"),
    [(False, "0.4", "0.21", "0.84"), (True, "0.75", "0.2625", "1.05")],
)
def test_first_row_is_base_times_default_markup(
    is_self_hosted: bool, markup: str, input_price: str, output_price: str
) -> None:
    base = BasePrices(Decimal("0.15"), Decimal("0.60"))
    row = first_row(base, PricingConfig(), is_self_hosted=is_self_hosted, effective_from=SINCE)
    assert (row.markup, row.input_price, row.output_price) == (
        Decimal(markup),
        Decimal(input_price),
        Decimal(output_price),
    )
    assert (row.base_input_price, row.base_output_price) == (Decimal("0.15"), Decimal("0.60"))
    assert (row.minimum_charge, row.effective_from, row.source) == (Decimal("0.001"), SINCE, "initial")


def test_trap_a_tenant_whose_markup_is_zero_sells_at_base_price() -> None:
    config = PricingConfig(external_default_markup=Decimal(0))
    row = first_row(BasePrices(Decimal(3), Decimal(15)), config, is_self_hosted=False, effective_from=SINCE)
    assert (row.input_price, row.output_price, row.markup) == (3, 15, 0)


@pytest.mark.parametrize("base", [BasePrices(None, Decimal(1)), BasePrices(Decimal(1), None)])
def test_a_model_without_a_base_price_gets_no_row(base: BasePrices) -> None:
    with pytest.raises(UnknownPrice):
        first_row(base, PricingConfig(), is_self_hosted=False, effective_from=SINCE)


def test_a_minimum_charge_below_zero_is_an_error() -> None:
    with pytest.raises(UnknownPrice, match="minimum charge"):
        price_row(BasePrices(Decimal(1), Decimal(1)), Decimal(0), Decimal(-1), effective_from=SINCE, source="config")


def test_a_markup_in_percent_is_refused() -> None:
    with pytest.raises(InvalidFields):
        price_row(BasePrices(Decimal(1), Decimal(1)), Decimal(40), Decimal(0), effective_from=SINCE, source="override")


def test_trap_the_prices_written_are_the_prices_read() -> None:
    base = BasePrices(Decimal("2.50"), Decimal("10.00"))
    row = first_row(base, PricingConfig(), is_self_hosted=False, effective_from=SINCE)
    read = row.prices(UUID(int=3))
    assert read.row_id == UUID(int=3)
    assert (read.base_input_price, read.base_output_price) == (Decimal("2.50"), Decimal("10.00"))
    assert charge(TokenUsage(1_000_000, 1_000_000), read) == Decimal("17.5")


ASKED = Rates.from_json(
    {"cached_input": "0.3", "output_audio": "20", "tiers": [{"above_input_tokens": 9, "input": "6", "output": "22.5"}]}
)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        # x 1.4
        (Override(), {"cached_input": "0.42", "output_audio": "28", "above": ("8.4", "31.5")}),
        # x 1.1
        (Override(markup=Decimal("0.1")), {"cached_input": "0.33", "output_audio": "22", "above": ("6.6", "24.75")}),
        # input 3 -> 1, output 15 -> 30
        (
            Override(input_price=Decimal(1), output_price=Decimal(30)),
            {"cached_input": "0.14", "output_audio": "56", "above": ("2.8", "63")},
        ),
        (Override(input_price=Decimal(0)), {"cached_input": None, "output_audio": "28", "above": (None, "31.5")}),
    ],
)
def test_markup_and_override_scale_the_rates(override: Override, expected: dict[str, Any]) -> None:
    base = BasePrices(Decimal(3), Decimal(15), ASKED)
    row = price_row(base, Decimal("0.4"), Decimal(0), effective_from=SINCE, source="base", override=override)
    told = row.rates.to_json()
    assert (told.get("cached_input"), told["output_audio"]) == (expected["cached_input"], expected["output_audio"])
    (tier,) = told["tiers"]
    assert (tier.get("input"), tier["output"]) == expected["above"]
    assert row.base_rates == row.prices(UUID(int=1)).base_rates == ASKED


def test_a_base_price_of_0_has_no_ratio_to_an_override() -> None:
    base = BasePrices(Decimal(0), Decimal(0), Rates(cache_write=Decimal(2)))
    override = Override(input_price=Decimal(5))
    row = price_row(base, Decimal("0.5"), Decimal(0), effective_from=SINCE, source="base", override=override)
    assert row.rates == Rates(cached_input=None, cache_write=Decimal(3))


def test_a_rate_is_rounded_once_half_even() -> None:
    # 0.000003 x 1 x 1.5 / 3 is 0.0000015, a tie; 28 digits of thirds in between would miss it.
    base = BasePrices(Decimal(3), Decimal(3), Rates(cached_input=Decimal("0.000003")))
    override = Override(input_price=Decimal(1))
    row = price_row(base, Decimal("0.5"), Decimal(0), effective_from=SINCE, source="base", override=override)
    assert row.rates.cached_input == Decimal("0.000002")


def test_a_rate_that_says_what_the_price_says_is_no_rate() -> None:
    base = BasePrices(Decimal(3), Decimal(15), Rates(cached_input=Decimal(3)))
    row = price_row(base, Decimal("0.4"), Decimal(0), effective_from=SINCE, source="base")
    assert (row.rates, row.columns()["rates"], row.columns()["base_rates"]) == (NO_RATES, {}, {"cached_input": "3"})
