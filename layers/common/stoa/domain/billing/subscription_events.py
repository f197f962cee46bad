"""Reads what one of Stripe's objects or events says of a team's subscription. Pure: dictionaries in, values out.

The metadata that we give a Checkout session's `subscription_data` stands on the subscription, and a copy of it on each
of its invoices (https://docs.stripe.com/api/invoices/object#invoice_object-parent-subscription_details-metadata). Since
Stripe's version 2025-03-31 an invoice tells of its subscription in `parent`; before it did in `subscription_details`.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.domain.billing.stripe_events import TENANT_KEY, UnreadableEvent, expandable_id
from stoa.domain.billing.team_subscription import SubscriptionFacts

TEAM_KEY = "stoa_team_id"

SUBSCRIPTION_KINDS = frozenset(f"customer.subscription.{what}" for what in ("created", "updated", "deleted"))
INVOICE_KINDS = frozenset({"invoice.paid", "invoice.payment_succeeded", "invoice.payment_failed"})
_FAILED = "invoice.payment_failed"
_OVER = frozenset({"canceled", "incomplete_expired"})


class TeamReference(Struct, frozen=True):
    """Names the team that something at Stripe belongs to, as its metadata says."""

    tenant_id: UUID
    team_id: UUID


class SubscriptionNotice(Struct, frozen=True):
    """A statement of Stripe's about one subscription."""

    reference: TeamReference | None  # None: not one of ours
    facts: SubscriptionFacts
    subscription_id: str | None
    customer_id: str | None


def read_subscription_event(event: Mapping[str, Any]) -> SubscriptionNotice | None:
    """Returns what an event says. None: its kind concerns no subscription. Raises UnreadableEvent."""
    kind = event["type"]
    try:
        told = event["data"]["object"]
        at = datetime.fromtimestamp(event["created"], UTC)
        if kind in SUBSCRIPTION_KINDS:
            if _reference(told.get("metadata")) is None:  # of whatever else the account sells
                return SubscriptionNotice(None, SubscriptionFacts(), None, None)
            return read_subscription(told, at)
        if kind in INVOICE_KINDS:
            return _read_invoice(told, failed=kind == _FAILED)
        if kind.startswith("checkout.session.") and told.get("mode") == "subscription":
            return _read_session(told)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableEvent(f"{kind}: {type(error).__name__} at {error}") from error
    return None


def read_subscription(subscription: Mapping[str, Any], at: datetime) -> SubscriptionNotice:
    """Returns what a subscription says at the instant `at`: from an event, or from Stripe's answer.

    Where its last invoice is expanded, that is read, too. Raises KeyError or TypeError for another form.
    """
    invoice = subscription.get("latest_invoice")
    billed = _billed(invoice, failed=False) if isinstance(invoice, Mapping) else SubscriptionFacts()
    ended = subscription.get("ended_at") or (at.timestamp() if subscription["status"] in _OVER else None)
    return SubscriptionNotice(
        reference=_reference(subscription.get("metadata")),
        facts=SubscriptionFacts(
            paid_from=billed.paid_from,
            paid_until=billed.paid_until,
            unpaid_until=billed.unpaid_until,
            ended_at=_instant(ended) if ended else None,
            end_told_at=at,
            ends_with_period=bool(subscription["cancel_at_period_end"]),
        ),
        subscription_id=str(subscription["id"]),
        customer_id=expandable_id(subscription.get("customer")),
    )


def _read_invoice(invoice: Mapping[str, Any], *, failed: bool) -> SubscriptionNotice | None:
    parent = (invoice.get("parent") or {}).get("subscription_details") or {}
    details = parent or invoice.get("subscription_details") or {}
    subscription_id = expandable_id(parent.get("subscription")) or expandable_id(invoice.get("subscription"))
    if subscription_id is None:
        return None  # an invoice of something else
    return SubscriptionNotice(
        reference=_reference(details.get("metadata")),
        facts=_billed(invoice, failed=failed),
        subscription_id=subscription_id,
        customer_id=expandable_id(invoice.get("customer")),
    )


def _billed(invoice: Mapping[str, Any], *, failed: bool) -> SubscriptionFacts:
    """Returns the month of an invoice: its latest line's, because a change of plan adds lines about the past."""
    periods = [line["period"] for line in invoice["lines"]["data"]]
    last = max(periods, key=lambda period: int(period["end"]))
    start, end = _instant(last["start"]), _instant(last["end"])
    if invoice["status"] == "paid":
        return SubscriptionFacts(paid_from=start, paid_until=end)
    if failed or invoice["status"] in ("open", "uncollectible"):
        return SubscriptionFacts(unpaid_until=end)
    return SubscriptionFacts()


def _read_session(session: Mapping[str, Any]) -> SubscriptionNotice:
    """Returns whose subscription a session began. Whether it is paid, the invoice's own event tells."""
    return SubscriptionNotice(
        reference=_reference(session.get("metadata")),
        facts=SubscriptionFacts(),
        subscription_id=expandable_id(session.get("subscription")),
        customer_id=expandable_id(session.get("customer")),
    )


def _reference(metadata: Mapping[str, Any] | None) -> TeamReference | None:
    try:
        return TeamReference(UUID((metadata or {})[TENANT_KEY]), UUID((metadata or {})[TEAM_KEY]))
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _instant(seconds: Any) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
