"""The state of a purchase, derived from the facts that Stripe told of it. Pure.

Events come late, twice and in any order. Therefore each adds facts, facts are only ever joined (`merge` is commutative,
associative and idempotent), and what follows from them is derived anew each time (`derive`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec import Struct, field

PENDING = "pending"  # the member is at the pay page, or has left it
PROCESSING = "processing"  # checkout is done, the money is on its way
PAID = "paid"
FAILED = "failed"  # a delayed payment did not come
EXPIRED = "expired"
REFUNDED = "refunded"
DISPUTED = "disputed"
MISMATCHED = "mismatched"  # Stripe's amount or currency is not ours: a person has to look

DISPUTE_OPEN, DISPUTE_WON, DISPUTE_LOST = "open", "won", "lost"
_DISPUTE_RANK = {DISPUTE_OPEN: 0, DISPUTE_WON: 1, DISPUTE_LOST: 2}  # an outcome outlives a late notice of the beginning


class PurchaseFacts(Struct, frozen=True):
    """The known facts of one purchase. An instant is the earliest at which the fact is known to hold. None: not known.

    `refunded_cents` is the sum given back so far, `disputes` holds open, won or lost by the dispute's id.
    """

    completed_at: datetime | None = None
    paid_at: datetime | None = None
    failed_at: datetime | None = None
    expired_at: datetime | None = None
    mismatched_at: datetime | None = None
    refunded_cents: int = 0
    disputes: Mapping[str, str] = field(default_factory=dict)


class PurchaseState(NamedTuple):
    """A word for the purchase, and whether it unlocks its models."""

    status: str
    entitled: bool


def merge(one: PurchaseFacts, other: PurchaseFacts) -> PurchaseFacts:
    """Returns all that either knows."""
    return PurchaseFacts(
        completed_at=_earliest(one.completed_at, other.completed_at),
        paid_at=_earliest(one.paid_at, other.paid_at),
        failed_at=_earliest(one.failed_at, other.failed_at),
        expired_at=_earliest(one.expired_at, other.expired_at),
        mismatched_at=_earliest(one.mismatched_at, other.mismatched_at),
        refunded_cents=max(one.refunded_cents, other.refunded_cents),
        disputes=_latest_disputes(one.disputes, other.disputes),
    )


def derive(facts: PurchaseFacts, amount_cents: int) -> PurchaseState:
    """Returns the state that follows from the facts about a purchase of this amount.

    Money that came and was taken back outweighs everything that tells it came; that it came outweighs an expiry or a
    failure told by an older event.
    """
    if facts.mismatched_at is not None:
        return PurchaseState(MISMATCHED, entitled=False)
    if facts.refunded_cents >= amount_cents:
        return PurchaseState(REFUNDED, entitled=False)
    if any(state != DISPUTE_WON for state in facts.disputes.values()):
        return PurchaseState(DISPUTED, entitled=False)
    if facts.paid_at is not None:
        return PurchaseState(PAID, entitled=True)
    if facts.failed_at is not None:
        return PurchaseState(FAILED, entitled=False)
    # Only what was completed is refunded or disputed; its own event is still on the way.
    if facts.completed_at is not None or facts.refunded_cents or facts.disputes:
        return PurchaseState(PROCESSING, entitled=False)
    if facts.expired_at is not None:
        return PurchaseState(EXPIRED, entitled=False)
    return PurchaseState(PENDING, entitled=False)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)


def _latest_disputes(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    joined = dict(one)
    for dispute, state in other.items():
        known = joined.get(dispute, DISPUTE_OPEN)
        joined[dispute] = max(known, state, key=_DISPUTE_RANK.__getitem__)
    return joined
