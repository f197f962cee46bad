"""The price book: dated, immutable rows of the prices that one tenant's members pay for one model.

A row is in force from `effective_from` until a later row is. `price_row` makes every row, whatever the cause, so that
the planner over timelines of base prices, configuration and overrides only says when and why.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.domain.pricing.markup import PRICE_PLACES, effective_markup, known_price, user_price
from stoa.domain.pricing.rates import NO_RATES, Rates, levels_of, rates_of, scaled
from stoa.domain.selection.offers import Prices

# Causes of a row: columns `price_book.source` and `price_changes.change_source`.
SOURCE_INITIAL = "initial"
SOURCE_CONFIG = "config"
SOURCE_BULK = "bulk"
SOURCE_OVERRIDE = "override"
SOURCE_OVERRIDE_END = "override_end"
SOURCE_BASE = "base"
SOURCE_SYNC = "sync"


class PricingConfig(Struct, frozen=True):
    """A tenant's pricing rules. Markups are fractions (0.4 is 40 %). The minimum charge is USD per message."""

    external_default_markup: Decimal = Decimal("0.4")
    self_hosted_default_markup: Decimal = Decimal("0.75")
    minimum_charge: Decimal = Decimal("0.001")

    def default_markup(self, *, is_self_hosted: bool) -> Decimal:
        """Returns the markup of a model that has no override of its own."""
        return self.self_hosted_default_markup if is_self_hosted else self.external_default_markup


class BasePrices(Struct, frozen=True):
    """Prices of the provider, USD per 1,000,000 tokens. None is not known, and then the model cannot be sold."""

    input_price: Decimal | None
    output_price: Decimal | None
    rates: Rates = NO_RATES


class Override(Struct, frozen=True):
    """Values that an admin sets for one model. None is as base price and default markup say. 0 is a price and a markup.

    Prices are USD per 1,000,000 tokens and replace the provider's, so the markup still comes on top. The provider's
    rates keep their ratio to the price that is overridden.
    """

    markup: Decimal | None = None
    input_price: Decimal | None = None
    output_price: Decimal | None = None


NO_OVERRIDE = Override()


class PriceRow(Struct, frozen=True):
    """A price-book row before it is stored. The store adds tenant, model, id and actor.

    `held` says that a price, a rate or the minimum charge is lower than base, override and markup make it, because an
    increase waits. `rates` have the form that `rates_of` makes, so rows under which members pay the same are equal
    in them.
    """

    input_price: Decimal
    output_price: Decimal
    base_input_price: Decimal
    base_output_price: Decimal
    markup: Decimal
    minimum_charge: Decimal
    effective_from: datetime
    source: str
    override_input_price: Decimal | None = None
    override_output_price: Decimal | None = None
    held: bool = False
    rates: Rates = NO_RATES
    base_rates: Rates = NO_RATES

    def prices(self, row_id: UUID) -> Prices:
        """Returns the row as the rules read it once it has been stored under `row_id`."""
        return Prices(
            row_id=row_id,
            input_price=self.input_price,
            output_price=self.output_price,
            base_input_price=self.base_input_price,
            base_output_price=self.base_output_price,
            minimum_charge=self.minimum_charge,
            rates=self.rates,
            base_rates=self.base_rates,
        )

    def columns(self) -> dict[str, Any]:
        """Returns the row by the names of its columns, as JSON takes it."""
        return {**asdict(self), "rates": self.rates.to_json(), "base_rates": self.base_rates.to_json()}


def first_row(base: BasePrices, config: PricingConfig, *, is_self_hosted: bool, effective_from: datetime) -> PriceRow:
    """Returns the first row of a tenant and model: base prices under the tenant's default markup.

    Raises UnknownPrice when a base price or the minimum charge is not known.
    """
    markup = config.default_markup(is_self_hosted=is_self_hosted)
    return price_row(base, markup, config.minimum_charge, effective_from=effective_from, source=SOURCE_INITIAL)


def price_row(
    base: BasePrices,
    markup: Decimal,
    minimum_charge: Decimal,
    *,
    effective_from: datetime,
    source: str,
    override: Override = NO_OVERRIDE,
) -> PriceRow:
    """Returns the row for what holds at one instant. `markup` is the default that the override may replace.

    Raises UnknownPrice or InvalidFields rather than pricing at 0. Base prices must be known even where the override
    has its own, because the provider takes them.
    """
    markup = effective_markup(override.markup, markup)
    input_price = user_price(base.input_price, markup, override.input_price)
    output_price = user_price(base.output_price, markup, override.output_price)
    return PriceRow(
        input_price=input_price,
        output_price=output_price,
        base_input_price=known_price(base.input_price, "base input price"),
        base_output_price=known_price(base.output_price, "base output price"),
        markup=markup,
        minimum_charge=known_price(minimum_charge, "minimum charge"),
        effective_from=effective_from,
        source=source,
        override_input_price=override.input_price,
        override_output_price=override.output_price,
        rates=rates_of(levels_of(input_price, output_price, user_rates(base, markup, override)))[2],
        base_rates=base.rates,
    )


def user_rates(base: BasePrices, markup: Decimal, override: Override = NO_OVERRIDE) -> Rates:
    """Returns the provider's rates as members pay them: in proportion to the price of their side, 6 places."""
    return scaled(
        base.rates,
        _scale(base.input_price, override.input_price, markup),
        _scale(base.output_price, override.output_price, markup),
    )


def _scale(base: Decimal | None, override: Decimal | None, markup: Decimal) -> Callable[[Decimal], Decimal]:
    """Returns the function from a provider's rate to the user's. An override of a price of 0 has no ratio to it."""
    if override is None or not base:
        return lambda rate: user_price(rate, markup)

    def scale(rate: Decimal) -> Decimal:
        with localcontext() as context:
            context.prec = 60  # so that the one rounding is the last step
            return (rate * override * (1 + markup) / base).quantize(PRICE_PLACES, ROUND_HALF_EVEN)

    return scale
