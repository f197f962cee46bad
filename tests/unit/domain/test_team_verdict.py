"""The effect of what Stripe says on a team's subscription, by example."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from stoa.domain.billing.plan_terms import PlanTerms, TeamSize
from stoa.domain.billing.team_subscription import (
    SubscriptionFacts,
    SubscriptionRecord,
    TeamStanding,
    record_from_json,
    record_to_json,
)
from stoa.domain.billing.team_verdict import AccountChange, TeamAccount, Verdict, judge

MARCH, APRIL, MAY = (datetime(2027, month, 15, 9, tzinfo=UTC) for month in (3, 4, 5))
WEEK = timedelta(days=7)

OFFERED = PlanTerms("Family plan", 1900, "usd", max_members=6, total_tokens_monthly=1000, models=["gpt-4o"])
BOUGHT = replace(OFFERED, name="Last year's plan")
SMALL, LARGE = TeamSize(6, 1000, ["gpt-4o"]), TeamSize(9, 500, ["o1", "gpt-4o"])

NOTHING = SubscriptionFacts()
PAID = SubscriptionFacts(paid_from=MARCH, paid_until=APRIL)
UNPAID = SubscriptionFacts(paid_from=MARCH, paid_until=APRIL, unpaid_until=MAY)
FAILED = SubscriptionFacts(unpaid_until=APRIL)
OVER = SubscriptionFacts(paid_from=MARCH, paid_until=APRIL, ended_at=APRIL)

INCOMPLETE = TeamStanding("incomplete", None)
ACTIVE = TeamStanding("active", APRIL + WEEK)
PAST_DUE = TeamStanding("past_due", APRIL + WEEK)
CANCELED = TeamStanding("canceled", APRIL)


def account(
    own_id: str | None, facts: SubscriptionFacts, stands: TeamStanding, past: Any = (), unpaid: Any = (), **more: Any
) -> TeamAccount:
    record = SubscriptionRecord(facts, past, unpaid)
    known: dict[str, Any] = {"bought": BOUGHT, "offered": OFFERED, "size": SMALL, **more}
    return TeamAccount(stands.status, stands.access_until, own_id, record, **known)


def changed(
    facts: SubscriptionFacts, stands: TeamStanding, past: Any = (), unpaid: Any = (), **more: Any
) -> AccountChange:
    record = SubscriptionRecord(facts, past, unpaid)
    news: dict[str, Any] = {"bought": BOUGHT, "paid_from": None, "size": None, **more}
    return AccountChange(stands.status, stands.access_until, record, **news)


FIRST = {"bought": OFFERED, "paid_from": MARCH}  # a first payment: what was offered is bought now

JOINED = {
    "a subscription begins and nobody has paid": (
        account(None, NOTHING, INCOMPLETE),
        NOTHING,
        Verdict("incomplete -> incomplete", INCOMPLETE, INCOMPLETE, change=changed(NOTHING, INCOMPLETE)),
    ),
    "the first month is paid": (
        account("sub_1", NOTHING, INCOMPLETE),
        PAID,
        Verdict("incomplete -> active", INCOMPLETE, ACTIVE, change=changed(PAID, ACTIVE, **FIRST)),
    ),
    "the first month is paid for a team that has grown": (
        account(None, NOTHING, INCOMPLETE, size=LARGE),
        PAID,
        Verdict(
            "incomplete -> active",
            INCOMPLETE,
            ACTIVE,
            change=changed(PAID, ACTIVE, **FIRST, size=TeamSize(6, 500, ["gpt-4o"])),
        ),
    ),
    "the first month is paid and no pay page is known": (
        account(None, NOTHING, INCOMPLETE, offered=None, size=LARGE),
        PAID,
        Verdict("incomplete -> active", INCOMPLETE, ACTIVE, change=changed(PAID, ACTIVE, bought=None, paid_from=MARCH)),
    ),
    "the same is told again": (
        account("sub_1", PAID, ACTIVE, size=LARGE),
        PAID,
        Verdict("active -> active", ACTIVE, ACTIVE, change=changed(PAID, ACTIVE)),
    ),
    "another month is paid": (
        account("sub_1", PAID, ACTIVE),
        SubscriptionFacts(paid_from=APRIL, paid_until=MAY),
        Verdict(
            "active -> active",
            ACTIVE,
            TeamStanding("active", MAY + WEEK),
            change=changed(SubscriptionFacts(paid_from=APRIL, paid_until=MAY), TeamStanding("active", MAY + WEEK)),
        ),
    ),
    "a month is not paid": (
        account("sub_1", PAID, ACTIVE),
        SubscriptionFacts(unpaid_until=MAY),
        Verdict("active -> past_due", ACTIVE, PAST_DUE, change=changed(UNPAID, PAST_DUE), tells_owner=True),
    ),
    "it is told again that a month is not paid": (
        account("sub_1", UNPAID, PAST_DUE),
        SubscriptionFacts(unpaid_until=MAY),
        Verdict("past_due -> past_due", PAST_DUE, PAST_DUE, change=changed(UNPAID, PAST_DUE)),
    ),
    "it ends": (
        account("sub_1", PAID, ACTIVE),
        SubscriptionFacts(ended_at=APRIL),
        Verdict("active -> canceled", ACTIVE, CANCELED, change=changed(OVER, CANCELED), tells_owner=True),
    ),
    "it ends without a payment, and an admin had switched the team on": (
        account("sub_1", NOTHING, TeamStanding("active", None)),
        SubscriptionFacts(ended_at=APRIL),
        Verdict(
            "incomplete -> canceled",
            INCOMPLETE,
            TeamStanding("canceled", None),
            change=changed(SubscriptionFacts(ended_at=APRIL), TeamStanding("active", None)),
        ),
    ),
    "news of its only payment comes after its end": (
        account("sub_1", SubscriptionFacts(ended_at=APRIL), TeamStanding("active", None)),
        PAID,
        Verdict(
            "canceled -> canceled",
            TeamStanding("canceled", None),
            CANCELED,
            change=changed(OVER, CANCELED, **FIRST),
            tells_owner=True,
        ),
    ),
    "an end that was known is told to a team that an admin has switched on since": (
        account("sub_1", OVER, TeamStanding("active", None)),
        OVER,
        Verdict("canceled -> canceled", CANCELED, CANCELED, change=changed(OVER, TeamStanding("active", None))),
    ),
    "a suspended team is paid for": (
        account("sub_1", NOTHING, TeamStanding("suspended", None)),
        PAID,
        Verdict(
            "incomplete -> active",
            INCOMPLETE,
            ACTIVE,
            change=changed(PAID, TeamStanding("suspended", APRIL + WEEK), **FIRST),
        ),
    ),
    "a closed team is paid for": (
        account("sub_1", NOTHING, TeamStanding("closed", None)),
        PAID,
        Verdict(
            "incomplete -> active",
            INCOMPLETE,
            ACTIVE,
            alarm="team_paid_when_closed",
            change=changed(PAID, TeamStanding("closed", APRIL + WEEK), **FIRST),
        ),
    ),
    "another month of a closed team is paid": (
        account("sub_1", PAID, TeamStanding("closed", APRIL + WEEK)),
        SubscriptionFacts(paid_until=MAY),
        Verdict(
            "active -> active",
            ACTIVE,
            TeamStanding("active", MAY + WEEK),
            change=changed(SubscriptionFacts(paid_from=MARCH, paid_until=MAY), TeamStanding("closed", MAY + WEEK)),
        ),
    ),
    "another subscription follows one that has ended": (
        account("sub_0", OVER, CANCELED),
        PAID,
        Verdict("incomplete -> active", INCOMPLETE, ACTIVE, change=changed(PAID, ACTIVE, past=("sub_0",), **FIRST)),
    ),
    "another subscription follows one that has ended, and nobody has paid": (
        account("sub_0", OVER, CANCELED, past=("sub_x",)),
        NOTHING,
        Verdict(
            "incomplete -> incomplete",
            INCOMPLETE,
            INCOMPLETE,
            change=changed(NOTHING, CANCELED, past=("sub_x", "sub_0")),
        ),
    ),
    "another subscription is paid while the first is not": (
        account("sub_0", FAILED, INCOMPLETE, past=("sub_x",)),
        PAID,
        Verdict(
            "incomplete -> active",
            INCOMPLETE,
            ACTIVE,
            change=changed(PAID, ACTIVE, past=("sub_x",), unpaid=("sub_0",), **FIRST),
        ),
    ),
}


@pytest.mark.parametrize(("known", "told", "verdict"), JOINED.values(), ids=JOINED)
def test_what_is_news_is_written(known: TeamAccount, told: SubscriptionFacts, verdict: Verdict) -> None:
    assert judge(known, "sub_1", told) == verdict


EARLIER, ANOTHER = "ignored: it is about an earlier subscription", "ignored: the team has another subscription"

IGNORED = {
    "late news of a subscription that had ended": (
        account("sub_2", PAID, ACTIVE, past=("sub_1",)),
        OVER,
        Verdict(EARLIER, ACTIVE, ACTIVE),
    ),
    "late news, without money, of one that was left unpaid": (
        account("sub_2", PAID, ACTIVE, unpaid=("sub_1",)),
        FAILED,
        Verdict(EARLIER, ACTIVE, ACTIVE),
    ),
    "money for one that was left unpaid": (
        account("sub_2", PAID, ACTIVE, unpaid=("sub_1",)),
        PAID,
        Verdict(EARLIER, ACTIVE, ACTIVE, "team_paid_twice"),
    ),
    "a second subscription beside one that is active": (
        account("sub_2", PAID, ACTIVE),
        PAID,
        Verdict(ANOTHER, ACTIVE, ACTIVE, "team_paid_twice"),
    ),
    "a second subscription, not paid yet, beside one whose month is not paid": (
        account("sub_2", UNPAID, PAST_DUE),
        NOTHING,
        Verdict(ANOTHER, PAST_DUE, PAST_DUE, "team_paid_twice"),
    ),
    "a second subscription, not paid yet, beside one that is not paid either": (
        account("sub_2", FAILED, INCOMPLETE),
        NOTHING,
        Verdict(ANOTHER, INCOMPLETE, INCOMPLETE),
    ),
}


@pytest.mark.parametrize(("known", "told", "verdict"), IGNORED.values(), ids=IGNORED)
def test_what_is_about_another_subscription_changes_nothing(
    known: TeamAccount, told: SubscriptionFacts, verdict: Verdict
) -> None:
    assert judge(known, "sub_1", told) == verdict


def test_a_record_is_kept_as_a_document() -> None:
    record = SubscriptionRecord(PAID, ("sub_0",), ("sub_x",))
    kept = {
        "facts": {"paid_from": "2027-03-15T09:00:00+00:00", "paid_until": "2027-04-15T09:00:00+00:00"},
        "past": ["sub_0"],
        "unpaid": ["sub_x"],
    }
    assert record_to_json(record) == kept
    assert record_from_json(kept) == record
    assert record_from_json({}) == SubscriptionRecord()
