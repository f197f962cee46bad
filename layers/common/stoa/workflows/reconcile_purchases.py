"""Ask Stripe about purchases whose end nobody told us, so that a lost webhook costs a member an hour at most."""

from collections.abc import Callable
from datetime import datetime, timedelta

from stoa.clients.stripe_client import StripeCalls
from stoa.db import Database, Row, Scope
from stoa.domain.stripe_events import Notice, Reference, read_session
from stoa.errors import StoaError
from stoa.observe import logger
from stoa.purchase_books import closed, report, settle
from stoa.store import purchases, tenants

PENDING_FOR = timedelta(hours=1)
ASK_AGAIN_AFTER = timedelta(hours=1)
WITHOUT_SESSION_FOR = timedelta(hours=24)  # until then a request with the same idempotency key may still bring one
MOST_A_TENANT = 100


def reconcile_purchases(database: Database, stripe: Callable[[], StripeCalls], now: datetime) -> dict[str, int]:
    """Bring every purchase that has been open for over an hour up to what Stripe knows; how many were asked, changed.

    One that cannot be asked about is left for the next hour and counted as `unanswered`.
    """
    counts = {"asked": 0, "changed": 0, "unchanged": 0, "unanswered": 0}
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.ids(connection)
    for tenant in known:
        scope = Scope(tenant_id=tenant["id"])
        with database.autocommit(scope) as connection:
            rows = purchases.to_ask_about(
                connection,
                tenant["id"],
                created_before=now - PENDING_FOR,
                asked_before=now - ASK_AGAIN_AFTER,
                rows=MOST_A_TENANT,
            )
            purchases.mark_asked(connection, tenant["id"], [row["id"] for row in rows], now)
        for row in rows:
            counts["asked"] += 1
            counts[_ask(database, stripe, scope, row, now)] += 1
    return counts


def _ask(database: Database, stripe: Callable[[], StripeCalls], scope: Scope, row: Row, now: datetime) -> str:
    try:
        notice = _told(stripe, row, now)
    except StoaError as error:
        logger().warning("Stripe did not tell of a purchase", extra={"purchaseId": str(row["id"]), "code": error.code})
        return "unanswered"
    if notice is None:
        return "unchanged"
    with database.transaction(scope) as connection:
        settled = settle(connection, Reference(row["tenant_id"], row["id"]), notice, now)
    report(settled)
    return "changed" if settled.before != settled.after else "unchanged"


def _told(stripe: Callable[[], StripeCalls], row: Row, now: datetime) -> Notice | None:
    if row["session_id"] is None:
        return closed(now) if now - row["created_at"] >= WITHOUT_SESSION_FOR else None
    session = stripe().get_session(row["session_id"])
    return closed(now) if session is None else read_session(session, now)
