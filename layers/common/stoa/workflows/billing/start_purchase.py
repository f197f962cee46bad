"""Begins a purchase: our row first, then a Checkout session made from it."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from stoa.clients.stripe.stripe_client import Order, StripeCalls, StripeRejected
from stoa.core.errors import Conflict, NotFound, Unavailable
from stoa.core.ids import new_id
from stoa.core.observe import emit
from stoa.core.values import Private
from stoa.domain.billing.purchase_state import PAID, PENDING, PROCESSING
from stoa.domain.billing.stripe_events import Notice, Reference, read_session
from stoa.domain.catalogue.access import TIER_FREE, is_on_offer
from stoa.identity.caller import Caller
from stoa.store.billing import purchase_terms, purchases
from stoa.store.billing.purchase_terms import Terms
from stoa.store.billing.purchases import NewPurchase, Purchase
from stoa.store.selection.snapshots import MemberSnapshot
from stoa.workflows.billing.purchase_books import (
    SettledPurchase,
    closed,
    purchase_properties,
    report_purchase,
    settle_purchase,
)
from stoa.workflows.selection.member_view import load_with

PAUSE_RETRY_SECONDS = 3600
# Each round an earlier attempt turns out to be over; more than this many at once do not happen by themselves.
MOST_ROUNDS = 4
SESSION_SECONDS = 24 * 3600  # Stripe's own default, and as long as it remembers an idempotency key


class Wanted(Struct, frozen=True):
    """The product that a member asks to buy. `source` names the place in the client, for the funnel."""

    product_type: str  # model | bundle
    product_id: str
    source: str


class Checkout(Private, frozen=True):
    """The pay page of a purchase."""

    session_id: str
    url: str


class _Product(Struct, frozen=True):
    name: str
    model_ids: tuple[str, ...]
    amount_cents: int
    currency: str


def start_purchase(caller: Caller, stripe: StripeCalls, wanted: Wanted, client_url: str) -> Checkout:
    """Returns the pay page of the product, at the tenant's present price. A session that is still open is given again.

    Raises NotFound for what is not sold, Unavailable (PURCHASES_PAUSED), Conflict where there is nothing to pay for
    (ALREADY_OWNED, MODEL_IS_FREE, NOT_FOR_SALE) or where an earlier payment is on its way (PURCHASE_IN_PROGRESS), and
    what `stripe` raises.
    """
    asked = purchase_terms.statement(caller.tenant_id, caller.user_id, _bundle_id(wanted))
    view, (answered,) = load_with(caller.database, caller.member, caller.now, [asked])
    product = _product(wanted, view, purchase_terms.from_rows(answered), caller.now)
    for _ in range(MOST_ROUNDS):
        purchase, is_new = _begin(caller, stripe, wanted, product)
        if purchase is None:
            continue
        checkout = _checkout(caller, stripe, purchase, product, client_url)
        if checkout is not None:
            if is_new:
                emit("model_purchase_initiated", **purchase_properties(purchase))
            return checkout
    raise _in_progress()


def _bundle_id(wanted: Wanted) -> UUID | None:
    if wanted.product_type != "bundle":
        return None
    try:
        return UUID(wanted.product_id)
    except ValueError as error:
        raise NotFound("bundle") from error


def _product(wanted: Wanted, view: MemberSnapshot, terms: Terms, now: datetime) -> _Product:
    """Returns the product, or raises why it is not sold. Price and name are the tenant's, never the client's."""
    owned = set(terms.owned_models or ())
    if wanted.product_type == "bundle":
        return _bundle(view, terms, owned, now)
    offer = view.named(wanted.product_id, now)
    if offer is None or not is_on_offer(offer, now):
        raise NotFound("model")
    _refuse_while_paused(terms)
    if offer.access_tier == TIER_FREE:
        raise Conflict("MODEL_IS_FREE", f"{offer.display_name} is free: use it without buying.")
    if offer.model_id in owned:
        raise _already_owned()
    if offer.unlock_price_cents is None:
        raise Conflict("NOT_FOR_SALE", f"{offer.display_name} is not sold. Ask an admin to grant access.")
    return _Product(offer.display_name, (offer.model_id,), offer.unlock_price_cents, terms.currency)


def _bundle(view: MemberSnapshot, terms: Terms, owned: set[str], now: datetime) -> _Product:
    name, price_cents, models = terms.bundle_name, terms.bundle_price_cents, terms.bundle_models
    if name is None or price_cents is None or models is None:
        raise NotFound("bundle")
    if not all(model_id in view.offers and is_on_offer(view.offers[model_id], now) for model_id in models):
        raise NotFound("bundle")  # nobody pays for a model that does not answer any more
    _refuse_while_paused(terms)
    usable = {model_id for model_id in models if _is_free(view, model_id)} | owned
    if usable.issuperset(models):
        raise Conflict("ALREADY_OWNED", "You own every model of this bundle already.")
    return _Product(name, tuple(models), price_cents, terms.currency)


def _is_free(view: MemberSnapshot, model_id: str) -> bool:
    offer = view.offers.get(model_id)
    return offer is not None and offer.access_tier == TIER_FREE


def _begin(caller: Caller, stripe: StripeCalls, wanted: Wanted, product: _Product) -> tuple[Purchase | None, bool]:
    """Returns the member's open purchase of the product, and whether it is new. None: one ended just now."""
    new = NewPurchase(
        id=new_id(),
        tenant_id=caller.tenant_id,
        user_id=caller.user_id,
        product_type=wanted.product_type,
        product_id=wanted.product_id,
        product_name=product.name,
        model_ids=list(product.model_ids),
        amount_cents=product.amount_cents,
        currency=product.currency,
        source=wanted.source,
    )
    with caller.database.autocommit(caller.own_scope) as connection:
        is_new = purchases.begin(connection, new, stripe.account_mark, caller.now)
        found = purchases.get_open(connection, new.tenant_id, new.user_id, new.product_type, new.product_id)
    return found, is_new


