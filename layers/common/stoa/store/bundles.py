"""Bundles: several models of a tenant's sold as one."""

from uuid import UUID

from stoa.db import Statement

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
