"""What Stripe told of a team's subscription, written into our books in one transaction. For every workflow that hears
from it."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from stoa.core.observe import emit, logger
from stoa.database.pool import Connection, Row
from stoa.domain.billing.subscription_events import SubscriptionNotice, TeamReference
from stoa.domain.billing.team_subscription import (
    ACTIVE,
    CANCELED,
    INCOMPLETE,
    PAST_DUE,
    SubscriptionFacts,
    TeamStanding,
    derive,
    from_json,
    merge,
    to_json,
)
from stoa.domain.teams.teams import within
from stoa.store.billing import team_billing
from stoa.store.operations import mail_outbox

# What an owner or an admin decided outlasts what Stripe tells of money.
_DECIDED_HERE = frozenset({"closed", "suspended"})
_NOTHING = TeamStanding("", None)
_GOING_ON = "Its members, settings and usage are kept: subscribe again to go on."

# Money that was taken for nothing is a person's matter.
PAID_TWICE, PAID_WHEN_CLOSED = "team_paid_twice", "team_paid_when_closed"
_ALARMS = {
    PAID_TWICE: "a team has a second subscription; cancel one of them at Stripe",
    PAID_WHEN_CLOSED: "a team was paid for after it had been closed; its subscription ends, give the money back",
}


@dataclass(frozen=True, slots=True)
class TeamSettled:
    """What a notice did. `team` is our row as it was before; None: the notice was about none of ours."""

    outcome: str
    team: Row | None = None
    before: TeamStanding = _NOTHING
    after: TeamStanding = _NOTHING
    alarm: str | None = None


def settle(connection: Connection, reference: TeamReference, notice: SubscriptionNotice, now: datetime) -> TeamSettled:
    """Join what a notice says to what is known of the team's subscription, and let the team stand as follows from it.

    Must run in a transaction with the team's tenant in scope. A team has one subscription at a time; a notice of an
    earlier one changes nothing, and one of a second, while the first runs, waits for a person. So does money for one
    that was left unpaid until another was paid.
    """
    row = team_billing.lock(connection, reference.tenant_id, reference.team_id)
    if row is None:
        return TeamSettled("ignored: no such team here")
    if notice.subscription_id is None:
        return TeamSettled("ignored: it tells of no subscription yet")
    kept, own_id = row["subscription"], row["stripe_subscription_id"]
    known, past, unpaid = from_json(kept.get("facts", {})), list(kept.get("past", ())), list(kept.get("unpaid", ()))
    before, is_paid = derive(known), notice.facts.paid_until is not None
    if notice.subscription_id in (*past, *unpaid):
        alarm = PAID_TWICE if is_paid and notice.subscription_id in unpaid else None
        return TeamSettled("ignored: it is about an earlier subscription", row, before, before, alarm)
    if own_id not in (None, notice.subscription_id):
        if before.status == CANCELED:
            past.append(own_id)
        elif before.status == INCOMPLETE and is_paid:  # its payment failed or takes days, and another one has been made
            unpaid.append(own_id)
        else:
            alarm = None if before.status == INCOMPLETE else PAID_TWICE
            return TeamSettled("ignored: the team has another subscription", row, before, before, alarm)
        known, before = SubscriptionFacts(), derive(SubscriptionFacts())
    facts = merge(known, notice.facts)
    after = derive(facts)
    newly_paid = known.paid_until is None and facts.paid_until is not None
    terms = row["checkout"].get("terms", {}) if newly_paid else row["plan_terms"]
    # What was never paid changes nothing, nor does what was known: an admin may have switched the team on before its
    # owner came to pay, or after the subscription had ended.
    is_news = facts.paid_until is not None and after != before
    stands = after if is_news else TeamStanding(row["status"], row["access_until"])
    team_billing.save(
        connection,
        row,
        status=row["status"] if row["status"] in _DECIDED_HERE else stands.status,
        access_until=stands.access_until,
        subscription={"facts": to_json(facts), "past": past, "unpaid": unpaid},
        plan_terms=terms,
        paid_on=_paid_on(row, facts) if newly_paid else None,
        customer_id=notice.customer_id,
        subscription_id=notice.subscription_id,
        now=now,
    )
    if newly_paid and (less := within(terms, row)):
        team_billing.cut(connection, row, less, now)
    if facts.paid_until is not None and (newly_paid or after.status != before.status):
        _tell_owner(connection, row, facts, after, now)
    alarm = PAID_WHEN_CLOSED if newly_paid and row["status"] == "closed" else None
    return TeamSettled(f"{before.status} -> {after.status}", row, before, after, alarm)


def report(settled: TeamSettled) -> None:
    """Tell the outside, after the commit."""
    row = settled.team
    if row is None:
        return
    if settled.alarm is not None:
        logger().error(
            _ALARMS[settled.alarm],
            extra={"alarm": settled.alarm, "teamId": str(row["id"]), "tenantId": str(row["tenant_id"])},
        )
    elif settled.before.status != settled.after.status:
        emit(
            "team_subscription_changed",
            teamId=str(row["id"]),
            type=row["type"],
            before=settled.before.status,
            after=settled.after.status,
        )


def terms_of(plan: Row) -> dict[str, Any]:
    """What is bought with a plan, as it is kept with the team."""
    return {
        "name": plan["name"],
        "priceCents": plan["price_cents"],
        "currency": plan["currency"],
        "maxMembers": plan["max_members"],
        "totalTokensMonthly": plan["total_tokens_monthly"],
        "models": list(plan["models"]),
    }


def _paid_on(row: Row, facts: SubscriptionFacts) -> date | None:
    """The day of the tenant's calendar on which the paid month begins."""
    return facts.paid_from.astimezone(ZoneInfo(row["time_zone"])).date() if facts.paid_from is not None else None


def _tell_owner(connection: Connection, row: Row, facts: SubscriptionFacts, after: TeamStanding, now: datetime) -> None:
    """A mail when a month is not paid, and when it is over. Once each."""
    if after.status not in (PAST_DUE, CANCELED):
        return
    to = team_billing.mail_address(connection, row["tenant_id"], row["id"])
    if to is None:
        return
    if after.status == PAST_DUE and after.access_until is not None and facts.unpaid_until is not None:
        subject = f"The payment for your team {row['name']} failed"
        text = (
            f"The payment for {row['name']} could not be taken. It will be tried again.\n\n"
            f"The team goes on until {after.access_until:%Y-%m-%d %H:%M} UTC. Please check the card in the team's "
            "billing page."
        )
        key = f"team-past-due:{row['id']}:{facts.unpaid_until:%Y-%m-%d}"
    else:
        subject = f"The plan of your team {row['name']} has ended"
        text = (
            f"The subscription of {row['name']} has ended, and with it the access that the team gave its members.\n\n"
            + ("Nothing more will be taken for it." if row["status"] == "closed" else _GOING_ON)
        )
        key = f"team-canceled:{row['id']}:{row['stripe_subscription_id']}"
    mail_outbox.put(connection, tenant_id=row["tenant_id"], to=to, subject=subject, text=text, dedupe_key=key, now=now)


def is_running(standing: TeamStanding) -> bool:
    """Whether there is a subscription that goes on by itself."""
    return standing.status in (ACTIVE, PAST_DUE)
