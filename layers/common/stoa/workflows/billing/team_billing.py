"""A team's plan, bought by its owner: the pay page, how the subscription stands, its end, and Stripe's billing page."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.clients.stripe.stripe_client import StripeCalls, SubscriptionOrder
from stoa.core.errors import Conflict, Forbidden, NotFound, Unavailable
from stoa.core.ids import new_id
from stoa.core.text import iso
from stoa.database.pool import Database, Row, Scope
from stoa.domain.billing.subscription_events import TeamReference, read_subscription
from stoa.domain.billing.team_subscription import INCOMPLETE, derive, from_json
from stoa.identity.members import Member
from stoa.store.billing import team_billing, team_plans
from stoa.workflows.billing.team_books import is_running, report, settle, terms_of

MOST_ROUNDS = 4  # as many pay pages may turn out to be over, or another's, before we say so
SESSION_SECONDS = 24 * 3600  # as long as Stripe remembers an idempotency key
PAUSE_RETRY_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class TeamCheckout:
    """Where the owner pays."""

    session_id: str
    url: str


def subscribe(
    database: Database, stripe: StripeCalls, member: Member, team_id: UUID, client_url: str, now: datetime
) -> TeamCheckout:
    """The pay page for the plan of the team's type; one that is still open is given again.

    Raises NotFound for a team that is not the member's, Forbidden for who is not its owner, Conflict where there is
    nothing to pay for (TEAM_SUBSCRIBED, TEAM_CLOSED, TEAM_SUSPENDED), the team is larger than its plan
    (TEAM_EXCEEDS_PLAN) or no plan is sold (TEAM_PLAN_NOT_FOR_SALE), Unavailable (PURCHASES_PAUSED), and what `stripe`
    raises.
    """
    for _ in range(MOST_ROUNDS):
        row = _owned(database, member, team_id)
        terms = _terms(database, member, row)
        checkout = row["checkout"]
        session = stripe.get_session(checkout["sessionId"]) if "sessionId" in checkout else None
        state = session["status"] if session is not None else "unknown"
        if session is not None and state == "complete" and _is_on_its_way(row, session["subscription"]):
            raise Conflict("TEAM_SUBSCRIBED", "This team was paid for a moment ago; look at its subscription.")
        if checkout.get("terms") == terms and _age(checkout, now) < SESSION_SECONDS and state in ("open", "unknown"):
            return _make_session(database, stripe, member, row, checkout, client_url)
        if state == "open":
            stripe.expire_session(checkout["sessionId"])
        attempt = {"attempt": str(new_id()), "terms": terms, "madeAt": iso(now)}
        with database.autocommit(Scope(tenant_id=member.tenant_id)) as connection:
            team_billing.begin_checkout(
                connection, member.tenant_id, team_id, seen=checkout.get("attempt"), checkout=attempt, now=now
            )
    raise _in_progress()


def read_subscription_of(database: Database, member: Member, team_id: UUID) -> dict[str, Any]:
    """How the subscription stands, for any member of the team. Raises NotFound."""
    with database.autocommit(member.scope) as connection:
        role = team_billing.role_in(connection, member.tenant_id, team_id, member.user_id)
        row = team_billing.get(connection, member.tenant_id, team_id) if role else None
    if row is None:
        raise NotFound("team")
    return _told(row)


def end_with_period(
    database: Database, stripe: StripeCalls, member: Member, team_id: UUID, now: datetime, *, ends: bool
) -> dict[str, Any]:
    """Let the subscription end with the month that is paid, or go on after all. Raises as `subscribe`, and Conflict
    (TEAM_NOT_SUBSCRIBED)."""
    row = _owned(database, member, team_id)
    if not is_running(derive(from_json(row["subscription"].get("facts", {})))):
        raise Conflict("TEAM_NOT_SUBSCRIBED", "This team has no subscription that runs.")
    told = stripe.end_subscription_with_period(row["stripe_subscription_id"], ends=ends)
    with database.transaction(Scope(tenant_id=member.tenant_id)) as connection:
        settled = settle(connection, TeamReference(member.tenant_id, team_id), read_subscription(told, now), now)
        after = team_billing.get(connection, member.tenant_id, team_id)
    report(settled)
    return _told(after or row)


def open_billing(database: Database, stripe: StripeCalls, member: Member, team_id: UUID, client_url: str) -> str:
    """The address of Stripe's page with card and invoices. Raises as `end_with_period`."""
    row = _owned(database, member, team_id)
    if row["stripe_customer_id"] is None:
        raise Conflict("TEAM_NOT_SUBSCRIBED", "Nothing was paid for this team yet.")
    return stripe.open_portal(row["stripe_customer_id"], f"{client_url.rstrip('/')}/teams/{team_id}")


