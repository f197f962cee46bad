"""From facts to the state of a purchase: every state by an example, then that order and repetition do not matter."""

from datetime import UTC, datetime, timedelta
from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.billing.purchase_state import PurchaseFacts, PurchaseState, derive, merge

PRICE = 499
T = datetime(2026, 11, 21, 9, tzinfo=UTC)
LATER = T + timedelta(days=3)

EXAMPLES = [
    (PurchaseFacts(), ("pending", False)),
    (PurchaseFacts(expired_at=T), ("expired", False)),
    (PurchaseFacts(completed_at=T), ("processing", False)),
    (PurchaseFacts(completed_at=T, paid_at=T), ("paid", True)),
    (PurchaseFacts(paid_at=LATER, completed_at=T), ("paid", True)),
    (PurchaseFacts(completed_at=T, failed_at=LATER), ("failed", False)),
    (PurchaseFacts(failed_at=T, paid_at=LATER), ("paid", True)),
    (PurchaseFacts(expired_at=T, completed_at=T), ("processing", False)),
    (PurchaseFacts(expired_at=T, paid_at=T), ("paid", True)),
    (PurchaseFacts(paid_at=T, refunded_cents=1), ("paid", True)),
    (PurchaseFacts(paid_at=T, refunded_cents=PRICE - 1), ("paid", True)),
    (PurchaseFacts(paid_at=T, refunded_cents=PRICE), ("refunded", False)),
    (PurchaseFacts(refunded_cents=PRICE), ("refunded", False)),
    (PurchaseFacts(paid_at=T, disputes={"dp_1": "open"}), ("disputed", False)),
    (PurchaseFacts(paid_at=T, disputes={"dp_1": "lost"}), ("disputed", False)),
    (PurchaseFacts(paid_at=T, disputes={"dp_1": "won"}), ("paid", True)),
    (PurchaseFacts(paid_at=T, disputes={"dp_1": "won", "dp_2": "open"}), ("disputed", False)),
    (PurchaseFacts(disputes={"dp_1": "won"}), ("processing", False)),
    (PurchaseFacts(refunded_cents=1), ("processing", False)),
    (PurchaseFacts(paid_at=T, refunded_cents=PRICE, disputes={"dp_1": "won"}), ("refunded", False)),
    (PurchaseFacts(paid_at=T, mismatched_at=T), ("mismatched", False)),
    (PurchaseFacts(paid_at=T, refunded_cents=PRICE, mismatched_at=T), ("mismatched", False)),
]


@pytest.mark.parametrize(("facts", "expected"), EXAMPLES)
def test_what_follows_from_the_facts(facts: PurchaseFacts, expected: tuple[str, bool]) -> None:
    assert derive(facts, PRICE) == PurchaseState(*expected)


def test_the_outcome_of_a_dispute_outlives_a_late_notice_of_its_beginning() -> None:
    begun, won = PurchaseFacts(disputes={"dp_1": "open"}), PurchaseFacts(disputes={"dp_1": "won"})
    assert merge(won, begun).disputes == merge(begun, won).disputes == {"dp_1": "won"}


def test_the_earliest_instant_and_the_largest_refund_are_kept() -> None:
    joined = merge(PurchaseFacts(paid_at=LATER, refunded_cents=5), PurchaseFacts(paid_at=T, refunded_cents=3))
    assert joined == PurchaseFacts(paid_at=T, refunded_cents=5)


moments = st.none() | st.integers(0, 3).map(lambda days: T + timedelta(days=days))
facts = st.builds(
    PurchaseFacts,
    completed_at=moments,
    paid_at=moments,
    failed_at=moments,
    expired_at=moments,
    mismatched_at=moments,
    refunded_cents=st.integers(0, PRICE),
    disputes=st.dictionaries(st.sampled_from(["dp_1", "dp_2"]), st.sampled_from(["open", "won", "lost"])),
)


@given(st.lists(facts, min_size=1, max_size=6), st.randoms())
def test_any_order_and_any_repetition_end_the_same(told: list[PurchaseFacts], chance) -> None:
    again = told * 3
    chance.shuffle(again)
    first, second = reduce(merge, told, PurchaseFacts()), reduce(merge, again, PurchaseFacts())
    assert first == second
    assert derive(first, PRICE) == derive(second, PRICE)


@given(facts)
def test_only_a_paid_purchase_unlocks_anything(one: PurchaseFacts) -> None:
    state = derive(one, PRICE)
    assert state.entitled == (state.status == "paid")
    if state.entitled:
        assert one.paid_at is not None
        assert one.refunded_cents < PRICE


@given(facts, facts)
def test_a_purchase_that_left_pending_never_comes_back_to_it(one: PurchaseFacts, other: PurchaseFacts) -> None:
    # The database lets a member have one pending purchase of a product; an event must not make a second.
    if derive(one, PRICE).status != "pending":
        assert derive(merge(one, other), PRICE).status != "pending"
