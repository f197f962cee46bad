"""What Stripe told of a purchase, written into our books in one transaction. For every workflow that hears from it."""

from dataclasses import dataclass, replace
from datetime import datetime

from stoa.core.observe import emit, logger
from stoa.database.pool import Connection, Row
from stoa.domain.billing.purchase_state import MISMATCHED, PAID, PurchaseFacts, PurchaseState, derive, merge
from stoa.domain.billing.stripe_events import Notice, Reference
from stoa.store.billing import entitlements, purchases

_UNKNOWN = PurchaseState("", entitled=False)


@dataclass(frozen=True, slots=True)
class Settled:
    """What a notice did. `purchase` is our row as it was before; None: the notice was not about one of ours."""

    outcome: str
    purchase: Row | None = None
    before: PurchaseState = _UNKNOWN
    after: PurchaseState = _UNKNOWN
    newly_paid: bool = False


def settle(connection: Connection, reference: Reference, notice: Notice, now: datetime) -> Settled:
    """Join what a notice says to what is known of the purchase; lock and unlock its models as follows from it.

    Must run in a transaction with the purchase's tenant in scope. A notice about somebody else's session or payment
    changes nothing.
    """
    row = purchases.lock(connection, reference.tenant_id, reference.purchase_id)
    if row is None:
        return Settled("ignored: no such purchase here")
    if _differs(row["session_id"], notice.session_id) or _differs(row["payment_intent_id"], notice.payment_intent_id):
        return Settled("ignored: it is about another payment than this purchase's")
    known = purchases.facts_of(row)
    told = _checked_money(row, notice, now)
    facts = merge(known, told)
    before, after = PurchaseState(row["status"], row["entitled"]), derive(facts, row["amount_cents"])
    purchases.save_facts(
        connection,
        row["tenant_id"],
        row["id"],
        facts,
        after,
        session_id=notice.session_id,
        payment_intent_id=notice.payment_intent_id,
        receipt_url=notice.receipt_url,
        paid=_paid(notice),
    )
    if after.entitled and not before.entitled:
        entitlements.unlock(connection, row["tenant_id"], row["user_id"], row["id"], row["model_ids"], now)
    elif before.entitled and not after.entitled:
        entitlements.lock_again(connection, row["tenant_id"], row["id"], now)
    newly_paid = known.paid_at is None and after.status == PAID
    return Settled(f"{before.status} -> {after.status}", row, before, after, newly_paid)


def report(settled: Settled) -> None:
    """Tell the outside, after the commit: the product event of a first payment, the alarm of wrong money."""
    row = settled.purchase
    if row is None:
        return
    if settled.newly_paid:
        emit("model_purchase_completed", **purchase_properties(row))
    if settled.after.status == MISMATCHED != settled.before.status:
        logger().error(
            "Stripe's amount or currency is not the purchase's; nothing was unlocked",
            extra={"alarm": "purchase_mismatch", "purchaseId": str(row["id"]), "tenantId": str(row["tenant_id"])},
        )


def purchase_properties(row: Row) -> dict[str, object]:
    """The properties of the product events about a purchase."""
    return {
        "modelId": row["product_id"] if row["product_type"] == "model" else None,
        "bundleId": row["product_id"] if row["product_type"] == "bundle" else None,
        "priceCents": row["amount_cents"],
        "currency": row["currency"],
        "source": row["source"],
    }


def closed(moment: datetime) -> Notice:
    """What we say ourselves of a purchase that Stripe knows no session of (any more)."""
    return Notice(reference=None, facts=PurchaseFacts(expired_at=moment))


def _checked_money(row: Row, notice: Notice, now: datetime) -> PurchaseFacts:
    told = (notice.amount, notice.currency)
    if notice.amount is None or told == (row["amount_cents"], row["currency"]):
        return notice.facts
    return replace(notice.facts, mismatched_at=now)


def _paid(notice: Notice) -> tuple[int, str] | None:
    if notice.facts.paid_at is None or notice.amount is None or notice.currency is None:
        return None
    return notice.amount, notice.currency


def _differs(ours: str | None, told: str | None) -> bool:
    return ours is not None and told is not None and ours != told
