"""Purchases: one row for each attempt to buy, with the facts that Stripe told of it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, Statement, json_parameter
from stoa.domain.billing.purchase_state import PurchaseFacts, PurchaseState

# In a query the alias is `p`; the columns are those that the values of a purchase are made of.
_COLUMNS = """
    p.id, p.tenant_id, p.user_id, p.product_type, p.product_id, p.product_name, p.model_ids, p.amount_cents, p.currency,
    p.source, p.stripe_price_id, p.session_id, p.session_url, p.session_expires_at, p.payment_intent_id, p.receipt_url,
    p.status, p.entitled, p.completed_at, p.paid_at, p.failed_at, p.expired_at, p.mismatched_at, p.refunded_cents,
    p.disputes, p.created_at
"""

# What holds for everything a member may buy, and a bundle where one is asked for, in one row.
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

# Nothing is added while an earlier attempt is open, or its money is on its way.
_BEGIN = """
INSERT INTO purchases (
    id, tenant_id, user_id, product_type, product_id, product_name, model_ids, amount_cents, currency, source,
    stripe_price_id, created_at
)
SELECT
    :id, :tenant_id ::uuid, :user_id ::uuid, :product_type, :product_id, :product_name,
    ARRAY(SELECT jsonb_array_elements_text(:model_ids ::jsonb)), :amount_cents, :currency, :source,
    (
        SELECT s.price_id FROM stripe_prices s
        WHERE s.tenant_id = :tenant_id AND s.product_type = :product_type AND s.product_id = :product_id
            AND s.amount_cents = :amount_cents AND s.currency = :currency AND s.account_mark = :account_mark
    ),
    :now
WHERE NOT EXISTS (
    SELECT FROM purchases p
    WHERE p.tenant_id = :tenant_id AND p.user_id = :user_id AND p.product_type = :product_type
        AND p.product_id = :product_id AND p.status IN ('pending', 'processing')
)
ON CONFLICT (user_id, product_type, product_id) WHERE status = 'pending' DO NOTHING
RETURNING id
"""

_OPEN = f"""
SELECT {_COLUMNS}
FROM purchases p
WHERE p.tenant_id = :tenant_id AND p.user_id = :user_id AND p.product_type = :product_type
    AND p.product_id = :product_id AND p.status IN ('pending', 'processing')
ORDER BY p.status DESC, p.id DESC
LIMIT 1
"""  # noqa: S608 - our own column list

_SAVE_SESSION = """
UPDATE purchases p SET
    session_id = :session_id, session_url = :url, session_expires_at = :expires_at, updated_at = now()
WHERE p.tenant_id = :tenant_id AND p.id = :id AND (p.session_id IS NULL OR p.session_id = :session_id)
"""

_LOCK = f"""
SELECT {_COLUMNS}
FROM purchases p
WHERE p.tenant_id = :tenant_id AND p.id = :id
FOR UPDATE
"""  # noqa: S608

_SAVE_FACTS = """
UPDATE purchases p SET
    status = :status, entitled = :entitled,
    completed_at = :completed_at ::timestamptz, paid_at = :paid_at ::timestamptz,
    failed_at = :failed_at ::timestamptz, expired_at = :expired_at ::timestamptz,
    mismatched_at = :mismatched_at ::timestamptz, refunded_cents = :refunded_cents, disputes = :disputes ::jsonb,
    session_id = coalesce(p.session_id, :session_id),
    payment_intent_id = coalesce(p.payment_intent_id, :payment_intent_id),
    receipt_url = coalesce(:receipt_url, p.receipt_url),
    paid_cents = coalesce(p.paid_cents, :paid_cents ::integer),
    paid_currency = coalesce(p.paid_currency, :paid_currency),
    updated_at = now()
WHERE p.tenant_id = :tenant_id AND p.id = :id
"""

_PAGE = f"""
SELECT {_COLUMNS}
FROM purchases p
WHERE p.tenant_id = :tenant_id AND p.user_id = :user_id AND (:before ::uuid IS NULL OR p.id < :before)
ORDER BY p.id DESC
LIMIT :rows
"""  # noqa: S608

_BY_SESSION = f"""
SELECT {_COLUMNS}
FROM purchases p
WHERE p.tenant_id = :tenant_id AND p.user_id = :user_id AND p.session_id = :session_id
"""  # noqa: S608

# Those whose end nobody told us, and those paid for lately whose receipt is missing; the longest not asked about first.
_TO_ASK_ABOUT = f"""
SELECT {_COLUMNS}
FROM purchases p
WHERE p.tenant_id = :tenant_id
    AND (p.asked_at IS NULL OR p.asked_at <= :asked_before)
    AND p.created_at <= :created_before
    AND (
        p.status IN ('pending', 'processing')
        OR p.status = 'paid' AND p.receipt_url IS NULL AND p.paid_at > :created_before ::timestamptz - interval '3 days'
    )
