"""A member's purchases: the list with receipts, and the one whose success page is open."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.core.errors import NotFound, StoaError
from stoa.core.observe import logger
from stoa.core.pages import Page, page_of
from stoa.domain.billing.purchase_state import PENDING, PROCESSING
from stoa.domain.billing.stripe_events import Reference, read_session
from stoa.identity.caller import Caller
from stoa.store.billing import purchases
from stoa.store.billing.purchases import Purchase
from stoa.workflows.billing.purchase_books import report_purchase, settle_purchase


def list_purchases(caller: Caller, *, before: UUID | None, limit: int) -> Page[Purchase]:
    """Returns a page of the member's purchases, newest first. Its cursor is (id,)."""
    with caller.database.autocommit(caller.own_scope) as connection:
        found = purchases.page(connection, caller.tenant_id, caller.user_id, before=before, rows=limit + 1)
    return page_of(found, limit, lambda purchase: (purchase.id,))


def read_purchase_of_session(caller: Caller, stripe: Callable[[], StripeCalls], session_id: str) -> Purchase:
    """Returns the purchase behind a Checkout session. While no event has told its end, Stripe is asked, and its answer
    is applied. Where Stripe is out of reach, the purchase is returned as we know it.

    Raises NotFound for a session that is not the member's own.
    """
    purchase = _by_session(caller, session_id)
    if purchase.status not in (PENDING, PROCESSING):
        return purchase
    session = _asked(stripe, session_id)
    if session is None:
        return purchase
    reference = Reference(caller.tenant_id, purchase.id)
    with caller.database.transaction(caller.own_scope) as connection:
        settled = settle_purchase(connection, reference, read_session(session, caller.now), caller.now)
    report_purchase(settled)
    return _by_session(caller, session_id)


def _asked(stripe: Callable[[], StripeCalls], session_id: str) -> dict[str, Any] | None:
    try:
        return stripe().get_session(session_id)
    except StoaError as error:
        logger().warning("Stripe did not tell of a session", extra={"code": error.code})
        return None


def _by_session(caller: Caller, session_id: str) -> Purchase:
    with caller.database.autocommit(caller.own_scope) as connection:
        purchase = purchases.by_session(connection, caller.tenant_id, caller.user_id, session_id)
    if purchase is None:
        raise NotFound("purchase")
    return purchase
