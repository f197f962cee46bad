"""Products and prices at Stripe for what tenants sell, so that its reports and receipts name them. For an operator."""

import hashlib
import re
from collections.abc import Callable
from uuid import UUID

from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.database.pool import Database, Scope
from stoa.store.billing import stripe_prices
from stoa.store.tenancy import tenants


def set_up_products(
    database: Database, stripe: StripeCalls, say: Callable[[str], None], *, only_tenant: str | None = None
) -> dict[str, int]:
    """Makes or finds a product and a price for each model and bundle on sale. Returns how many were found, created,
    renamed, and how many prices were made.

    Idempotent: ids are made from ours. What is not sold any more stays at Stripe, where past payments name it.
    `only_tenant` is a slug. Raises what `stripe` raises; running it again goes on where it stopped.
    """
    counts = {"found": 0, "created": 0, "renamed": 0, "prices": 0}
    with database.autocommit(Scope(operator=True)) as connection:
        known = [one for one in tenants.all_tenants(connection) if only_tenant in (None, one.slug)]
    for tenant in known:
        scope = Scope(tenant_id=tenant.id)
        with database.autocommit(scope) as connection:
            on_sale = stripe_prices.sold(connection, tenant.id)
        for product in on_sale:
            identifier = product_id_at_stripe(tenant.id, product.product_type, product.product_id)
            counts[stripe.ensure_product(identifier, product.name)] += 1
            price_id, is_new = stripe.ensure_price(identifier, product.amount_cents, product.currency)
            counts["prices"] += is_new
            with database.autocommit(scope) as connection:
                stripe_prices.save_price(connection, tenant.id, product, stripe.account_mark, price_id)
        say(f"{tenant.slug}: {len(on_sale)} on sale")
    return counts


def product_id_at_stripe(tenant_id: UUID, product_type: str, product_id: str) -> str:
    """Returns the id we give a product at Stripe: readable, and of one product alone."""
    readable = re.sub(r"[^a-z0-9]+", "-", product_id.lower()).strip("-")[:40]
    mark = hashlib.sha256(f"{tenant_id} {product_type} {product_id}".encode()).hexdigest()[:16]
    return f"stoa-{readable}-{mark}"
