"""Writes of the price book, and the history that each of them leaves."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.database.pool import Connection, json_parameter
from stoa.domain.pricing.price_book import PriceRow
from stoa.domain.pricing.price_planner import StoredRow
from stoa.domain.pricing.rates import NO_RATES, Rates

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


class NewChange(Struct, frozen=True):
    """A line to add to the history: from `effective_from` on, `row` takes the place of `previous`.

    `previous` is None where the model was not sold before.
    """

    model_id: str
    row_id: UUID
    source: str
    previous: PriceRow | None
    row: PriceRow
    effective_from: datetime


class NewRow(Struct, frozen=True):
    """A row to add to a model's price book."""

    model_id: str
    stored: StoredRow


class BookChange(Struct, frozen=True):
    """Rows of a price book to cancel and to add, and the lines of the history that tell of it."""

    cancelled: Sequence[UUID]
    added: Sequence[NewRow]
    history: Sequence[NewChange]


class PriceChange(Struct, frozen=True):
    """A line of the history. Prices are USD per 1,000,000 tokens, minimum charges USD.

    `previous_…` is what members paid until then, None where the model was not sold. `changed_by_email` is None for
    what Stoa did by itself.
    """

    id: UUID
    created_at: datetime
    model_id: str
    change_source: str
    previous_input_price: Decimal | None
    previous_output_price: Decimal | None
    previous_markup: Decimal | None
    previous_minimum_charge: Decimal | None
    previous_rates: Rates
    new_input_price: Decimal
    new_output_price: Decimal
    new_markup: Decimal
    new_minimum_charge: Decimal
    new_rates: Rates
    effective_from: datetime
    changed_by_email: str | None


def write(connection: Connection, tenant_id: UUID, change: BookChange, *, actor_id: UUID | None, now: datetime) -> None:
    """Cancels rows, adds rows and tells the history, in one round trip."""
    row_ids = [str(row_id) for row_id in change.cancelled]
    rows = [{"id": new.stored.row_id, "model_id": new.model_id, **new.stored.row.columns()} for new in change.added]
    by = {"tenant_id": tenant_id, "actor_id": actor_id, "now": now}
    connection.run_all(
        [
            (_CANCEL_ROWS, {"tenant_id": tenant_id, "row_ids": row_ids, "now": now}),
            (_ADD_ROWS, {**by, "rows": json_parameter(rows)}),
            (_ADD_CHANGES, {**by, "rows": json_parameter([_columns(line) for line in change.history])}),
        ]
    )


def history(
    connection: Connection, tenant_id: UUID, *, model_id: str | None, before: UUID | None, rows: int
) -> list[PriceChange]:
    """Returns the newest changes of prices. `before` is the last one of the previous page."""
    found = connection.run(_HISTORY, tenant_id=tenant_id, model_id=model_id, before=before, rows=rows)
    return [_change(row) for row in found]


def _change(row: Mapping[str, Any]) -> PriceChange:
    previous, new = Rates.from_json(row["previous_rates"]), Rates.from_json(row["new_rates"])
    return PriceChange(**{**row, "previous_rates": previous, "new_rates": new})


def _columns(line: NewChange) -> dict[str, object]:
    previous, row = line.previous, line.row
    return {
        "id": new_id(),
        "model_id": line.model_id,
        "price_row_id": line.row_id,
        "change_source": line.source,
        "previous_input_price": previous and previous.input_price,
        "previous_output_price": previous and previous.output_price,
        "previous_markup": previous and previous.markup,
        "previous_minimum_charge": previous and previous.minimum_charge,
        "previous_rates": (previous.rates if previous else NO_RATES).to_json(),
        "new_input_price": row.input_price,
        "new_output_price": row.output_price,
        "new_markup": row.markup,
        "new_minimum_charge": row.minimum_charge,
        "new_rates": row.rates.to_json(),
        "effective_from": line.effective_from,
    }
