"""The state of a team's subscription, in whatever order Stripe's events came."""

from datetime import UTC, datetime, timedelta
from functools import reduce
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.core.ids import new_id
from stoa.domain.billing.stripe_events import TENANT_KEY, UnreadableEvent
from stoa.domain.billing.subscription_events import TEAM_KEY, read_subscription, read_subscription_event
from stoa.domain.billing.team_subscription import (
    ACTIVE,
    CANCELED,
    DUNNING_GRACE,
    INCOMPLETE,
    PAST_DUE,
    SubscriptionFacts,
    derive,
    from_json,
    merge,
    to_json,
)

MARCH, APRIL, MAY = (datetime(2027, month, 15, 9, tzinfo=UTC) for month in (3, 4, 5))


@pytest.mark.parametrize(
    ("facts", "status", "until"),
    [
        (SubscriptionFacts(), INCOMPLETE, None),
        (SubscriptionFacts(unpaid_until=APRIL), INCOMPLETE, None),
        (SubscriptionFacts(paid_from=MARCH, paid_until=APRIL), ACTIVE, APRIL + DUNNING_GRACE),
        (SubscriptionFacts(paid_until=APRIL, unpaid_until=APRIL), ACTIVE, APRIL + DUNNING_GRACE),
        (SubscriptionFacts(paid_until=APRIL, unpaid_until=MAY), PAST_DUE, APRIL + DUNNING_GRACE),
        (SubscriptionFacts(paid_until=MAY, unpaid_until=APRIL), ACTIVE, MAY + DUNNING_GRACE),
        (SubscriptionFacts(paid_until=APRIL, end_told_at=MARCH, ends_with_period=True), ACTIVE, APRIL),
        (SubscriptionFacts(paid_until=APRIL, ended_at=MARCH), CANCELED, MARCH),
        (SubscriptionFacts(ended_at=MARCH), CANCELED, None),
    ],
)
def test_what_follows(facts: SubscriptionFacts, status: str, until: datetime | None) -> None:
    assert derive(facts) == (status, until)


moments = st.none() | st.datetimes(datetime(2027, 1, 1), datetime(2028, 1, 1)).map(lambda at: at.replace(tzinfo=UTC))


@st.composite
def facts(draw: st.DrawFn) -> SubscriptionFacts:
    told_at = draw(moments)
    ends = draw(st.booleans()) if told_at else False
    return SubscriptionFacts(*(draw(moments) for _ in range(4)), end_told_at=told_at, ends_with_period=ends)


@given(st.lists(facts(), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_order_and_the_number_of_times_make_no_difference(told: list[SubscriptionFacts], random: Any) -> None:
    again = [*told, *told]
    random.shuffle(again)
    assert reduce(merge, again) == reduce(merge, told)


@given(facts())
def test_what_is_kept_is_what_was_known(known: SubscriptionFacts) -> None:
    assert from_json(to_json(known)) == known


TENANT, TEAM = new_id(), new_id()
OURS = {TENANT_KEY: str(TENANT), TEAM_KEY: str(TEAM)}


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def event(kind: str, told: dict[str, Any], at: datetime = MARCH) -> dict[str, Any]:
    return {"type": kind, "created": seconds(at), "data": {"object": told}}


def subscription(**changes: Any) -> dict[str, Any]:
    known = {"id": "sub_1", "customer": "cus_1", "status": "active", "cancel_at_period_end": False, "metadata": OURS}
    return {**known, **changes}


def invoice(status: str, start: datetime = MARCH, end: datetime = APRIL, **changes: Any) -> dict[str, Any]:
    parent = {"subscription_details": {"subscription": "sub_1", "metadata": OURS}}
    earlier = {"period": {"start": seconds(start - timedelta(days=9)), "end": seconds(start)}}
    lines = {"data": [earlier, {"period": {"start": seconds(start), "end": seconds(end)}}]}
    return {"status": status, "lines": lines, "parent": parent, "customer": "cus_1", **changes}


def test_a_subscription_tells_whether_it_goes_on() -> None:
    notice = read_subscription_event(event("customer.subscription.updated", subscription(cancel_at_period_end=True)))

    assert notice is not None
    assert notice.reference is not None
    assert (notice.reference.tenant_id, notice.reference.team_id) == (TENANT, TEAM)
    assert (notice.subscription_id, notice.customer_id) == ("sub_1", "cus_1")
    assert notice.facts == SubscriptionFacts(end_told_at=MARCH, ends_with_period=True)


@pytest.mark.parametrize(
    ("told", "ended"),
    [
        (subscription(status="canceled", ended_at=seconds(APRIL)), APRIL),
        (subscription(status="canceled", ended_at=None), MARCH),
        (subscription(status="incomplete_expired"), MARCH),
        (subscription(status="past_due"), None),
    ],
)
def test_a_subscription_tells_that_it_ended(told: dict[str, Any], ended: datetime | None) -> None:
    notice = read_subscription_event(event("customer.subscription.deleted", told))
    assert notice is not None
    assert notice.facts.ended_at == ended


def test_asked_for_with_its_last_invoice_it_tells_of_that_too() -> None:
    paid = read_subscription(subscription(latest_invoice=invoice("paid")), MARCH)
    assert (paid.facts.paid_from, paid.facts.paid_until) == (MARCH, APRIL)
    open_one = read_subscription(subscription(latest_invoice=invoice("open")), MARCH)
    assert open_one.facts.unpaid_until == APRIL
    assert read_subscription(subscription(latest_invoice=invoice("draft")), MARCH).facts.unpaid_until is None
    assert read_subscription(subscription(latest_invoice="in_1"), MARCH).facts.paid_until is None


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        ("invoice.paid", "paid", SubscriptionFacts(paid_from=MARCH, paid_until=APRIL)),
        ("invoice.payment_failed", "open", SubscriptionFacts(unpaid_until=APRIL)),
    ],
)
def test_an_invoice_tells_of_its_month(kind: str, status: str, expected: SubscriptionFacts) -> None:
    notice = read_subscription_event(event(kind, invoice(status)))
    assert notice is not None
    assert notice.facts == expected


