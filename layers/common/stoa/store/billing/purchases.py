"""Purchases: one row for each attempt to buy, with the facts that Stripe told of it."""

from datetime import datetime
from uuid import UUID

from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter
from stoa.domain.billing.purchase_state import PENDING, PurchaseFacts, PurchaseState
from stoa.domain.billing.stripe_events import Notice

# In a query the alias is `p`; the columns are those that the values of a purchase are made of.
_COLUMNS = """
    p.id, p.tenant_id, p.user_id, p.product_type, p.product_id, p.product_name, p.model_ids, p.amount_cents, p.currency,
    p.source, p.stripe_price_id, p.session_id, p.session_url, p.session_expires_at, p.payment_intent_id, p.receipt_url,
    p.status, p.entitled, p.completed_at, p.paid_at, p.failed_at, p.expired_at, p.mismatched_at, p.refunded_cents,
    p.disputes, p.created_at
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


class NewPurchase(Private, frozen=True, kw_only=True):
    """An attempt to buy a model or a bundle, at the tenant's present terms. `source` names the place it began at."""

    id: UUID
    tenant_id: UUID
    user_id: UUID
    product_type: str
    product_id: str
    product_name: str
    model_ids: list[str]
    amount_cents: int
    currency: str
    source: str


class Purchase(NewPurchase, frozen=True, kw_only=True):
    """A purchase with its Checkout session and the facts that Stripe told of it. `amount_cents` is in the currency's
    smallest unit."""

    stripe_price_id: str | None
    session_id: str | None
    session_url: str | None
    session_expires_at: datetime | None
    payment_intent_id: str | None
    receipt_url: str | None
    status: str
    entitled: bool
    completed_at: datetime | None
    paid_at: datetime | None
    failed_at: datetime | None
    expired_at: datetime | None
    mismatched_at: datetime | None
    refunded_cents: int
    disputes: dict[str, str]
    created_at: datetime

    @property
    def model_id(self) -> str | None:
        """The model that is bought. None: it is a bundle."""
        return self.product_id if self.product_type == "model" else None

    @property
    def bundle_id(self) -> str | None:
        """The bundle that is bought. None: it is a model."""
        return self.product_id if self.product_type == "bundle" else None

    @property
    def checkout_url(self) -> str | None:
        """The pay page. None: it is over, or there was none."""
        return self.session_url if self.status == PENDING else None

    @property
    def state(self) -> PurchaseState:
        """The state that was derived from the facts."""
        return PurchaseState(self.status, self.entitled)

    @property
    def facts(self) -> PurchaseFacts:
        """The facts that are known so far."""
        return PurchaseFacts(
            completed_at=self.completed_at,
            paid_at=self.paid_at,
            failed_at=self.failed_at,
            expired_at=self.expired_at,
            mismatched_at=self.mismatched_at,
            refunded_cents=self.refunded_cents,
            disputes=self.disputes,
        )


def begin(connection: Connection, purchase: NewPurchase, account_mark: str, now: datetime) -> bool:
    """Adds a purchase and returns True. Adds nothing while an earlier attempt at the same product is open."""
    rows = connection.run(
        _BEGIN,
        id=purchase.id,
        tenant_id=purchase.tenant_id,
        user_id=purchase.user_id,
        product_type=purchase.product_type,
        product_id=purchase.product_id,
        product_name=purchase.product_name,
        model_ids=json_parameter(purchase.model_ids),
        amount_cents=purchase.amount_cents,
        currency=purchase.currency,
        source=purchase.source,
        account_mark=account_mark,
        now=now,
    )
    return bool(rows)


def get_open(
    connection: Connection, tenant_id: UUID, user_id: UUID, product_type: str, product_id: str
) -> Purchase | None:
    """Returns the member's open attempt at this product. One whose money is on its way comes before one to pay for."""
    return connection.fetch_one(
        Purchase, _OPEN, tenant_id=tenant_id, user_id=user_id, product_type=product_type, product_id=product_id
    )


def save_session(
    connection: Connection, tenant_id: UUID, purchase_id: UUID, session_id: str, url: str | None, expires_at: datetime
) -> None:
    """Notes the Checkout session of a purchase. A purchase never changes its session."""
    connection.run(
        _SAVE_SESSION, tenant_id=tenant_id, id=purchase_id, session_id=session_id, url=url, expires_at=expires_at
    )


def lock(connection: Connection, tenant_id: UUID, purchase_id: UUID) -> Purchase | None:
    """Returns the purchase, held against changes until the transaction ends."""
    return connection.fetch_one(Purchase, _LOCK, tenant_id=tenant_id, id=purchase_id)


def save_facts(
    connection: Connection, purchase: Purchase, facts: PurchaseFacts, state: PurchaseState, notice: Notice
) -> None:
    """Writes all that is known of a locked purchase and the state that follows from it. The first notice of a payment
    gives the amount and currency that were paid."""
    is_payment = notice.facts.paid_at is not None and notice.amount is not None and notice.currency is not None
    connection.run(
        _SAVE_FACTS,
        tenant_id=purchase.tenant_id,
        id=purchase.id,
        status=state.status,
        entitled=state.entitled,
        completed_at=facts.completed_at,
        paid_at=facts.paid_at,
        failed_at=facts.failed_at,
        expired_at=facts.expired_at,
        mismatched_at=facts.mismatched_at,
        refunded_cents=facts.refunded_cents,
        disputes=json_parameter(dict(facts.disputes)),
        session_id=notice.session_id,
        payment_intent_id=notice.payment_intent_id,
        receipt_url=notice.receipt_url,
        paid_cents=notice.amount if is_payment else None,
        paid_currency=notice.currency if is_payment else None,
    )


def page(connection: Connection, tenant_id: UUID, user_id: UUID, *, before: UUID | None, rows: int) -> list[Purchase]:
    """Returns a member's purchases, newest first."""
    return connection.fetch(Purchase, _PAGE, tenant_id=tenant_id, user_id=user_id, before=before, rows=rows)


def by_session(connection: Connection, tenant_id: UUID, user_id: UUID, session_id: str) -> Purchase | None:
    """Returns a member's own purchase by Stripe's session id."""
    return connection.fetch_one(Purchase, _BY_SESSION, tenant_id=tenant_id, user_id=user_id, session_id=session_id)


def to_ask_about(
    connection: Connection, tenant_id: UUID, *, created_before: datetime, asked_before: datetime, rows: int
) -> list[Purchase]:
    """Returns purchases to ask Stripe about: without an end, or paid for without a receipt."""
    return connection.fetch(
        Purchase,
        _TO_ASK_ABOUT,
        tenant_id=tenant_id,
        created_before=created_before,
        asked_before=asked_before,
        rows=rows,
    )


def mark_asked(connection: Connection, tenant_id: UUID, purchase_id: UUID, now: datetime) -> None:
    """Notes that Stripe was asked about a purchase."""
    connection.run(_MARK_ASKED, tenant_id=tenant_id, id=purchase_id, now=now)
