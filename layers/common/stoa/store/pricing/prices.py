"""The price book as the planner reads and writes it: each model's timelines, rows to cancel and to add, the history."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter
from stoa.domain.pricing.price_book import BasePrices, Override, PriceRow
from stoa.domain.pricing.price_planner import StoredRow
from stoa.domain.pricing.rates import Rates
from stoa.domain.pricing.timeline import Step, Timeline

# Of each timeline: what holds at :now, and what begins later. What only other tenants took of a feed is left out.
_MODELS = """
SELECT
    m.id AS model_id, m.provider_id = 'self_hosted' AS is_self_hosted,
    coalesce(a.input_price, m.base_input_price) AS base_input_price,
    coalesce(a.output_price, m.base_output_price) AS base_output_price,
    coalesce(a.rates, m.base_rates) AS base_rates,
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
LEFT JOIN LATERAL (
    SELECT t.input_price, t.output_price, t.rates FROM tenant_base_prices t
    WHERE t.tenant_id = :tenant_id AND t.model_id = m.id AND t.base_version = m.base_version
    ORDER BY t.id DESC
    LIMIT 1
) AS a ON true
WHERE (m.tenant_id IS NULL OR m.tenant_id = :tenant_id)
    AND (m.id = ANY (:model_ids ::text[]) OR (:model_ids IS NULL AND (NOT m.added_by_sync OR EXISTS (
        SELECT FROM tenant_models o WHERE o.tenant_id = :tenant_id AND o.model_id = m.id
    ))))
ORDER BY m.is_novel, m.display_order, m.display_name, m.id
"""

_CANCEL_ROWS = """
UPDATE price_book b SET cancelled_at = :now
WHERE b.tenant_id = :tenant_id ::uuid AND b.id = ANY (:row_ids ::uuid[])
"""

_ADD_ROWS = """
INSERT INTO price_book (
    id, tenant_id, model_id, effective_from, input_price, output_price, base_input_price, base_output_price, markup,
    minimum_charge, override_input_price, override_output_price, held, rates, base_rates, source, actor_id, created_at
)
SELECT
    r.id, :tenant_id ::uuid, r.model_id, r.effective_from, r.input_price, r.output_price,
    r.base_input_price, r.base_output_price, r.markup, r.minimum_charge, r.override_input_price,
    r.override_output_price, r.held, r.rates, r.base_rates, r.source, :actor_id ::uuid, :now ::timestamptz
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id uuid, model_id text, effective_from timestamptz, input_price numeric, output_price numeric,
    base_input_price numeric, base_output_price numeric, markup numeric, minimum_charge numeric,
    override_input_price numeric, override_output_price numeric, held boolean, rates jsonb, base_rates jsonb,
    source text
)
"""

_ADD_CHANGES = """
INSERT INTO price_changes (
    id, tenant_id, model_id, price_row_id, change_source, previous_input_price, previous_output_price, previous_markup,
    previous_minimum_charge, previous_rates, new_input_price, new_output_price, new_markup, new_minimum_charge,
    new_rates, effective_from, actor_id, created_at
)
SELECT
    r.id, :tenant_id ::uuid, r.model_id, r.price_row_id, r.change_source, r.previous_input_price,
    r.previous_output_price, r.previous_markup, r.previous_minimum_charge, r.previous_rates, r.new_input_price,
    r.new_output_price, r.new_markup, r.new_minimum_charge, r.new_rates, r.effective_from, :actor_id ::uuid,
    :now ::timestamptz
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id uuid, model_id text, price_row_id uuid, change_source text, previous_input_price numeric,
    previous_output_price numeric, previous_markup numeric, previous_minimum_charge numeric, previous_rates jsonb,
    new_input_price numeric, new_output_price numeric, new_markup numeric, new_minimum_charge numeric, new_rates jsonb,
    effective_from timestamptz
)
"""

_HISTORY = """
SELECT
    h.id, h.created_at, h.model_id, h.change_source, h.previous_input_price, h.previous_output_price,
    h.previous_markup, h.previous_minimum_charge, h.previous_rates, h.new_input_price, h.new_output_price, h.new_markup,
    h.new_minimum_charge, h.new_rates, h.effective_from, u.email AS changed_by_email
