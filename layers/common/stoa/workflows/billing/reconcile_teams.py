"""Asks Stripe about subscriptions of teams whose news did not come, and ends those of teams that were closed."""

from collections.abc import Callable
from datetime import datetime, timedelta

from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.core.errors import StoaError, Unavailable
from stoa.core.observe import logger
from stoa.database.pool import Database, Scope
from stoa.domain.billing.stripe_events import UnreadableEvent
from stoa.domain.billing.subscription_events import SubscriptionNotice, TeamReference, read_subscription
from stoa.domain.teams.teams import CLOSED
from stoa.store.billing import teams_to_ask_about
from stoa.store.billing.teams_to_ask_about import TeamToAskAbout
from stoa.store.tenancy import tenants
from stoa.workflows.billing.team_books import report, settle

ASK_AGAIN_AFTER = timedelta(hours=6)
CHECKOUT_FOR = timedelta(hours=1)  # until then the pay page may be open in front of somebody
CHECKOUT_KEPT = timedelta(days=3)  # as long as Stripe repeats a webhook; after that somebody has to look
MOST_A_TENANT = 20
MOST_A_RUN = 100


def reconcile_teams(database: Database, stripe: Callable[[], StripeCalls], now: datetime) -> dict[str, int]:
    """Brings teams up to what Stripe knows. Returns how many were asked about, changed, unanswered.

    One that cannot be asked about is left for later. While Stripe is out of reach the run ends; the next one goes on.
    """
    counts = {"asked": 0, "changed": 0, "unanswered": 0}
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.all_tenants(connection)
    for tenant in known:
        with database.autocommit(Scope(tenant_id=tenant.id)) as connection:
            teams = teams_to_ask_about.to_ask_about(
                connection,
                tenant.id,
                now=now,
                asked_before=now - ASK_AGAIN_AFTER,
                checkout_before=now - CHECKOUT_FOR,
                checkout_after=now - CHECKOUT_KEPT,
                rows=MOST_A_TENANT,
            )
        for team in teams:
            if counts["asked"] >= MOST_A_RUN:
                return counts
            counts["asked"] += 1
            try:
                became = _ask(database, stripe, team, now)
            except Unavailable:
                counts["unanswered"] += 1
                logger().warning("Stripe cannot be asked about teams", extra=counts)
                return counts
            if became is not None:
                counts[became] += 1
    return counts


def _ask(database: Database, stripe: Callable[[], StripeCalls], team: TeamToAskAbout, now: datetime) -> str | None:
    """Returns `changed`, `unanswered` or neither.

    Raises Unavailable while Stripe is out of reach; nothing is noted then.
    """
    became: str | None = None
    try:
        notice = _told(stripe(), team, now)
    except Unavailable:
        raise
    except (StoaError, UnreadableEvent) as error:  # it is noted as asked, too, so that others come first
        told = {"teamId": str(team.id), "error": type(error).__name__}
        logger().warning("Stripe did not tell of a team", extra=told)
        notice, became = None, "unanswered"
    with database.transaction(Scope(tenant_id=team.tenant_id)) as connection:
        teams_to_ask_about.mark_asked(connection, team.tenant_id, team.id, now)
        if notice is None:
            return became
        settled = settle(connection, TeamReference(team.tenant_id, team.id), notice, now)
    report(settled)
    return "changed" if settled.before != settled.after else None


def _told(stripe: StripeCalls, team: TeamToAskAbout, now: datetime) -> SubscriptionNotice | None:
    subscription_id = team.stripe_subscription_id
    if subscription_id is None or team.is_over:
        session = stripe.get_session(team.session_id) if team.session_id else None
        subscription_id = session.get("subscription") if session is not None else None
        if not isinstance(subscription_id, str):
            return None
    if team.status == CLOSED:
        stripe.cancel_subscription(subscription_id)
    subscription = stripe.get_subscription(subscription_id)
    try:
        return None if subscription is None else read_subscription(subscription, now)
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as error:
        raise UnreadableEvent(f"a subscription: {type(error).__name__}") from error
