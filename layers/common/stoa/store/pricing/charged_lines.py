"""Ledger lines with the price rows that they were charged by, and price rows as they were written: for recomputing."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection
from stoa.domain.pricing.markup import PARTS, TokenUsage
from stoa.domain.pricing.price_book import PriceRow
from stoa.domain.pricing.price_planner import StoredRow
from stoa.domain.pricing.rates import Rates
from stoa.domain.selection.offers import Prices

_LINES = """
SELECT
    l.id, l.model_id, l.access, l.reserved_at, l.input_tokens, l.output_tokens, l.cached_input_tokens,
    l.cache_write_tokens, l.input_audio_tokens, l.input_image_tokens, l.output_audio_tokens, l.output_image_tokens,
    l.charge, l.provider_cost,
    l.own_key,
    b.id AS row_id, b.model_id AS row_model_id, b.effective_from, b.input_price, b.output_price, b.base_input_price,
    b.base_output_price, b.minimum_charge, b.rates, b.base_rates
FROM usage l
LEFT JOIN price_book b ON b.tenant_id = :tenant_id ::uuid AND b.id = l.price_row_id
WHERE l.tenant_id = :tenant_id AND l.status IN ('completed', 'partial')
    AND l.reserved_at >= :since ::timestamptz
    AND (:after ::uuid IS NULL OR l.id > :after)
ORDER BY l.id
LIMIT :rows
"""

_ROWS = """
SELECT
    b.id, b.input_price, b.output_price, b.base_input_price, b.base_output_price, b.markup, b.minimum_charge,
    b.override_input_price, b.override_output_price, b.held, b.rates, b.base_rates,
    b.effective_from, b.source
FROM price_book b
WHERE b.tenant_id = :tenant_id ::uuid AND (:after ::uuid IS NULL OR b.id > :after)
ORDER BY b.id
LIMIT :rows
"""


class NamedPrice(Struct, frozen=True):
    """The price row that a ledger line names."""

    model_id: str
    effective_from: datetime
    prices: Prices


class ChargedLine(Struct, frozen=True):
    """A ledger line that ended. Amounts are USD. `price` is None where the line names no row of this tenant."""

    id: UUID
    model_id: str
    access: str
    reserved_at: datetime
    usage: TokenUsage
    charge: Decimal
    provider_cost: Decimal
    own_key: bool
    price: NamedPrice | None


def lines(
    connection: Connection, tenant_id: UUID, *, since: datetime, after: UUID | None, rows: int
) -> list[ChargedLine]:
    """Returns the next ended lines that were charged, each with its price row."""
    found = connection.run(_LINES, tenant_id=tenant_id, since=since, after=after, rows=rows)
    return [_line(row) for row in found]


def price_rows(connection: Connection, tenant_id: UUID, *, after: UUID | None, rows: int) -> list[StoredRow]:
    """Returns the next rows of the price book, cancelled ones included."""
    return [_stored(row) for row in connection.run(_ROWS, tenant_id=tenant_id, after=after, rows=rows)]


def _line(row: Mapping[str, Any]) -> ChargedLine:
    return ChargedLine(
        id=row["id"],
        model_id=row["model_id"],
        access=row["access"],
        reserved_at=row["reserved_at"],
        usage=TokenUsage(row["input_tokens"], row["output_tokens"], *(row[part] for part in PARTS)),
        charge=row["charge"],
        provider_cost=row["provider_cost"],
        own_key=row["own_key"],
        price=None if row["row_id"] is None else _named_price(row),
    )


def _named_price(row: Mapping[str, Any]) -> NamedPrice:
    prices = Prices(
        row_id=row["row_id"],
        input_price=row["input_price"],
        output_price=row["output_price"],
        base_input_price=row["base_input_price"],
        base_output_price=row["base_output_price"],
        minimum_charge=row["minimum_charge"],
        rates=Rates.from_json(row["rates"]),
        base_rates=Rates.from_json(row["base_rates"]),
    )
    return NamedPrice(row["row_model_id"], row["effective_from"], prices)


def _stored(row: Mapping[str, Any]) -> StoredRow:
    columns = {**row, "rates": Rates.from_json(row["rates"]), "base_rates": Rates.from_json(row["base_rates"])}
    return StoredRow(columns.pop("id"), PriceRow(**columns))
