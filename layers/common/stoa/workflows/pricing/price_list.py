"""Prices as an admin reads them: each model with the prices to come, and the history."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from stoa.core.pages import Page, page_of
from stoa.domain.pricing.price_book import PriceRow
from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.pricing.timeline import Step, Timeline
from stoa.identity.caller import Caller
from stoa.store.pricing import price_changes, prices
from stoa.store.pricing.price_changes import PriceChange
from stoa.store.pricing.prices import ModelPricing
from stoa.workflows.pricing.overrides import OverridePeriod, has_override, override_periods


class ListedModel(Struct, frozen=True):
    """A model's prices, USD per 1,000,000 tokens. `user_…` and `rates` are what members pay now.

    These, the markup and the minimum charge are None where the model cannot be sold yet. `scheduled` are the price
    rows to come, in order, and `pending` is the first of them. `overrides` are the one in force and those to come.
    """

    model_id: str
    display_name: str
    provider_id: str
    is_novel: bool
    category: str
    base_input_price: Decimal | None
    base_output_price: Decimal | None
    base_rates: Rates
    effective_markup: Decimal | None
    user_input_price: Decimal | None
    user_output_price: Decimal | None
    rates: Rates
    minimum_charge: Decimal | None
    has_override: bool
    overrides: tuple[OverridePeriod, ...]
    override_version: int
    pending: PriceRow | None
    scheduled: tuple[PriceRow, ...]


def list_prices(caller: Caller) -> list[ListedModel]:
    """Returns every model of the tenant's catalogue with its prices, also those that cannot be sold yet."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        found = prices.models(connection, caller.tenant_id, None, caller.now)
    return [_listed(model, caller.now) for model in found]


def list_history(caller: Caller, *, model_id: str | None, before: UUID | None, limit: int) -> Page[PriceChange]:
    """Returns a page of changes of prices, the newest first. The cursor is the id."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        found = price_changes.history(connection, caller.tenant_id, model_id=model_id, before=before, rows=limit + 1)
    return page_of(found, limit, lambda change: (change.id,))


def _listed(model: ModelPricing, now: datetime) -> ListedModel:
    book = Timeline([Step(stored.row.effective_from, stored.row) for stored in model.book])
    row = book.at(now)
    scheduled = tuple(step.value for step in book.after(now))
    return ListedModel(
        model_id=model.model_id,
        display_name=model.display_name,
        provider_id=model.provider_id,
        is_novel=model.is_novel,
        category=model.category,
        base_input_price=model.base.input_price,
        base_output_price=model.base.output_price,
        base_rates=model.base.rates,
        effective_markup=row.markup if row else None,
        user_input_price=row.input_price if row else None,
        user_output_price=row.output_price if row else None,
        rates=row.rates if row else NO_RATES,
        minimum_charge=row.minimum_charge if row else None,
        has_override=has_override(model, now),
        overrides=override_periods(model.overrides, now),
        override_version=model.override_version,
        pending=scheduled[0] if scheduled else None,
        scheduled=scheduled,
    )
