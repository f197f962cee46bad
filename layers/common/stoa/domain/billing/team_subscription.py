"""From what Stripe told of a team's subscription to whether the team may be used. Pure.

As with purchases, events come late, twice and in any order. Each adds facts, facts are only ever joined (`merge` is
commutative, associative and idempotent), and what follows from them is derived anew each time (`derive`).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

TEAM_TYPES = ("family", "team", "enterprise")

INCOMPLETE = "incomplete"  # nobody has paid yet
ACTIVE = "active"
PAST_DUE = "past_due"  # a month began that is not paid; Stripe asks again (dunning)
CANCELED = "canceled"

# How long a team goes on after the month that was paid, while Stripe asks for the next. Stripe's own retries take up to
# two weeks by default; half of it is given away. It also bounds what a lost webhook can do.
DUNNING_GRACE = timedelta(days=7)


class SubscriptionFacts(Struct, frozen=True):
    """All that is known of one subscription. None: not known.

    `paid_from` and `paid_until` are of the last month that was paid, `unpaid_until` is the end of the last one whose
    payment failed. `end_told_at` is when Stripe last said whether it `ends_with_period`.
    """

    paid_from: datetime | None = None
    paid_until: datetime | None = None
    unpaid_until: datetime | None = None
    ended_at: datetime | None = None
    end_told_at: datetime | None = None
    ends_with_period: bool = False


class SubscriptionRecord(Struct, frozen=True):
    """Our record of a team's subscriptions: facts of the present one, and the ids of those before it.

    `unpaid` are those that were left without a payment until another one was paid, `past` the others.
    """

    facts: SubscriptionFacts = SubscriptionFacts()
    past: tuple[str, ...] = ()
    unpaid: tuple[str, ...] = ()


class TeamStanding(NamedTuple):
    """A word for the subscription, and until when the team gives access. None: it gives none."""

    status: str
    access_until: datetime | None


def merge(one: SubscriptionFacts, other: SubscriptionFacts) -> SubscriptionFacts:
    """Returns all that either knows."""
    ends = [(facts.end_told_at, facts.ends_with_period) for facts in (one, other) if facts.end_told_at is not None]
    told_at, ends_with_period = max(ends, default=(None, False))
    return SubscriptionFacts(
        paid_from=_latest(one.paid_from, other.paid_from),
        paid_until=_latest(one.paid_until, other.paid_until),
        unpaid_until=_latest(one.unpaid_until, other.unpaid_until),
        ended_at=_earliest(one.ended_at, other.ended_at),
        end_told_at=told_at,
        ends_with_period=ends_with_period,
    )


def derive(facts: SubscriptionFacts) -> TeamStanding:
    """Returns what follows from the facts. That it ended outweighs all that was paid, whatever came later by mail."""
    if facts.ended_at is not None:
        return TeamStanding(CANCELED, facts.ended_at if facts.paid_until else None)
    if facts.paid_until is None:
        return TeamStanding(INCOMPLETE, None)
    if facts.unpaid_until is not None and facts.unpaid_until > facts.paid_until:
        return TeamStanding(PAST_DUE, facts.paid_until + DUNNING_GRACE)
    return TeamStanding(ACTIVE, facts.paid_until + (timedelta(0) if facts.ends_with_period else DUNNING_GRACE))


def is_running(facts: SubscriptionFacts) -> bool:
    """Returns whether the subscription goes on by itself."""
    return derive(facts).status in (ACTIVE, PAST_DUE)


def to_json(facts: SubscriptionFacts) -> dict[str, Any]:
    """Returns the facts as they are kept."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in asdict(facts).items()
        if value
    }


def from_json(kept: Mapping[str, Any]) -> SubscriptionFacts:
    """Returns the facts that `to_json` wrote."""

    def instant(name: str) -> datetime | None:
        return datetime.fromisoformat(kept[name]) if name in kept else None

    return SubscriptionFacts(
        paid_from=instant("paid_from"),
        paid_until=instant("paid_until"),
        unpaid_until=instant("unpaid_until"),
        ended_at=instant("ended_at"),
        end_told_at=instant("end_told_at"),
        ends_with_period=bool(kept.get("ends_with_period", False)),
    )


def record_to_json(record: SubscriptionRecord) -> dict[str, Any]:
    """Returns a record as it is kept."""
    return {"facts": to_json(record.facts), "past": list(record.past), "unpaid": list(record.unpaid)}


def record_from_json(kept: Mapping[str, Any]) -> SubscriptionRecord:
    """Returns the record that `record_to_json` wrote; an empty document is a team that never had a subscription."""
    facts = from_json(kept.get("facts", {}))
    return SubscriptionRecord(facts, tuple(kept.get("past", ())), tuple(kept.get("unpaid", ())))


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((moment for moment in (one, other) if moment is not None), default=None)


def _earliest(one: datetime | None, other: datetime | None) -> datetime | None:
    return min((moment for moment in (one, other) if moment is not None), default=None)
