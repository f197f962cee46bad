"""The reading of Stripe's objects about a purchase."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from stoa.domain.billing.purchase_state import PurchaseFacts
from stoa.domain.billing.stripe_events import Notice, Reference, UnreadableEvent, read_event, read_session

CREATED = 1795251600
AT = datetime.fromtimestamp(CREATED, UTC)
TENANT = "0193a1b2-7c00-7000-8000-000000000001"
PURCHASE = "0193a1b2-7c00-7000-8000-00000000000a"
OURS = {"stoa_tenant_id": TENANT, "stoa_purchase_id": PURCHASE}
REFERENCE = Reference(UUID(TENANT), UUID(PURCHASE))
SESSION = {
    "id": "cs_1",
    "object": "checkout.session",
    "amount_total": 499,
    "currency": "usd",
    "metadata": OURS,
    "payment_intent": "pi_1",
    "payment_status": "paid",
    "status": "complete",
}
CHARGE = {
    "id": "ch_1",
    "amount": 499,
    "amount_refunded": 499,
    "currency": "usd",
    "metadata": OURS,
    "payment_intent": "pi_1",
    "receipt_url": "https://pay.example/receipt",
}


def event(kind: str, told: dict[str, Any]) -> dict[str, Any]:
    return {"id": "evt_1", "type": kind, "created": CREATED, "data": {"object": told}}


def session_notice(**facts: Any) -> Notice:
    return Notice(REFERENCE, PurchaseFacts(**facts), "cs_1", "pi_1", 499, "usd")


def test_a_paid_session() -> None:
    told = read_event(event("checkout.session.completed", SESSION))
    assert told == session_notice(completed_at=AT, paid_at=AT)


def test_a_completed_session_whose_money_is_on_its_way() -> None:
    told = read_event(event("checkout.session.completed", {**SESSION, "payment_status": "unpaid"}))
    assert told == session_notice(completed_at=AT)


def test_delayed_money_that_came_and_that_did_not() -> None:
    assert read_event(event("checkout.session.async_payment_succeeded", SESSION)) == session_notice(
        completed_at=AT, paid_at=AT
    )
    unpaid = {**SESSION, "payment_status": "unpaid"}
    assert read_event(event("checkout.session.async_payment_failed", unpaid)) == session_notice(
        completed_at=AT, failed_at=AT
    )


def test_an_expired_session_tells_no_amount() -> None:
    expired = {**SESSION, "status": "expired", "payment_status": "unpaid", "payment_intent": None}
    told = read_event(event("checkout.session.expired", expired))
    assert told == Notice(REFERENCE, PurchaseFacts(expired_at=AT), "cs_1")


@pytest.mark.parametrize("refunded", [0, 1, 499])
def test_a_charge_tells_what_was_given_back_and_the_receipt(refunded: int) -> None:
    told = read_event(event("charge.refunded", {**CHARGE, "amount_refunded": refunded}))
    assert told == Notice(
        REFERENCE,
        PurchaseFacts(refunded_cents=refunded),
        None,
        "pi_1",
        499,
        "usd",
        "https://pay.example/receipt",
    )


@pytest.mark.parametrize(
    ("kind", "status", "state"),
    [
        ("created", "needs_response", "open"),
        ("created", "warning_needs_response", "open"),
        ("closed", "won", "won"),
        ("closed", "warning_closed", "won"),
        ("closed", "lost", "lost"),
    ],
)
def test_a_dispute_names_its_payment_and_no_purchase(kind: str, status: str, state: str) -> None:
    dispute = {"id": "dp_1", "payment_intent": "pi_1", "status": status, "metadata": {}}
    told = read_event(event(f"charge.dispute.{kind}", dispute))
    assert told == Notice(None, PurchaseFacts(disputes={"dp_1": state}), None, "pi_1")


def test_a_session_that_was_asked_for_tells_of_its_charge() -> None:
    expanded = {**SESSION, "payment_intent": {"id": "pi_1", "status": "succeeded", "latest_charge": CHARGE}}
    told = read_session(expanded, AT)
    assert told.payment_intent_id == "pi_1"
    assert told.receipt_url == "https://pay.example/receipt"
    assert told.facts == PurchaseFacts(completed_at=AT, paid_at=AT, refunded_cents=499)


def test_a_session_whose_delayed_payment_failed_says_so_when_asked() -> None:
    failed = {"id": "pi_1", "status": "requires_payment_method", "latest_charge": None}
    told = read_session({**SESSION, "payment_status": "unpaid", "payment_intent": failed}, AT)
    assert told.facts == PurchaseFacts(completed_at=AT, failed_at=AT)


@pytest.mark.parametrize("metadata", [None, {}, {"stoa_tenant_id": TENANT}, {**OURS, "stoa_purchase_id": "x"}])
def test_metadata_of_others_is_no_reference(metadata: Any) -> None:
    told = read_event(event("checkout.session.completed", {**SESSION, "metadata": metadata}))
    assert told is not None
    assert told.reference is None


@pytest.mark.parametrize("kind", ["invoice.paid", "customer.subscription.updated", "charge.updated", "x"])
def test_other_kinds_concern_no_purchase(kind: str) -> None:
    assert read_event(event(kind, {})) is None


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("checkout.session.completed", {}),
        ("checkout.session.completed", {**SESSION, "amount_total": None}),
        ("charge.refunded", {**CHARGE, "amount_refunded": "much"}),
        ("charge.dispute.closed", {"id": "dp_1"}),
        ("charge.dispute.created", []),
    ],
)
def test_an_event_in_an_unknown_form_is_an_error_and_no_guess(kind: str, told: Any) -> None:
    with pytest.raises(UnreadableEvent):
        read_event(event(kind, told))
