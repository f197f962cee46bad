"""Asks Stripe about purchases whose end nobody told us, so that a lost webhook costs a member an hour at most."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.core.errors import StoaError, Unavailable
from stoa.core.observe import logger
from stoa.database.pool import Database, Scope
from stoa.domain.billing.stripe_events import Notice, Reference, read_session
from stoa.store.billing import purchases
from stoa.store.billing.purchases import Purchase
from stoa.store.tenancy import tenants
from stoa.workflows.billing.purchase_books import closed, report_purchase, settle_purchase

PENDING_FOR = timedelta(hours=1)
ASK_AGAIN_AFTER = timedelta(hours=1)
WITHOUT_SESSION_FOR = timedelta(hours=24)  # until then a request with the same idempotency key may still bring one
MOST_A_TENANT = 50
MOST_A_RUN = 200  # at a third of a second each, well within the function's time


def reconcile_purchases(database: Database, stripe: Callable[[], StripeCalls], now: datetime) -> dict[str, int]:
    """Brings purchases that have been open for over an hour up to what Stripe knows; returns how many became what.

    One that cannot be asked about is left for the next hour and counted as `unanswered`. While Stripe is out of reach
    the run ends, and the next one goes on.
    """
    counts = {"asked": 0, "changed": 0, "unchanged": 0, "unanswered": 0}
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.all_tenants(connection)
    for tenant in known:
        for purchase in _to_ask_about(database, tenant.id, now):
            if counts["asked"] >= MOST_A_RUN:
                return counts
            counts["asked"] += 1
            try:
                became = _ask(database, stripe, purchase, now)
            except Unavailable:
                counts["unanswered"] += 1
                logger().warning("Stripe cannot be asked about purchases", extra=counts)
                return counts
            counts[became] += 1
    return counts


def _to_ask_about(database: Database, tenant_id: UUID, now: datetime) -> list[Purchase]:
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        return purchases.to_ask_about(
            connection,
            tenant_id,
            created_before=now - PENDING_FOR,
            asked_before=now - ASK_AGAIN_AFTER,
            rows=MOST_A_TENANT,
        )


def _ask(database: Database, stripe: Callable[[], StripeCalls], purchase: Purchase, now: datetime) -> str:
    """Returns the key of `counts` to count it under. Raises Unavailable while Stripe is out of reach, and notes nothing
    then."""
    try:
        notice = _notice_of(stripe, purchase, now)
    except Unavailable:
        raise
    except StoaError as error:
        logger().warning(
            "Stripe did not tell of a purchase", extra={"purchaseId": str(purchase.id), "error": type(error).__name__}
        )
        notice, became = None, "unanswered"
    else:
        became = "unchanged"
    with database.transaction(Scope(tenant_id=purchase.tenant_id)) as connection:
        purchases.mark_asked(connection, purchase.tenant_id, purchase.id, now)
        if notice is None:
            return became
        settled = settle_purchase(connection, Reference(purchase.tenant_id, purchase.id), notice, now)
    report_purchase(settled)
    return "changed" if settled.before != settled.after else "unchanged"


def _notice_of(stripe: Callable[[], StripeCalls], purchase: Purchase, now: datetime) -> Notice | None:
    if purchase.session_id is None:
        return closed(now) if now - purchase.created_at >= WITHOUT_SESSION_FOR else None
    session = stripe().get_session(purchase.session_id)
    return closed(now) if session is None else read_session(session, now)