def _checkout(
    caller: Caller, stripe: StripeCalls, purchase: Purchase, product: _Product, client_url: str
) -> Checkout | None:
    """Returns the pay page of an open purchase. None: it turned out to be over, and is closed in our books."""
    if purchase.status == PROCESSING:
        raise _in_progress()
    same_terms = _is_sold_as(purchase, product)
    if purchase.session_id is None:
        # Another request is making the session, or died before it noted it; Stripe's key gives the same to all.
        if same_terms and (caller.now - purchase.created_at).total_seconds() < SESSION_SECONDS:
            return _make_session(caller, stripe, purchase, client_url)
        _settle(caller, purchase, closed(caller.now))
        return None
    session = stripe.get_session(purchase.session_id)
    if session is not None and session["status"] == "open":
        if same_terms:
            return Checkout(session["id"], session["url"])
        session = _expire(stripe, purchase.session_id)
    settled = _settle(caller, purchase, closed(caller.now) if session is None else read_session(session, caller.now))
    if settled.after.status == PAID:
        raise _already_owned()
    if settled.after.status in (PROCESSING, PENDING):
        raise _in_progress()
    return None


def _is_sold_as(purchase: Purchase, product: _Product) -> bool:
    begun = (purchase.amount_cents, purchase.currency, purchase.product_name, set(purchase.model_ids))
    return begun == (product.amount_cents, product.currency, product.name, set(product.model_ids))


def _make_session(caller: Caller, stripe: StripeCalls, purchase: Purchase, client_url: str) -> Checkout:
    order = _order(caller, purchase, client_url)
    try:
        session = _create(stripe, order)
    except StripeRejected:
        _settle(caller, purchase, closed(caller.now))  # nothing was made: another try may begin
        raise
    session_id, url = session["id"], session["url"]
    expires_at = datetime.fromtimestamp(session["expires_at"], caller.now.tzinfo)
    with caller.database.autocommit(caller.own_scope) as connection:
        purchases.save_session(connection, caller.tenant_id, purchase.id, session_id, url, expires_at)
    return Checkout(session_id, url)


def _create(stripe: StripeCalls, order: Order) -> dict[str, Any]:
    try:
        return stripe.create_session(order)
    except StripeRejected:
        if order.price_id is None:
            raise
        # The price made beforehand was archived or belongs to another account; the amount itself always works.
        return stripe.create_session(replace(order, price_id=None))


def _order(caller: Caller, purchase: Purchase, client_url: str) -> Order:
    base = client_url.rstrip("/")
    return Order(
        tenant_id=purchase.tenant_id,
        purchase_id=purchase.id,
        product_name=purchase.product_name,
        amount=purchase.amount_cents,
        currency=purchase.currency,
        price_id=purchase.stripe_price_id,
        email=caller.member.principal.email,
        success_url=f"{base}/purchases/success?session_id={{CHECKOUT_SESSION_ID}}",
        cancel_url=f"{base}/purchases/cancelled",
    )


def _expire(stripe: StripeCalls, session_id: str) -> dict[str, Any] | None:
    """Ends an open session of other terms and returns it as it is then. It may have been paid in the meantime."""
    try:
        return stripe.expire_session(session_id)
    except StripeRejected:
        return stripe.get_session(session_id)


def _settle(caller: Caller, purchase: Purchase, notice: Notice) -> SettledPurchase:
    with caller.database.transaction(caller.own_scope) as connection:
        reference = Reference(purchase.tenant_id, purchase.id)
        settled = settle_purchase(connection, reference, notice, caller.now)
    report_purchase(settled)
    return settled


def _refuse_while_paused(terms: Terms) -> None:
    if terms.purchases_paused:
        raise Unavailable(
            "New purchases are paused at the moment. Try again later.", "PURCHASES_PAUSED", PAUSE_RETRY_SECONDS
        )


def _already_owned() -> Conflict:
    return Conflict("ALREADY_OWNED", "You own this model already.")


def _in_progress() -> Conflict:
    return Conflict(
        "PURCHASE_IN_PROGRESS", "A payment for this is on its way already. See GET /api/purchases for how it stands."
    )
