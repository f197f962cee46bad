"""A member's purchases: the list with receipts, and the one whose success page is open."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.core.errors import NotFound, StoaError
from stoa.core.observe import logger
from stoa.core.pages import Page, place_after
from stoa.core.text import iso
from stoa.database.pool import Database, Row
from stoa.domain.billing.purchase_state import PENDING, PROCESSING
from stoa.domain.billing.stripe_events import Reference, read_session
from stoa.identity.members import Member
from stoa.store.billing import purchases
from stoa.workflows.billing.purchase_books import report, settle


def list_purchases(database: Database, member: Member, *, before: UUID | None, limit: int) -> Page[dict[str, Any]]:
    """The member's purchases, the newest first; the cursor is the last one's id."""
    with database.autocommit(member.scope) as connection:
        rows = purchases.page(connection, member.tenant_id, member.user_id, before=before, rows=limit + 1)
    return Page([_told(row) for row in rows[:limit]], place_after(rows, limit, "id"))


def read_purchase_of_session(
    database: Database, stripe: Callable[[], StripeCalls], member: Member, session_id: str, now: datetime
) -> dict[str, Any]:
    """The purchase behind a Checkout session. While no event has told its end, Stripe is asked, and its answer applied.

    What is known is answered where Stripe is out of reach. Raises NotFound for a session that is not the member's own.
    """
    row = _by_session(database, member, session_id)
    if row["status"] in (PENDING, PROCESSING):
        session = _asked(stripe, session_id)
        if session is not None:
            with database.transaction(member.scope) as connection:
                settled = settle(connection, Reference(member.tenant_id, row["id"]), read_session(session, now), now)
            report(settled)
            row = _by_session(database, member, session_id)
    return _told(row)


def _asked(stripe: Callable[[], StripeCalls], session_id: str) -> dict[str, Any] | None:
    try:
        return stripe().get_session(session_id)
    except StoaError as error:
        logger().warning("Stripe did not tell of a session", extra={"code": error.code})
        return None


def _by_session(database: Database, member: Member, session_id: str) -> Row:
    with database.autocommit(member.scope) as connection:
        row = purchases.by_session(connection, member.tenant_id, member.user_id, session_id)
    if row is None:
        raise NotFound("purchase")
    return row


def _told(row: Row) -> dict[str, Any]:
    is_open = row["status"] == PENDING
    return {
        "id": row["id"],
        "productType": row["product_type"],
        "modelId": row["product_id"] if row["product_type"] == "model" else None,
        "bundleId": row["product_id"] if row["product_type"] == "bundle" else None,
        "productName": row["product_name"],
        "modelIds": row["model_ids"],
        "amountCents": row["amount_cents"],
        "currency": row["currency"],
        "status": row["status"],
        "entitled": row["entitled"],
        "refundedCents": row["refunded_cents"],
        "sessionId": row["session_id"],
        "checkoutUrl": row["session_url"] if is_open else None,
        "receiptUrl": row["receipt_url"],
        "createdAt": iso(row["created_at"]),
        "paidAt": row["paid_at"] and iso(row["paid_at"]),
    }
