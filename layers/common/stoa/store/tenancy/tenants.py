"""Tenants and the prices they start with."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.database.pool import Connection, json_parameter
from stoa.domain.pricing.price_book import BasePrices, PriceRow, PricingConfig
from stoa.domain.pricing.rates import Rates
from stoa.domain.pricing.timeline import Timeline
from stoa.store.pricing.base_prices import timeline

_CREATE = """
INSERT INTO tenants (id, slug, name, time_zone)
VALUES (:id, :slug, :name, :time_zone)
"""

_ALL = "SELECT id, slug FROM tenants ORDER BY id"

_PRICING = """
SELECT c.external_default_markup, c.self_hosted_default_markup, c.minimum_charge
FROM pricing_configs c
WHERE c.tenant_id = :tenant_id
"""

_UNPRICED = """
SELECT
    m.id, m.provider_id, m.base_input_price, m.base_output_price, m.base_rates,
    (
        SELECT json_agg(json_build_array(n.effective_from, n.input_price, n.output_price, n.rates))
        FROM announced_prices n
        WHERE n.model_id = m.id
    ) AS announced
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


class Tenant(Struct, frozen=True):
    """A tenant's id and the name by which operators know it."""

    id: UUID
    slug: str


class UnpricedModel(Struct, frozen=True):
    """A model with known base prices, those announced included, and no row in a tenant's price book."""

    id: str
    provider_id: str
    base: Timeline[BasePrices]


def create(connection: Connection, tenant_id: UUID, slug: str, name: str, time_zone: str) -> None:
    """Makes a tenant. Raises StatementFailed (unique violation) when its slug is taken."""
    connection.run(_CREATE, id=tenant_id, slug=slug, name=name, time_zone=time_zone)


def all_tenants(connection: Connection) -> list[Tenant]:
    """Returns every tenant. Needs the operator's scope, which sees nothing else of them."""
    return connection.fetch(Tenant, _ALL)


def pricing(connection: Connection, tenant_id: UUID) -> PricingConfig:
    """Returns the tenant's pricing configuration, or the defaults where nothing was ever saved."""
    return connection.fetch_one(PricingConfig, _PRICING, tenant_id=tenant_id) or PricingConfig()


def unpriced_models(connection: Connection, tenant_id: UUID) -> list[UnpricedModel]:
    """Returns the models that the tenant could sell, whose base prices are known, and that have no price-book row."""
    return [_unpriced(row) for row in connection.run(_UNPRICED, tenant_id=tenant_id)]


def add_prices(connection: Connection, tenant_id: UUID, prices: Iterable[tuple[str, PriceRow]]) -> None:
    """Writes price-book rows by model. A model that got a row for the same instant meanwhile keeps it."""
    rows = [{"id": new_id(), "model_id": model_id, **row.columns()} for model_id, row in prices]
    connection.run(_ADD_PRICES, tenant_id=tenant_id, rows=json_parameter(rows))


def _unpriced(row: Mapping[str, Any]) -> UnpricedModel:
    base = BasePrices(row["base_input_price"], row["base_output_price"], Rates.from_json(row["base_rates"]))
    return UnpricedModel(row["id"], row["provider_id"], timeline(base, row["announced"] or ()))
