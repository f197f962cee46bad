"""Bundles: several models of a tenant's sold as one."""

from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection, Rows, Statement, json_parameter, typed

_ON_SALE = """
SELECT b.id, b.name, b.description, b.price_cents, t.currency, c.model_ids,
    (
        SELECT count(DISTINCT e.model_id) FROM entitlements e
        WHERE e.tenant_id = :tenant_id AND e.user_id = :user_id ::uuid AND e.model_id = ANY (c.model_ids)
            AND e.source IN ('purchase', 'admin_grant')
            AND e.revoked_at IS NULL AND e.expires_at IS NULL AND e.extra_trial_messages IS NULL
    ) = cardinality(c.model_ids) AS owned
FROM bundles b
JOIN tenants t ON t.id = b.tenant_id
CROSS JOIN LATERAL (
    SELECT array_agg(bm.model_id ORDER BY bm.model_id) AS model_ids FROM bundle_models bm
    WHERE bm.tenant_id = :tenant_id AND bm.bundle_id = b.id
) c
WHERE b.tenant_id = :tenant_id ::uuid AND b.enabled AND c.model_ids IS NOT NULL
ORDER BY b.display_order, b.name, b.id
"""


_ALL = """
SELECT b.id, b.name, b.description, b.price_cents, b.enabled, b.display_order, b.version, t.currency, array(
    SELECT bm.model_id FROM bundle_models bm
    WHERE bm.tenant_id = :tenant_id AND bm.bundle_id = b.id
    ORDER BY bm.model_id
) AS model_ids
FROM bundles b JOIN tenants t ON t.id = b.tenant_id
WHERE b.tenant_id = :tenant_id ::uuid AND (:id ::uuid IS NULL OR b.id = :id)
ORDER BY b.display_order, b.name, b.id
"""

_LOCK = "SELECT b.id FROM bundles b WHERE b.tenant_id = :tenant_id AND b.id = :id FOR UPDATE"

_SAVE = """
INSERT INTO bundles AS b (id, tenant_id, name, description, price_cents, enabled, display_order)
VALUES (:id, :tenant_id, :name, :description, :price_cents, :enabled, :display_order)
ON CONFLICT (id) DO UPDATE SET
    name = excluded.name, description = excluded.description, price_cents = excluded.price_cents,
    enabled = excluded.enabled, display_order = excluded.display_order,
    version = b.version + 1, updated_at = now()
WHERE b.tenant_id = :tenant_id
"""

_FORGET_MODELS = "DELETE FROM bundle_models bm WHERE bm.tenant_id = :tenant_id AND bm.bundle_id = :id"

_ADD_MODELS = """
INSERT INTO bundle_models (tenant_id, bundle_id, model_id)
SELECT :tenant_id ::uuid, :id ::uuid, r.model_id FROM jsonb_array_elements_text(:model_ids ::jsonb) AS r (model_id)
"""


class BundleOnSale(Struct, frozen=True):
    """A bundle as a member may buy it. `price_cents` is in the currency's smallest unit; `owned`: every model of it is
    the member's already."""

    id: UUID
    name: str
    description: str
    price_cents: int
    currency: str
    model_ids: list[str]
    owned: bool


class BundleTerms(Struct, frozen=True, kw_only=True):
    """The part of a bundle that its admins decide. `price_cents` is in the smallest unit of the tenant's currency."""

    name: str
    description: str
    price_cents: int
    enabled: bool
    display_order: int
    model_ids: list[str]


class Bundle(BundleTerms, frozen=True, kw_only=True):
    """A bundle of the tenant's. `version` counts its edits."""

    id: UUID
    currency: str
    version: int


def on_sale_statement(tenant_id: UUID, user_id: UUID) -> Statement:
    """Returns the query for the bundles a member may buy, to be sent together with others. Its rows go to
    `on_sale_from_rows`."""
    return _ON_SALE, {"tenant_id": tenant_id, "user_id": user_id}


def on_sale_from_rows(rows: Rows) -> list[BundleOnSale]:
    """Returns the bundles in the answer to `on_sale_statement`, in the tenant's order."""
    return typed(BundleOnSale, rows)


def all_of(connection: Connection, tenant_id: UUID) -> list[Bundle]:
    """Returns every bundle of the tenant in its order, also those that are switched off."""
    return connection.fetch(Bundle, _ALL, tenant_id=tenant_id, id=None)


def get(connection: Connection, tenant_id: UUID, bundle_id: UUID) -> Bundle | None:
    """Returns one bundle of the tenant. None: there is none."""
    return connection.fetch_one(Bundle, _ALL, tenant_id=tenant_id, id=bundle_id)


def lock(connection: Connection, tenant_id: UUID, bundle_id: UUID) -> None:
    """Holds a bundle against other changes until the transaction ends."""
    connection.run(_LOCK, tenant_id=tenant_id, id=bundle_id)


def save(connection: Connection, tenant_id: UUID, bundle_id: UUID, terms: BundleTerms) -> None:
    """Writes a bundle with its models. Raises StatementFailed for a model that is not there."""
    bundle = {"tenant_id": tenant_id, "id": bundle_id}
    columns = {
        "name": terms.name,
        "description": terms.description,
        "price_cents": terms.price_cents,
        "enabled": terms.enabled,
        "display_order": terms.display_order,
    }
    connection.run_all(
        [
            (_SAVE, {**bundle, **columns}),
            (_FORGET_MODELS, bundle),
            (_ADD_MODELS, {**bundle, "model_ids": json_parameter(terms.model_ids)}),
        ]
    )
