"""Begin to buy: our purchase row first, then a Checkout session made from it."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.clients.stripe.stripe_client import Order, StripeCalls, StripeRejected
from stoa.core.errors import Conflict, NotFound, Unavailable
from stoa.core.ids import new_id
from stoa.core.observe import emit
from stoa.database.pool import Database, Row
from stoa.domain.billing.purchase_state import PAID, PENDING, PROCESSING
from stoa.domain.billing.stripe_events import Notice, Reference, read_session
from stoa.domain.catalogue.access import TIER_FREE, is_on_offer
from stoa.identity.members import Member
from stoa.store.billing import purchases
from stoa.store.selection.snapshots import MemberSnapshot
from stoa.workflows.billing.purchase_books import Settled, closed, purchase_properties, report, settle
from stoa.workflows.selection.member_view import load_with

PAUSE_RETRY_SECONDS = 3600
# Each round an earlier attempt turns out to be over; more than this many at once do not happen by themselves.
MOST_ROUNDS = 4
SESSION_SECONDS = 24 * 3600  # Stripe's own default, and as long as it remembers an idempotency key


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a member asks to buy. `source` says where in the product, for the funnel."""

    product_type: str  # model | bundle
    product_id: str
    source: str


@dataclass(frozen=True, slots=True)
class Checkout:
    """Where the member pays."""

    session_id: str
    url: str


@dataclass(frozen=True, slots=True)
class _Product:
    name: str
    model_ids: tuple[str, ...]
    amount_cents: int
    currency: str


def start_purchase(
    database: Database, stripe: StripeCalls, member: Member, wanted: Wanted, client_url: str, now: datetime
) -> Checkout:
    """The pay page for what is wanted, at the tenant's present price; a session that is still open is given again.

    Raises NotFound for what is not sold, Unavailable (PURCHASES_PAUSED), Conflict where there is nothing to pay for
    (ALREADY_OWNED, MODEL_IS_FREE, NOT_FOR_SALE) or where an earlier payment is on its way (PURCHASE_IN_PROGRESS), and
    what `stripe` raises.
    """
    terms = purchases.terms_statement(member.tenant_id, member.user_id, _bundle_id(wanted))
    view, ((terms_row,),) = load_with(database, member, now, [terms])
    product = _product(wanted, view, terms_row, now)
    for _ in range(MOST_ROUNDS):
        row, is_new = _begin(database, stripe, member, wanted, product, now)
        if row is None:
            continue
        checkout = _checkout(database, stripe, member, row, product, client_url, now)
        if checkout is not None:
            if is_new:
                emit("model_purchase_initiated", **purchase_properties(row))
            return checkout
    raise _in_progress()


def _bundle_id(wanted: Wanted) -> UUID | None:
    if wanted.product_type != "bundle":
        return None
    try:
        return UUID(wanted.product_id)
    except ValueError as error:
        raise NotFound("bundle") from error


def _product(wanted: Wanted, view: MemberSnapshot, terms: Row, now: datetime) -> _Product:
    """What is sold, or why nothing is. Price and name come from the tenant's rows, never from the client."""
    owned = set(terms["owned_models"] or ())
    if wanted.product_type == "bundle":
        if terms["bundle_models"] is None:
            raise NotFound("bundle")
        models = tuple(terms["bundle_models"])
        if not all(model_id in view.offers and is_on_offer(view.offers[model_id], now) for model_id in models):
            raise NotFound("bundle")  # nobody pays for a model that does not answer any more
        _refuse_while_paused(terms)
        usable = {model_id for model_id in models if _is_free(view, model_id)} | owned
        if usable.issuperset(models):
            raise Conflict("ALREADY_OWNED", "You own every model of this bundle already.")
        return _Product(terms["bundle_name"], models, terms["bundle_price_cents"], terms["currency"])
    offer = view.offers.get(wanted.product_id)
    if offer is None or not is_on_offer(offer, now):
        raise NotFound("model")
    _refuse_while_paused(terms)
    if offer.access_tier == TIER_FREE:
        raise Conflict("MODEL_IS_FREE", f"{offer.display_name} is free: use it without buying.")
    if offer.model_id in owned:
        raise _already_owned()
    if offer.unlock_price_cents is None:
        raise Conflict("NOT_FOR_SALE", f"{offer.display_name} is not sold. Ask an admin to grant access.")
    return _Product(offer.display_name, (offer.model_id,), offer.unlock_price_cents, terms["currency"])


def _is_free(view: MemberSnapshot, model_id: str) -> bool:
    offer = view.offers.get(model_id)
    return offer is not None and offer.access_tier == TIER_FREE