def test_an_invoice_of_the_form_before_2025_is_read_too() -> None:
    old = invoice("paid", parent=None, subscription="sub_1", subscription_details={"metadata": OURS})
    notice = read_subscription_event(event("invoice.paid", old))
    assert notice is not None
    assert notice.reference is not None
    assert notice.subscription_id == "sub_1"


def test_an_invoice_of_something_else_concerns_nobody() -> None:
    assert read_subscription_event(event("invoice.paid", invoice("paid", parent=None))) is None


def test_a_subscription_that_is_not_ours_has_no_reference() -> None:
    for metadata in ({}, None, {TENANT_KEY: "no id", TEAM_KEY: "none"}, "text"):
        notice = read_subscription_event(event("customer.subscription.created", subscription(metadata=metadata)))
        assert notice is not None
        assert notice.reference is None


def test_a_session_tells_whose_subscription_it_began() -> None:
    told = {"mode": "subscription", "metadata": OURS, "subscription": {"id": "sub_1"}, "customer": "cus_1"}
    notice = read_subscription_event(event("checkout.session.completed", told))
    assert notice is not None
    assert (notice.subscription_id, notice.facts) == ("sub_1", SubscriptionFacts())
    assert read_subscription_event(event("checkout.session.completed", {**told, "mode": "payment"})) is None


def test_other_events_concern_nobody() -> None:
    assert read_subscription_event(event("charge.succeeded", {})) is None


@pytest.mark.parametrize(
    "told", [{"metadata": OURS}, {"lines": {"data": []}, "status": "paid", "subscription": "sub_1"}]
)
def test_what_stripe_would_not_send_is_told(told: dict[str, Any]) -> None:
    kind = "invoice.paid" if "lines" in told else "customer.subscription.updated"
    with pytest.raises(UnreadableEvent):
        read_subscription_event(event(kind, told))


def test_every_order_of_a_failed_and_recovered_month_ends_the_same() -> None:
    events = [
        event("customer.subscription.created", subscription()),
        event("invoice.paid", invoice("paid")),
        event("invoice.payment_failed", invoice("open", APRIL, MAY), APRIL),
        event("customer.subscription.updated", subscription(status="past_due"), APRIL),
        event("invoice.paid", invoice("paid", APRIL, MAY), APRIL + timedelta(days=2)),
    ]
    notices = [read_subscription_event(one) for one in events]
    for order in permutations(notices):
        told = reduce(merge, [notice.facts for notice in order if notice is not None])
        assert derive(told) == (ACTIVE, MAY + DUNNING_GRACE)