ORDER BY p.asked_at NULLS FIRST, p.created_at
LIMIT :rows
"""  # noqa: S608

_MARK_ASKED = "UPDATE purchases p SET asked_at = :now WHERE p.tenant_id = :tenant_id AND p.id = :id"

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


def terms_statement(tenant_id: UUID, user_id: UUID, bundle_id: UUID | None) -> Statement:
    """The query for `currency`, `purchases_paused`, `owned_models` and the bundle asked for, as one row."""
    return _TERMS, {"tenant_id": tenant_id, "user_id": user_id, "bundle_id": bundle_id}


def begin(connection: Connection, purchase: Mapping[str, Any], account_mark: str, now: datetime) -> bool:
    """Add a purchase; False, and nothing is added, while an earlier attempt at the same product is open."""
    model_ids = json_parameter(purchase["model_ids"])
    values = {**purchase, "model_ids": model_ids, "account_mark": account_mark, "now": now}
    return bool(connection.run(_BEGIN, **values))


def get_open(connection: Connection, tenant_id: UUID, user_id: UUID, product_type: str, product_id: str) -> Row | None:
    """The member's open attempt at this product, the one whose money is on its way first."""
    rows = connection.run(_OPEN, tenant_id=tenant_id, user_id=user_id, product_type=product_type, product_id=product_id)
    return rows[0] if rows else None


def save_session(
    connection: Connection, tenant_id: UUID, purchase_id: UUID, session_id: str, url: str | None, expires_at: datetime
) -> None:
    """Note the Checkout session of a purchase. A purchase never changes its session."""
    connection.run(
        _SAVE_SESSION, tenant_id=tenant_id, id=purchase_id, session_id=session_id, url=url, expires_at=expires_at
    )


def lock(connection: Connection, tenant_id: UUID, purchase_id: UUID) -> Row | None:
    """The purchase, held against changes until the transaction ends."""
    rows = connection.run(_LOCK, tenant_id=tenant_id, id=purchase_id)
    return rows[0] if rows else None


def facts_of(row: Row) -> PurchaseFacts:
    """What is known of a purchase so far."""
    return PurchaseFacts(
        completed_at=row["completed_at"],
        paid_at=row["paid_at"],
        failed_at=row["failed_at"],
        expired_at=row["expired_at"],
        mismatched_at=row["mismatched_at"],
        refunded_cents=row["refunded_cents"],
        disputes=row["disputes"],
    )


def save_facts(
    connection: Connection,
    tenant_id: UUID,
    purchase_id: UUID,
    facts: PurchaseFacts,
    state: PurchaseState,
    *,
    session_id: str | None,
    payment_intent_id: str | None,
    receipt_url: str | None,
    paid: tuple[int, str] | None,
) -> None:
    """Write all that is known of a locked purchase, and what follows from it. `paid`: the event's amount, currency."""
    connection.run(
        _SAVE_FACTS,
        tenant_id=tenant_id,
        id=purchase_id,
        status=state.status,
        entitled=state.entitled,
        completed_at=facts.completed_at,
        paid_at=facts.paid_at,
        failed_at=facts.failed_at,
        expired_at=facts.expired_at,
        mismatched_at=facts.mismatched_at,
        refunded_cents=facts.refunded_cents,
        disputes=json_parameter(dict(facts.disputes)),
        session_id=session_id,
        payment_intent_id=payment_intent_id,
        receipt_url=receipt_url,
        paid_cents=paid[0] if paid else None,
        paid_currency=paid[1] if paid else None,
    )


def page(connection: Connection, tenant_id: UUID, user_id: UUID, *, before: UUID | None, rows: int) -> list[Row]:
    """A member's purchases, the newest first."""
    return connection.run(_PAGE, tenant_id=tenant_id, user_id=user_id, before=before, rows=rows)


def by_session(connection: Connection, tenant_id: UUID, user_id: UUID, session_id: str) -> Row | None:
    """A member's own purchase by Stripe's session id."""
    rows = connection.run(_BY_SESSION, tenant_id=tenant_id, user_id=user_id, session_id=session_id)
    return rows[0] if rows else None


def to_ask_about(
    connection: Connection, tenant_id: UUID, *, created_before: datetime, asked_before: datetime, rows: int
) -> list[Row]:
    """Purchases to ask Stripe about: without an end, or paid for without a receipt."""
    return connection.run(
        _TO_ASK_ABOUT, tenant_id=tenant_id, created_before=created_before, asked_before=asked_before, rows=rows
    )


def mark_asked(connection: Connection, tenant_id: UUID, purchase_id: UUID, now: datetime) -> None:
    """Note that Stripe was asked about it."""
    connection.run(_MARK_ASKED, tenant_id=tenant_id, id=purchase_id, now=now)


def sold(connection: Connection, tenant_id: UUID) -> list[Row]:
    """Everything a tenant sells: `product_type`, `product_id`, `name`, `amount_cents`, `currency`."""
    return connection.run(_SOLD, tenant_id=tenant_id)


def save_price(connection: Connection, tenant_id: UUID, product: Row, account_mark: str, price_id: str) -> None:
    """Note the price at Stripe of something sold."""
    connection.run(
        _SAVE_PRICE,
        tenant_id=tenant_id,
        product_type=product["product_type"],
        product_id=product["product_id"],
        amount_cents=product["amount_cents"],
        currency=product["currency"],
        account_mark=account_mark,
        price_id=price_id,
    )