def _begin(
    database: Database,
    stripe: StripeCalls,
    member: Member,
    wanted: Wanted,
    product: _Product,
    now: datetime,
) -> tuple[Row | None, bool]:
    """The member's open purchase of the product, and whether it is a new one. None: one ended just now; look again."""
    purchase = {
        "id": new_id(),
        "tenant_id": member.tenant_id,
        "user_id": member.user_id,
        "product_type": wanted.product_type,
        "product_id": wanted.product_id,
        "product_name": product.name,
        "model_ids": list(product.model_ids),
        "amount_cents": product.amount_cents,
        "currency": product.currency,
        "source": wanted.source,
    }
    with database.autocommit(member.scope) as connection:
        is_new = purchases.begin(connection, purchase, stripe.account_mark, now)
        row = purchases.get_open(connection, member.tenant_id, member.user_id, wanted.product_type, wanted.product_id)
    return row, is_new


def _checkout(
    database: Database,
    stripe: StripeCalls,
    member: Member,
    row: Row,
    product: _Product,
    client_url: str,
    now: datetime,
) -> Checkout | None:
    """The pay page of an open purchase. None: it turned out to be over, and is closed in our books."""
    if row["status"] == PROCESSING:
        raise _in_progress()
    on_sale = (product.amount_cents, product.currency, product.name, set(product.model_ids))
    same_terms = on_sale == (row["amount_cents"], row["currency"], row["product_name"], set(row["model_ids"]))
    if row["session_id"] is None:
        # Another request is making the session, or died before it noted it; Stripe's key gives the same to all.
        if same_terms and (now - row["created_at"]).total_seconds() < SESSION_SECONDS:
            return _make_session(database, stripe, member, row, client_url, now)
        _settle(database, member, row, closed(now), now)
        return None
    session = stripe.get_session(row["session_id"])
    if session is not None and session["status"] == "open":
        if same_terms:
            return Checkout(session["id"], session["url"])
        session = _expire(stripe, row["session_id"])
    settled = _settle(database, member, row, closed(now) if session is None else read_session(session, now), now)
    if settled.after.status == PAID:
        raise _already_owned()
    if settled.after.status in (PROCESSING, PENDING):
        raise _in_progress()
    return None


def _make_session(
    database: Database, stripe: StripeCalls, member: Member, row: Row, client_url: str, now: datetime
) -> Checkout:
    order = _order(member, row, client_url)
    try:
        session = _create(stripe, order)
    except StripeRejected:
        _settle(database, member, row, closed(now), now)  # nothing was made: another try may begin
        raise
    expires_at = datetime.fromtimestamp(session["expires_at"], now.tzinfo)
    with database.autocommit(member.scope) as connection:
        purchases.save_session(connection, member.tenant_id, row["id"], session["id"], session["url"], expires_at)
    return Checkout(session["id"], session["url"])


def _create(stripe: StripeCalls, order: Order) -> dict[str, Any]:
    try:
        return stripe.create_session(order)
    except StripeRejected:
        if order.price_id is None:
            raise
        # The price made beforehand was archived or belongs to another account; the amount itself always works.
        return stripe.create_session(replace(order, price_id=None))


def _order(member: Member, row: Row, client_url: str) -> Order:
    base = client_url.rstrip("/")
    return Order(
        tenant_id=row["tenant_id"],
        purchase_id=row["id"],
        product_name=row["product_name"],
        amount=row["amount_cents"],
        currency=row["currency"],
        price_id=row["stripe_price_id"],
        email=member.principal.email,
        success_url=f"{base}/purchases/success?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{base}/purchases/cancelled",
    )


def _expire(stripe: StripeCalls, session_id: str) -> dict[str, Any] | None:
    """End an open session of other terms; the session as it is then, which may be paid in the meantime."""
    try:
        return stripe.expire_session(session_id)
    except StripeRejected:
        return stripe.get_session(session_id)


def _settle(database: Database, member: Member, row: Row, notice: Notice, now: datetime) -> Settled:
    with database.transaction(member.scope) as connection:
        settled = settle(connection, Reference(row["tenant_id"], row["id"]), notice, now)
    report(settled)
    return settled


def _refuse_while_paused(terms: Row) -> None:
    if terms["purchases_paused"]:
        raise Unavailable(
            "New purchases are paused at the moment. Try again later.", "PURCHASES_PAUSED", PAUSE_RETRY_SECONDS
        )


def _already_owned() -> Conflict:
    return Conflict("ALREADY_OWNED", "You own this model already.")


def _in_progress() -> Conflict:
    return Conflict(
        "PURCHASE_IN_PROGRESS", "A payment for this is on its way already. See GET /api/purchases for how it stands."
    )
