"""Tenants and the prices they start with."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter

_CREATE = """
INSERT INTO tenants (id, slug, name, time_zone)
VALUES (:id, :slug, :name, :time_zone)
"""

_IDS = "SELECT id, slug FROM tenants ORDER BY id"

_PRICING = """
SELECT c.external_default_markup, c.self_hosted_default_markup, c.minimum_charge
FROM pricing_configs c
WHERE c.tenant_id = :tenant_id
"""

_UNPRICED = """
SELECT m.id, m.provider_id, m.base_input_price, m.base_output_price, m.base_rates
FROM models m
WHERE (m.tenant_id IS NULL OR m.tenant_id = :tenant_id)
    AND NOT m.added_by_sync AND m.base_input_price IS NOT NULL AND m.base_output_price IS NOT NULL
    AND NOT EXISTS (SELECT FROM price_book b WHERE b.tenant_id = :tenant_id AND b.model_id = m.id)
"""

_ADD_PRICES = """
INSERT INTO price_book (
    id, tenant_id, model_id, effective_from, input_price, output_price, base_input_price, base_output_price, markup,
    minimum_charge, rates, base_rates, source
)
SELECT
    r.id, :tenant_id ::uuid, r.model_id, r.effective_from, r.input_price, r.output_price,
    r.base_input_price, r.base_output_price, r.markup, r.minimum_charge, r.rates, r.base_rates, r.source
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id uuid, model_id text, input_price numeric, output_price numeric, base_input_price numeric,
    base_output_price numeric, markup numeric, minimum_charge numeric, rates jsonb, base_rates jsonb,
    effective_from timestamptz, source text
)
ON CONFLICT DO NOTHING
"""


def create(connection: Connection, tenant_id: UUID, slug: str, name: str, time_zone: str) -> None:
    """Make a tenant. Raises StatementFailed (unique violation) when its slug is taken."""
    connection.run(_CREATE, id=tenant_id, slug=slug, name=name, time_zone=time_zone)


def ids(connection: Connection) -> list[Row]:
    """Every tenant's `id` and `slug`. Needs the operator's scope; shows nothing else of them."""
    return connection.run(_IDS)


def pricing(connection: Connection, tenant_id: UUID) -> Row | None:
    """The tenant's pricing configuration, or None where nothing was ever saved."""
    rows = connection.run(_PRICING, tenant_id=tenant_id)
    return rows[0] if rows else None


def unpriced_models(connection: Connection, tenant_id: UUID) -> list[Row]:
    """Models this tenant could sell whose base prices are known and that have no price-book row yet."""
    return connection.run(_UNPRICED, tenant_id=tenant_id)


def add_prices(connection: Connection, tenant_id: UUID, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write price-book rows; a model that got a row for the same instant meanwhile keeps it."""
    connection.run(_ADD_PRICES, tenant_id=tenant_id, rows=json_parameter(list(rows)))
