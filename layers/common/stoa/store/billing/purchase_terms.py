"""The terms of sale for a member."""

from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Rows, Statement, typed

# The terms of everything that a member may buy, and of a bundle where one is asked for, in one row.
_TERMS = """
SELECT
    t.currency,
    t.purchases_paused,
    b.name AS bundle_name,
    b.price_cents AS bundle_price_cents,
    (
        SELECT json_agg(bm.model_id ORDER BY bm.model_id) FROM bundle_models bm
        WHERE bm.tenant_id = :tenant_id AND bm.bundle_id = b.id
    ) AS bundle_models,
    (
        SELECT json_agg(DISTINCT e.model_id) FROM entitlements e
        WHERE e.tenant_id = :tenant_id AND e.user_id = :user_id ::uuid AND e.source IN ('purchase', 'admin_grant')
            AND e.revoked_at IS NULL AND e.expires_at IS NULL AND e.extra_trial_messages IS NULL
    ) AS owned_models
FROM tenants t
LEFT JOIN bundles b ON b.tenant_id = t.id AND b.id = :bundle_id ::uuid AND b.enabled
WHERE t.id = :tenant_id ::uuid
"""


class Terms(Struct, frozen=True):
    """The terms of sale for a member: those of the tenant, and of the bundle that is asked for. `bundle_models` is None
    where no such bundle is on sale, `owned_models` where the member owns no model."""

    currency: str
    purchases_paused: bool
    bundle_name: str | None
    bundle_price_cents: int | None
    bundle_models: list[str] | None
    owned_models: list[str] | None


def statement(tenant_id: UUID, user_id: UUID, bundle_id: UUID | None) -> Statement:
    """Returns the query for the terms, to be sent together with others. Its rows go to `from_rows`."""
    return _TERMS, {"tenant_id": tenant_id, "user_id": user_id, "bundle_id": bundle_id}


def from_rows(rows: Rows) -> Terms:
    """Returns the terms in the answer to `statement`."""
    return typed(Terms, rows)[0]
