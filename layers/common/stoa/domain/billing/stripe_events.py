"""Reads Stripe's objects and events about purchases of ours. Pure: dictionaries in, values out.

Everything we make at Stripe carries the tenant's and the purchase's id in its metadata; Stripe copies those of a
payment intent onto its charge (https://docs.stripe.com/metadata). A dispute carries none: its payment intent has to be
asked for them.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from stoa.domain.billing.purchase_state import DISPUTE_LOST, DISPUTE_OPEN, DISPUTE_WON, PurchaseFacts

TENANT_KEY = "stoa_tenant_id"
PURCHASE_KEY = "stoa_purchase_id"

SESSION_KINDS = frozenset(
    f"checkout.session.{what}" for what in ("completed", "async_payment_succeeded", "async_payment_failed", "expired")
)
CHARGE_KINDS = frozenset({"charge.succeeded", "charge.refunded"})
DISPUTE_KINDS = frozenset({"charge.dispute.created", "charge.dispute.closed"})
_WON = frozenset({"won", "warning_closed"})  # an inquiry that ended without becoming a dispute took no money
_NO_MONEY_CAME = frozenset({"requires_payment_method", "canceled"})


class UnreadableEvent(ValueError):
    """An event of a kind that we handle lacks what it must have: Stripe's format is not the one we know."""


class Reference(Struct, frozen=True):
    """The tenant and the purchase that something at Stripe belongs to, as its metadata says."""

    tenant_id: UUID
    purchase_id: UUID


class Notice(Struct, frozen=True):
    """A notice of Stripe about a purchase. `amount` and `currency` are of the payment, where the object tells them."""

    reference: Reference | None  # None: no metadata of ours; the payment intent may have them
    facts: PurchaseFacts
    session_id: str | None = None
    payment_intent_id: str | None = None
    amount: int | None = None
    currency: str | None = None
    receipt_url: str | None = None


def read_event(event: Mapping[str, Any]) -> Notice | None:
    """Returns the notice in an event. None: its kind concerns no purchase. Raises UnreadableEvent."""
    kind = event["type"]
    try:
        told = event["data"]["object"]
        at = datetime.fromtimestamp(event["created"], UTC)
        if kind in SESSION_KINDS:
            notice = read_session(told, at)
            if kind == "checkout.session.async_payment_failed":
                notice = replace(notice, facts=replace(notice.facts, failed_at=at))
            return notice
        if kind in CHARGE_KINDS:
            return _read_charge(told)
        if kind in DISPUTE_KINDS:
            return _read_dispute(told, closed=kind == "charge.dispute.closed")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableEvent(f"{kind}: {type(error).__name__} at {error}") from error
    return None


def read_session(session: Mapping[str, Any], at: datetime) -> Notice:
    """Returns the notice in a Checkout session at the instant `at`. The session is from an event or from an answer.

    Reads its payment intent and charge, too, where they are expanded. Raises KeyError or TypeError for another form.
    """
    complete = session["status"] == "complete"
    paid = session["payment_status"] == "paid"
    intent = session.get("payment_intent")
    expanded: Mapping[str, Any] = intent if isinstance(intent, Mapping) else {}
    charge = expanded.get("latest_charge")
    charge = charge if isinstance(charge, Mapping) else {}
    failed = complete and not paid and expanded.get("status") in _NO_MONEY_CAME
    return Notice(
        reference=read_reference(session.get("metadata")),
        facts=PurchaseFacts(
            completed_at=at if complete else None,
            paid_at=at if paid else None,
            failed_at=at if failed else None,
            expired_at=at if session["status"] == "expired" else None,
            refunded_cents=int(charge.get("amount_refunded") or 0),
        ),
        session_id=str(session["id"]),
        payment_intent_id=expandable_id(intent),
        amount=int(session["amount_total"]) if complete else None,
        currency=str(session["currency"]) if complete else None,
        receipt_url=charge.get("receipt_url"),
    )


def read_reference(metadata: Mapping[str, Any] | None) -> Reference | None:
    """Returns the tenant and purchase in some metadata. None: it is not ours."""
    try:
        return Reference(UUID((metadata or {})[TENANT_KEY]), UUID((metadata or {})[PURCHASE_KEY]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _read_charge(charge: Mapping[str, Any]) -> Notice:
    return Notice(
        reference=read_reference(charge.get("metadata")),
        facts=PurchaseFacts(refunded_cents=int(charge["amount_refunded"])),
        payment_intent_id=expandable_id(charge.get("payment_intent")),
        amount=int(charge["amount"]),
        currency=str(charge["currency"]),
        receipt_url=charge.get("receipt_url"),
    )


def _read_dispute(dispute: Mapping[str, Any], *, closed: bool) -> Notice:
    state = DISPUTE_OPEN
    if closed:
        state = DISPUTE_WON if dispute["status"] in _WON else DISPUTE_LOST
    return Notice(
        reference=None,
        facts=PurchaseFacts(disputes={str(dispute["id"]): state}),
        payment_intent_id=expandable_id(dispute.get("payment_intent")),
    )


def expandable_id(expandable: Any) -> str | None:
    """Returns the id of something that Stripe gives as an id or, expanded, as a whole object."""
    found = expandable.get("id") if isinstance(expandable, Mapping) else expandable
    return str(found) if found else None
