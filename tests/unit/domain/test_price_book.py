"""The first price-book row of a tenant and model."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from stoa.domain.markup import TokenUsage, UnknownPrice, charge
from stoa.domain.price_book import BasePrices, PricingConfig, first_row, price_row
from stoa.errors import InvalidFields

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
