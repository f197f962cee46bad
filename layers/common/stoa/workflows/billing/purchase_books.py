"""Notices of Stripe about a purchase, written into our books in one transaction. For every workflow that hears of
one."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from stoa.core.observe import emit, logger
from stoa.database.pool import Connection
from stoa.domain.billing.purchase_state import MISMATCHED, PAID, PurchaseFacts, PurchaseState, derive, merge
from stoa.domain.billing.stripe_events import Notice, Reference
from stoa.store.billing import entitlements, purchases
from stoa.store.billing.purchases import Purchase

_UNKNOWN = PurchaseState("", entitled=False)


class SettledPurchase(Struct, frozen=True):
    """The effect of a notice. `purchase` is our row as it was before; None: the notice was not about one of ours."""

    outcome: str
    purchase: Purchase | None = None
    before: PurchaseState = _UNKNOWN
    after: PurchaseState = _UNKNOWN
    newly_paid: bool = False


def settle_purchase(connection: Connection, reference: Reference, notice: Notice, now: datetime) -> SettledPurchase:
    """Joins a notice to the known facts of the purchase, then locks and unlocks its models as follows from them.

    Must run in a transaction with the purchase's tenant in scope. A notice about somebody else's session or payment
    changes nothing.
    """
    purchase = purchases.lock(connection, reference.tenant_id, reference.purchase_id)
    if purchase is None:
        return SettledPurchase("ignored: no such purchase here")
    if _differs(purchase.session_id, notice.session_id) or _differs(
        purchase.payment_intent_id, notice.payment_intent_id
    ):
        return SettledPurchase("ignored: it is about another payment than this purchase's")
    known = purchase.facts
    facts = merge(known, _checked_money(purchase, notice, now))
    before, after = purchase.state, derive(facts, purchase.amount_cents)
    purchases.save_facts(connection, purchase, facts, after, notice)
    if after.entitled and not before.entitled:
        entitlements.unlock(connection, purchase.tenant_id, purchase.user_id, purchase.id, purchase.model_ids, now)
    elif before.entitled and not after.entitled:
        entitlements.lock_again(connection, purchase.tenant_id, purchase.id, now)
    newly_paid = known.paid_at is None and after.status == PAID
    return SettledPurchase(f"{before.status} -> {after.status}", purchase, before, after, newly_paid)


def report_purchase(settled: SettledPurchase) -> None:
    """Tells the outside, after the commit: the product event of a first payment, the alarm of wrong money."""
    purchase = settled.purchase
    if purchase is None:
        return
    if settled.newly_paid:
        emit("model_purchase_completed", **purchase_properties(purchase))
    if settled.after.status == MISMATCHED != settled.before.status:
        logger().error(
            "Stripe's amount or currency is not the purchase's; nothing was unlocked",
            extra={
                "alarm": "purchase_mismatch",
                "purchaseId": str(purchase.id),
                "tenantId": str(purchase.tenant_id),
            },
        )


def purchase_properties(purchase: Purchase) -> dict[str, object]:
    """Returns the properties of the product events about a purchase."""
    return {
        "modelId": purchase.model_id,
        "bundleId": purchase.bundle_id,
        "priceCents": purchase.amount_cents,
        "currency": purchase.currency,
        "source": purchase.source,
    }


def closed(moment: datetime) -> Notice:
    """Returns our own notice of a purchase whose session Stripe does not know, or does not know any more."""
    return Notice(reference=None, facts=PurchaseFacts(expired_at=moment))


def _checked_money(purchase: Purchase, notice: Notice, now: datetime) -> PurchaseFacts:
    if notice.amount is None or (notice.amount, notice.currency) == (purchase.amount_cents, purchase.currency):
        return notice.facts
    return replace(notice.facts, mismatched_at=now)


def _differs(ours: str | None, told: str | None) -> bool:
    return ours is not None and told is not None and ours != told