def _owned(database: Database, member: Member, team_id: UUID) -> Row:
    with database.autocommit(member.scope) as connection:
        role = team_billing.role_in(connection, member.tenant_id, team_id, member.user_id)
        row = team_billing.get(connection, member.tenant_id, team_id) if role else None
    if row is None:
        raise NotFound("team")
    if role != "owner":
        raise Forbidden("Only the team's owner decides on its plan.")
    return row


def _terms(database: Database, member: Member, row: Row) -> dict[str, Any]:
    """What is bought for the team now, or why nothing can be."""
    if row["status"] == "closed":
        raise Conflict("TEAM_CLOSED", "This team was closed.")
    if row["status"] == "suspended":
        raise Conflict("TEAM_SUSPENDED", "An admin of your tenant has switched this team off. Ask them before you pay.")
    if is_running(derive(from_json(row["subscription"].get("facts", {})))):
        raise Conflict("TEAM_SUBSCRIBED", "This team has a subscription already.")
    with database.autocommit(member.scope) as connection:
        plans = team_plans.plans(connection, member.tenant_id, row["type"])
    if not plans or not plans[0]["enabled"]:
        raise Conflict(
            "TEAM_PLAN_NOT_FOR_SALE",
            f"No plan of the type {row['type']} is sold. See GET /api/team-plans, or ask an admin.",
        )
    if row["purchases_paused"]:
        raise Unavailable(
            "New purchases are paused at the moment. Try again later.", "PURCHASES_PAUSED", PAUSE_RETRY_SECONDS
        )
    terms = terms_of(plans[0])
    beyond = {
        "maxMembers": row["max_members"] > terms["maxMembers"],
        "totalTokensMonthly": row["total_tokens_monthly"] > terms["totalTokensMonthly"],
        "models": not set(row["models"]) <= set(terms["models"]),
    }
    if any(beyond.values()):
        named = ", ".join(name for name, too_much in beyond.items() if too_much)
        raise Conflict(
            "TEAM_EXCEEDS_PLAN", f"The plan {terms['name']} has less of this than the team: {named}.", details=terms
        )
    return terms


def _make_session(
    database: Database, stripe: StripeCalls, member: Member, row: Row, checkout: dict[str, Any], client_url: str
) -> TeamCheckout:
    """The attempt's pay page; asked again, Stripe gives the same one."""
    if "sessionId" in checkout:
        return TeamCheckout(checkout["sessionId"], checkout["url"])
    base, terms = client_url.rstrip("/"), checkout["terms"]
    session = stripe.create_subscription_session(
        SubscriptionOrder(
            tenant_id=member.tenant_id,
            team_id=row["id"],
            plan_name=f"{terms['name']} ({row['name']})",
            price_cents=terms["priceCents"],
            currency=terms["currency"],
            email=row["billing_email"] or member.principal.email,
            customer_id=row["stripe_customer_id"],
            attempt=checkout["attempt"],
            success_url=f"{base}/teams/{row['id']}?paid={{CHECKOUT_SESSION_ID}}",
            cancel_url=f"{base}/teams/{row['id']}",
        )
    )
    made = TeamCheckout(session["id"], session["url"])
    with database.autocommit(Scope(tenant_id=member.tenant_id)) as connection:
        told = {"sessionId": made.session_id, "url": made.url}
        kept = team_billing.save_session(connection, member.tenant_id, row["id"], checkout["attempt"], told)
    if not kept:  # other terms have come in between: nobody is to pay by the old ones
        stripe.expire_session(made.session_id)
        raise _in_progress()
    return made


def _is_on_its_way(row: Row, subscription_id: str) -> bool:
    """Whether a page was paid and nobody has told us, or the money takes days, as from some banks."""
    facts = from_json(row["subscription"].get("facts", {}))
    waits = derive(facts).status == INCOMPLETE and facts.unpaid_until is None
    return waits or subscription_id != row["stripe_subscription_id"]


def _in_progress() -> Conflict:
    return Conflict("PURCHASE_IN_PROGRESS", "A payment for this team is on its way already. Look again in a moment.")


def _age(checkout: dict[str, Any], now: datetime) -> float:
    return (now - datetime.fromisoformat(checkout["madeAt"])).total_seconds()


def _told(row: Row) -> dict[str, Any]:
    facts = from_json(row["subscription"].get("facts", {}))
    return {
        "status": row["status"],
        "paidUntil": facts.paid_until and iso(facts.paid_until),
        "accessUntil": row["access_until"] and iso(row["access_until"]),
        "endsWithPeriod": facts.ends_with_period,
        "plan": row["plan_terms"] or None,
    }
