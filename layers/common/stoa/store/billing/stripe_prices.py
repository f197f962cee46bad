"""Everything that a tenant sells, and its prices at Stripe."""

from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection

_SOLD = """
SELECT 'model' AS product_type, m.id AS product_id, coalesce(o.display_name, m.display_name) AS name,
    coalesce(o.unlock_price_cents, m.unlock_price_cents) AS amount_cents, t.currency
FROM tenants t
JOIN models m ON m.tenant_id IS NULL OR m.tenant_id = t.id
LEFT JOIN tenant_models o ON o.tenant_id = t.id AND o.model_id = m.id
WHERE t.id = :tenant_id ::uuid AND coalesce(o.enabled, m.enabled)
    AND coalesce(o.access_tier, m.access_tier) = 'premium'
    AND coalesce(o.unlock_price_cents, m.unlock_price_cents) IS NOT NULL
UNION ALL
SELECT 'bundle', b.id::text, b.name, b.price_cents, t.currency
FROM tenants t JOIN bundles b ON b.tenant_id = t.id AND b.enabled
WHERE t.id = :tenant_id
ORDER BY 1, 2
"""

_SAVE_PRICE = """
INSERT INTO stripe_prices AS s (
    tenant_id, product_type, product_id, amount_cents, currency, account_mark, price_id
)
VALUES (:tenant_id, :product_type, :product_id, :amount_cents, :currency, :account_mark, :price_id)
ON CONFLICT (tenant_id, product_type, product_id, amount_cents, currency, account_mark)
    DO UPDATE SET price_id = excluded.price_id WHERE s.price_id <> excluded.price_id
"""


class SoldProduct(Struct, frozen=True):
    """A model or a bundle on sale. `amount_cents` is in the currency's smallest unit."""

    product_type: str
    product_id: str
    name: str
    amount_cents: int
    currency: str


def sold(connection: Connection, tenant_id: UUID) -> list[SoldProduct]:
    """Returns everything that a tenant sells."""
    return connection.fetch(SoldProduct, _SOLD, tenant_id=tenant_id)


def save_price(connection: Connection, tenant_id: UUID, product: SoldProduct, account_mark: str, price_id: str) -> None:
    """Notes the price at Stripe of a product."""
    connection.run(
        _SAVE_PRICE,
        tenant_id=tenant_id,
        product_type=product.product_type,
        product_id=product.product_id,
        amount_cents=product.amount_cents,
        currency=product.currency,
        account_mark=account_mark,
        price_id=price_id,
    )
