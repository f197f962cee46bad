"""Ledger lines with the price rows they were charged by, and price rows as they were written: for recomputing."""

from datetime import datetime
from uuid import UUID

from stoa.database.pool import Connection, Row

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
    b.id, b.model_id, b.input_price, b.output_price, b.base_input_price, b.base_output_price, b.markup,
    b.override_input_price, b.override_output_price, b.held, b.rates, b.base_rates,
    b.effective_from, b.source
FROM price_book b
WHERE b.tenant_id = :tenant_id ::uuid AND (:after ::uuid IS NULL OR b.id > :after)
ORDER BY b.id
LIMIT :rows
"""


def lines(connection: Connection, tenant_id: UUID, *, since: datetime, after: UUID | None, rows: int) -> list[Row]:
    """The next ended lines that were charged, each with its price row (null where it has none of this tenant's)."""
    return connection.run(_LINES, tenant_id=tenant_id, since=since, after=after, rows=rows)


def price_rows(connection: Connection, tenant_id: UUID, *, after: UUID | None, rows: int) -> list[Row]:
    """The next rows of the price book, cancelled ones included."""
    return connection.run(_ROWS, tenant_id=tenant_id, after=after, rows=rows)
