"""Everything that prices follow from, as the planner reads it: base prices, price books and overrides."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection
from stoa.domain.pricing.price_book import BasePrices, Override, PriceRow
from stoa.domain.pricing.price_planner import StoredRow
from stoa.domain.pricing.rates import Rates
from stoa.domain.pricing.timeline import Step, Timeline
from stoa.store.pricing import base_prices

# Reads of each timeline the step that holds at :now and those that begin later. A model of a feed that only other
# tenants took is left out.
_MODELS = f"""
SELECT
    m.id AS model_id, m.provider_id = 'self_hosted' AS is_self_hosted,
    {base_prices.INPUT_PRICE} AS base_input_price,
    {base_prices.OUTPUT_PRICE} AS base_output_price,
    {base_prices.RATES} AS base_rates,
    ({base_prices.ANNOUNCED}) AS announced,
    m.display_name, m.provider_id, m.is_novel, m.category,
    (
        SELECT json_agg(json_build_array(
            b.id, b.created_at, b.effective_from, b.source, b.input_price, b.output_price, b.base_input_price,
            b.base_output_price, b.markup, b.minimum_charge, b.override_input_price, b.override_output_price, b.held,
            b.rates, b.base_rates
        ) ORDER BY b.effective_from)
        FROM price_book b
        WHERE b.tenant_id = :tenant_id ::uuid AND b.model_id = m.id AND b.cancelled_at IS NULL
            AND b.effective_from >= coalesce((
                SELECT max(r.effective_from) FROM price_book r
                WHERE r.tenant_id = :tenant_id AND r.model_id = m.id AND r.cancelled_at IS NULL
                    AND r.effective_from <= :now ::timestamptz
            ), '-infinity')
    ) AS book,
    (
        SELECT json_agg(
            json_build_array(o.id, o.effective_from, o.markup, o.input_price, o.output_price) ORDER BY o.effective_from
        )
        FROM price_overrides o
        WHERE o.tenant_id = :tenant_id AND o.model_id = m.id AND o.cancelled_at IS NULL
            AND o.effective_from >= coalesce((
                SELECT max(r.effective_from) FROM price_overrides r
                WHERE r.tenant_id = :tenant_id AND r.model_id = m.id AND r.cancelled_at IS NULL
                    AND r.effective_from <= :now
            ), '-infinity')
    ) AS overrides,
    coalesce((
        SELECT max(o.version) FROM price_overrides o WHERE o.tenant_id = :tenant_id AND o.model_id = m.id
    ), 0) AS override_version
FROM models m
{base_prices.JOINS}
WHERE (m.tenant_id IS NULL OR m.tenant_id = :tenant_id)
    AND (m.id = ANY (:model_ids ::text[]) OR (:model_ids IS NULL AND (NOT m.added_by_sync OR EXISTS (
        SELECT FROM tenant_models o WHERE o.tenant_id = :tenant_id AND o.model_id = m.id
    ))))
ORDER BY m.is_novel, m.display_order, m.display_name, m.id
"""  # noqa: S608 - constants of ours

_TIME_ZONE = "SELECT t.time_zone FROM tenants t WHERE t.id = :tenant_id ::uuid"


class ModelPricing(Struct, frozen=True):
    """A model with everything that its price at this tenant follows from, and its price book from now on.

    `written_at` says when each row of `book` was written. `override_ids` are by the instant at which an override
    begins. `override_version` counts the edits of the override.
    """

    model_id: str
    display_name: str
    provider_id: str
    is_novel: bool
    category: str
    is_self_hosted: bool
    base: BasePrices
    base_timeline: Timeline[BasePrices]
    book: tuple[StoredRow, ...]
    written_at: tuple[datetime, ...]
    overrides: Timeline[Override | None]
    override_ids: Mapping[datetime, UUID]
    override_version: int


def models(
    connection: Connection, tenant_id: UUID, model_ids: Sequence[str] | None, now: datetime
) -> list[ModelPricing]:
    """Returns the named models of the tenant's catalogue, or all of them, in the catalogue's order."""
    ids = None if model_ids is None else list(model_ids)
    return [_model(row) for row in connection.run(_MODELS, tenant_id=tenant_id, model_ids=ids, now=now)]


def time_zone(connection: Connection, tenant_id: UUID) -> str:
    """Returns the tenant's time zone, in which dates without an offset are meant."""
    return str(connection.run(_TIME_ZONE, tenant_id=tenant_id)[0]["time_zone"])


def _model(row: Mapping[str, Any]) -> ModelPricing:
    book, overrides = row["book"] or (), row["overrides"] or ()
    base = BasePrices(row["base_input_price"], row["base_output_price"], Rates.from_json(row["base_rates"]))
    return ModelPricing(
        model_id=row["model_id"],
        display_name=row["display_name"],
        provider_id=row["provider_id"],
        is_novel=row["is_novel"],
        category=row["category"],
        is_self_hosted=row["is_self_hosted"],
        base=base,
        base_timeline=base_prices.timeline(base, row["announced"] or ()),
        book=tuple(StoredRow(UUID(fields[0]), _price_row(fields[2:])) for fields in book),
        written_at=tuple(datetime.fromisoformat(fields[1]) for fields in book),
        overrides=Timeline([Step(datetime.fromisoformat(fields[1]), _override(fields[2:])) for fields in overrides]),
        override_ids={datetime.fromisoformat(fields[1]): UUID(fields[0]) for fields in overrides},
        override_version=row["override_version"],
    )


def _price_row(fields: Sequence[Any]) -> PriceRow:
    begins, source, *money, held, rates, base_rates = fields
    names = (
        "input_price",
        "output_price",
        "base_input_price",
        "base_output_price",
        "markup",
        "minimum_charge",
        "override_input_price",
        "override_output_price",
    )
    values = dict(zip(names, money, strict=True))
    return PriceRow(
        **values,
        effective_from=datetime.fromisoformat(begins),
        source=source,
        held=held,
        rates=Rates.from_json(rates),
        base_rates=Rates.from_json(base_rates),
    )


def _override(values: Sequence[Any]) -> Override | None:
    """Returns None for a row without any value: from there on no override holds."""
    return None if all(value is None for value in values) else Override(*values)
