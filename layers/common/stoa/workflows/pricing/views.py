"""Prices as an admin reads them: each model with what is to come, and the history."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.pages import Page, place_after
from stoa.core.text import iso
from stoa.database.pool import Database, Row, Scope
from stoa.domain.pricing.price_book import PriceRow
from stoa.domain.pricing.rates import Rates
from stoa.domain.pricing.timeline import Step, Timeline
from stoa.store.pricing import prices
from stoa.store.pricing.prices import ModelPricing
from stoa.workflows.pricing.overrides import described_override, has_override
from stoa.workflows.pricing.price_planning import PlannedChange
from stoa.workflows.pricing.rate_view import rates_view


def list_prices(database: Database, tenant_id: UUID, now: datetime) -> list[dict[str, Any]]:
    """Every model of the tenant's catalogue with its prices, also those that cannot be sold yet (prices null)."""
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        return [_model(model, now) for model in prices.models(connection, tenant_id, None, now)]


def list_history(
    database: Database, tenant_id: UUID, *, model_id: str | None, before: UUID | None, limit: int
) -> Page[dict[str, Any]]:
    """Changes of prices, the newest first."""
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        rows = prices.history(connection, tenant_id, model_id=model_id, before=before, rows=limit + 1)
    return Page([_change(row) for row in rows[:limit]], place_after(rows, limit, "id"))


def row_view(row: PriceRow) -> dict[str, Any]:
    """A price-book row as clients read it."""
    return {
        "effectiveFrom": iso(row.effective_from),
        "inputPrice": row.input_price,
        "outputPrice": row.output_price,
        "rates": rates_view(row.rates),
        "minimumCharge": row.minimum_charge,
        "markup": row.markup,
        "source": row.source,
    }


def change_view(change: PlannedChange) -> dict[str, Any]:
    """What a change does to one model: the rows in force and to come, before and after."""
    return {
        "modelId": change.model_id,
        "effectiveFrom": iso(change.effective_from),
        "before": [row_view(row) for row in change.before],
        "after": [row_view(row) for row in change.after],
    }


def _model(model: ModelPricing, now: datetime) -> dict[str, Any]:
    book = Timeline([Step(stored.row.effective_from, stored.row) for stored in model.book])
    row = book.at(now)
    to_come = [step.value for step in book.after(now)]
    described = {
        "modelId": model.model_id,
        "displayName": model.described["display_name"],
        "providerId": model.described["provider_id"],
        "isNovel": model.described["is_novel"],
        "category": model.described["category"],
        "baseInputPrice": model.base.input_price,
        "baseOutputPrice": model.base.output_price,
        "baseRates": rates_view(model.base.rates),
        "effectiveMarkup": row and row.markup,
        "userInputPrice": row and row.input_price,
        "userOutputPrice": row and row.output_price,
        "rates": row and rates_view(row.rates),
        "minimumCharge": row and row.minimum_charge,
        "hasOverride": has_override(model, now),
        "overrides": described_override(model.overrides, now),
        "overrideVersion": model.override_version,
    }
    return {**described, **_pending(to_come)}


def _pending(to_come: Sequence[PriceRow]) -> dict[str, Any]:
    """The next price, and all that are to come; nothing where none is."""
    if not to_come:
        return {}
    return {"pending": row_view(to_come[0]), "scheduled": [row_view(row) for row in to_come]}


def _change(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "createdAt": iso(row["created_at"]),
        "modelId": row["model_id"],
        "changeSource": row["change_source"],
        "previousInputPrice": row["previous_input_price"],
        "previousOutputPrice": row["previous_output_price"],
        "previousMarkup": row["previous_markup"],
        "previousMinimumCharge": row["previous_minimum_charge"],
        "previousRates": rates_view(Rates.from_json(row["previous_rates"])),
        "newInputPrice": row["new_input_price"],
        "newOutputPrice": row["new_output_price"],
        "newMarkup": row["new_markup"],
        "newMinimumCharge": row["new_minimum_charge"],
        "newRates": rates_view(Rates.from_json(row["new_rates"])),
        "effectiveFrom": iso(row["effective_from"]),
        "changedByEmail": row["changed_by_email"],
    }