FROM price_changes h
LEFT JOIN users u ON u.tenant_id = :tenant_id ::uuid AND u.id = h.actor_id
WHERE h.tenant_id = :tenant_id
    AND (:model_id ::text IS NULL OR h.model_id = :model_id)
    AND (:before ::uuid IS NULL OR h.id < :before)
ORDER BY h.id DESC
LIMIT :rows
"""

_TIME_ZONE = "SELECT t.time_zone FROM tenants t WHERE t.id = :tenant_id ::uuid"


@dataclass(frozen=True, slots=True)
class ModelPricing:
    """One model with all that its price at this tenant follows from, and its price book from now on."""

    model_id: str
    is_self_hosted: bool
    base: BasePrices
    book: tuple[StoredRow, ...]
    written_at: tuple[datetime, ...]  # when each of these rows was written
    overrides: Timeline[Override | None]
    override_ids: Mapping[datetime, UUID]  # by the instant at which it begins
    override_version: int  # how often the override was edited
    described: Row  # display_name, provider_id, is_novel, category


def models(
    connection: Connection, tenant_id: UUID, model_ids: Sequence[str] | None, now: datetime
) -> list[ModelPricing]:
    """The named models of the tenant's catalogue, or all of them, in the catalogue's order."""
    ids = None if model_ids is None else list(model_ids)
    return [_model(row) for row in connection.run(_MODELS, tenant_id=tenant_id, model_ids=ids, now=now)]


def write(
    connection: Connection,
    tenant_id: UUID,
    *,
    cancelled: Iterable[UUID],
    rows: Iterable[Mapping[str, Any]],
    changes: Iterable[Mapping[str, Any]],
    actor_id: UUID | None,
    now: datetime,
) -> None:
    """Cancel rows, add rows and tell the history, in one round trip."""
    by = {"tenant_id": tenant_id, "actor_id": actor_id, "now": now}
    connection.run_all(
        [
            (_CANCEL_ROWS, {"tenant_id": tenant_id, "row_ids": [str(row_id) for row_id in cancelled], "now": now}),
            (_ADD_ROWS, {**by, "rows": json_parameter(list(rows))}),
            (_ADD_CHANGES, {**by, "rows": json_parameter(list(changes))}),
        ]
    )


def history(
    connection: Connection, tenant_id: UUID, *, model_id: str | None, before: UUID | None, rows: int
) -> list[Row]:
    """The newest changes of prices; `before` is the last one of the previous page."""
    return connection.run(_HISTORY, tenant_id=tenant_id, model_id=model_id, before=before, rows=rows)


def time_zone(connection: Connection, tenant_id: UUID) -> str:
    """The tenant's time zone, in which dates without an offset are meant."""
    return str(connection.run(_TIME_ZONE, tenant_id=tenant_id)[0]["time_zone"])


def _model(row: Row) -> ModelPricing:
    book, overrides = row["book"] or (), row["overrides"] or ()
    return ModelPricing(
        model_id=row["model_id"],
        is_self_hosted=row["is_self_hosted"],
        base=BasePrices(row["base_input_price"], row["base_output_price"], Rates.from_json(row["base_rates"])),
        book=tuple(StoredRow(UUID(fields[0]), _price_row(fields[2:])) for fields in book),
        written_at=tuple(datetime.fromisoformat(fields[1]) for fields in book),
        overrides=Timeline([Step(datetime.fromisoformat(fields[1]), _override(fields[2:])) for fields in overrides]),
        override_ids={datetime.fromisoformat(fields[1]): UUID(fields[0]) for fields in overrides},
        override_version=row["override_version"],
        described={name: row[name] for name in ("display_name", "provider_id", "is_novel", "category")},
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
    """A row without any value says: from here on there is none."""
    return None if all(value is None for value in values) else Override(*values)
