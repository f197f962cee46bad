"""The verdict on a notice of Stripe's about a team's subscription: what changes in our books, and who is told. Pure."""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from stoa.domain.billing.plan_terms import PlanTerms, TeamSize, within
from stoa.domain.billing.team_subscription import (
    CANCELED,
    INCOMPLETE,
    PAST_DUE,
    SubscriptionFacts,
    SubscriptionRecord,
    TeamStanding,
    derive,
    merge,
)
from stoa.domain.teams.teams import CLOSED, SUSPENDED

# Money that was taken for nothing is a person's matter.
PAID_TWICE, PAID_WHEN_CLOSED = "team_paid_twice", "team_paid_when_closed"

# What an owner or an admin decided outlasts what Stripe tells of money.
_DECIDED_HERE = frozenset({CLOSED, SUSPENDED})


class TeamAccount(Struct, frozen=True):
    """A team's subscription as our books have it. `subscription_id` is of the one that `record` is about.

    `bought` are the terms that were paid for, `offered` those of the team's last pay page.
    """

    status: str
    access_until: datetime | None
    subscription_id: str | None
    record: SubscriptionRecord
    bought: PlanTerms | None
    offered: PlanTerms | None
    size: TeamSize


class AccountChange(Struct, frozen=True):
    """The new state of the books. `size` None: the team keeps its size.

    `paid_from` is the beginning of the first paid month, where that is news.
    """

    status: str
    access_until: datetime | None
    record: SubscriptionRecord
    bought: PlanTerms | None
    paid_from: datetime | None
    size: TeamSize | None


class Verdict(Struct, frozen=True):
    """The effect of a notice. `change` None: the books stay as they are. `alarm` None: no person has to look."""

    outcome: str
    before: TeamStanding
    after: TeamStanding
    alarm: str | None = None
    change: AccountChange | None = None
    tells_owner: bool = False  # by mail: a month is not paid, or it is over


def judge(account: TeamAccount, subscription_id: str, told: SubscriptionFacts) -> Verdict:
    """Returns the effect of what Stripe says of a subscription in whose metadata the team stands.

    A team has one subscription at a time. A notice of an earlier one changes nothing, and one of a second, while the
    first runs, waits for a person. So does money for one that was left unpaid until another was paid.
    """
    record, own_id = account.record, account.subscription_id
    standing, is_paid = derive(record.facts), told.paid_until is not None
    if subscription_id in (*record.past, *record.unpaid):
        alarm = PAID_TWICE if is_paid and subscription_id in record.unpaid else None
        return Verdict("ignored: it is about an earlier subscription", standing, standing, alarm)
    if own_id is None or own_id == subscription_id:
        return _joined(account, record, told)
    if standing.status == CANCELED:
        return _joined(account, SubscriptionRecord(past=(*record.past, own_id), unpaid=record.unpaid), told)
    if standing.status == INCOMPLETE and is_paid:  # its payment failed or takes days, and another one has been made
        return _joined(account, SubscriptionRecord(past=record.past, unpaid=(*record.unpaid, own_id)), told)
    alarm = None if standing.status == INCOMPLETE else PAID_TWICE
    return Verdict("ignored: the team has another subscription", standing, standing, alarm)


def _joined(account: TeamAccount, known: SubscriptionRecord, told: SubscriptionFacts) -> Verdict:
    """The verdict where the notice adds to what is `known` of the subscription that it is about."""
    facts = merge(known.facts, told)
    before, after = derive(known.facts), derive(facts)
    newly_paid = known.facts.paid_until is None and facts.paid_until is not None
    # What was never paid changes nothing, nor does what was known: an admin may have switched the team on before its
    # owner came to pay, or after the subscription had ended.
    is_news = facts.paid_until is not None and after != before
    stands = after if is_news else TeamStanding(account.status, account.access_until)
    bought = account.offered if newly_paid else account.bought
    change = AccountChange(
        status=account.status if account.status in _DECIDED_HERE else stands.status,
        access_until=stands.access_until,
        record=replace(known, facts=facts),
        bought=bought,
        paid_from=facts.paid_from if newly_paid else None,
        size=_cut(account.size, bought) if newly_paid else None,
    )
    return Verdict(
        outcome=f"{before.status} -> {after.status}",
        before=before,
        after=after,
        alarm=PAID_WHEN_CLOSED if newly_paid and account.status == CLOSED else None,
        change=change,
        tells_owner=facts.paid_until is not None
        and after.status in (PAST_DUE, CANCELED)
        and (newly_paid or after.status != before.status),
    )


def _cut(size: TeamSize, bought: PlanTerms | None) -> TeamSize | None:
    """The smaller size that was bought; None where the team has no more than that."""
    allowed = size if bought is None else within(bought, size)
    return None if allowed == size else allowed
