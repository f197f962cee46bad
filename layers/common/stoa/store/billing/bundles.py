"""Bundles: several models of a tenant's sold as one."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, Statement, json_parameter

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


def on_sale(tenant_id: UUID, user_id: UUID) -> Statement:
    """The query for the bundles a member may buy, with their models and whether the member owns all of these."""
    return _ON_SALE, {"tenant_id": tenant_id, "user_id": user_id}


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


def all_of(connection: Connection, tenant_id: UUID, bundle_id: UUID | None = None) -> list[Row]:
    """Every bundle of the tenant, or the one, with those switched off."""
    return connection.run(_ALL, tenant_id=tenant_id, id=bundle_id)


def lock(connection: Connection, tenant_id: UUID, bundle_id: UUID) -> None:
    """Hold a bundle against other changes until the transaction ends."""
    connection.run(_LOCK, tenant_id=tenant_id, id=bundle_id)


def save(connection: Connection, tenant_id: UUID, bundle: Mapping[str, Any], model_ids: Sequence[str]) -> None:
    """Write a bundle with its models. Raises StatementFailed for a model that is not there."""
    where = {"tenant_id": tenant_id, "id": bundle["id"]}
    connection.run_all(
        [
            (_SAVE, {**bundle, **where}),
            (_FORGET_MODELS, where),
            (_ADD_MODELS, {**where, "model_ids": json_parameter(list(model_ids))}),
        ]
    )
