"""The few calls we make at Stripe, by its official library, which is imported with the first call (190 ms)."""

import hashlib
from collections.abc import Callable
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import Unavailable, UpstreamFailed
from stoa.core.secrets import secret
from stoa.core.settings import Settings, settings
from stoa.domain.billing.stripe_events import PURCHASE_KEY, TENANT_KEY, Reference, read_reference
from stoa.domain.billing.subscription_events import TEAM_KEY

if TYPE_CHECKING:
    import stripe

TIMEOUT_SECONDS = 8
NETWORK_RETRIES = 1  # by the library, with the same idempotency key
WITH_RECEIPT = ["payment_intent.latest_charge"]


class StripeRejected(UpstreamFailed):
    """Stripe understood the request and will not do it, however often it is asked."""

    def __init__(self, reason: str) -> None:
        super().__init__("PAYMENT_REFUSED", f"The payment service did not accept this: {reason}")


class Order(Struct, frozen=True):
    """Holds what a Checkout session is made from. All of it follows from the purchase's row, so it can be asked again.

    `price_id` names a price at Stripe; without one the amount (in the currency's smallest unit) goes along itself.
    """

    tenant_id: UUID
    purchase_id: UUID
    product_name: str
    amount: int
    currency: str
    price_id: str | None
    email: str | None
    success_url: str
    cancel_url: str


class SubscriptionOrder(Struct, frozen=True):
    """Holds what a pay page of a team's plan is made from. `price_cents` is a month's, in the smallest unit.

    `attempt` tells one pay page for the team from the next: asked twice for the same one, Stripe gives the same.
    """

    tenant_id: UUID
    team_id: UUID
    plan_name: str
    price_cents: int
    currency: str
    email: str | None
    customer_id: str | None
    attempt: str
    success_url: str
    cancel_url: str


class StripeCalls:
    """Stripe under one API key. Raises Unavailable when it cannot be reached, StripeRejected when it refuses."""

    def __init__(self, api_key: str, api_base: str | None = None) -> None:
        self._api_key = api_key
        self._api_base = api_base
        # Tells one account's things from another's in our tables, and nothing of the key.
        self.account_mark = hashlib.sha256(f"stoa {api_key} {api_base or ''}".encode()).hexdigest()[:16]

    def create_session(self, order: Order) -> dict[str, Any]:
        """Returns the order's Checkout session: the same one however often it is asked for within Stripe's 24 hours."""
        metadata = {TENANT_KEY: str(order.tenant_id), PURCHASE_KEY: str(order.purchase_id)}
        price: dict[str, Any] = {"price": order.price_id}
        if order.price_id is None:
            product = {"name": order.product_name}
            price = {"price_data": {"currency": order.currency, "unit_amount": order.amount, "product_data": product}}
        parameters: dict[str, Any] = {
            "mode": "payment",
            "line_items": [{"quantity": 1, **price}],
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "client_reference_id": str(order.purchase_id),
            "metadata": metadata,
            "payment_intent_data": {"metadata": metadata, "description": order.product_name},
            "adaptive_pricing": {"enabled": False},  # the money must come in the currency it was offered in
        }
        if order.email:
            parameters["customer_email"] = order.email
        key = f"stoa-checkout-{order.purchase_id}-{'price' if order.price_id else 'amount'}"
        return self._call(lambda v1: v1.checkout.sessions.create(parameters, {"idempotency_key": key}))

    def create_subscription_session(self, order: SubscriptionOrder) -> dict[str, Any]:
        """Returns a Checkout session that begins a monthly subscription; the same one however often it is asked for."""
        metadata = {TENANT_KEY: str(order.tenant_id), TEAM_KEY: str(order.team_id)}
        price = {
            "currency": order.currency,
            "unit_amount": order.price_cents,
            "product_data": {"name": order.plan_name},
            "recurring": {"interval": "month"},
        }
        parameters: dict[str, Any] = {
            "mode": "subscription",
            "line_items": [{"quantity": 1, "price_data": price}],
            "success_url": order.success_url,
            "cancel_url": order.cancel_url,
            "client_reference_id": str(order.team_id),
            "metadata": metadata,
            "subscription_data": {"metadata": metadata, "description": order.plan_name},
        }
        if order.customer_id:
            parameters["customer"] = order.customer_id
        elif order.email:
            parameters["customer_email"] = order.email
        key = f"stoa-team-{order.team_id}-{order.attempt}"
        return self._call(lambda v1: v1.checkout.sessions.create(parameters, {"idempotency_key": key}))

    def get_subscription(self, subscription_id: str) -> dict[str, Any] | None:
        """Returns a subscription with its last invoice; None when this account has none of that id."""
        return self._found(lambda v1: v1.subscriptions.retrieve(subscription_id, {"expand": ["latest_invoice"]}))

    def end_subscription_with_period(self, subscription_id: str, *, ends: bool) -> dict[str, Any]:
        """Let a subscription end with the month that is paid, or go on after all."""
        return self._call(lambda v1: v1.subscriptions.update(subscription_id, {"cancel_at_period_end": ends}))

    def cancel_subscription(self, subscription_id: str) -> dict[str, Any] | None:
        """End a subscription now; None when it is over already."""
        return self._found(lambda v1: v1.subscriptions.cancel(subscription_id))

    def open_portal(self, customer_id: str, return_url: str) -> str:
        """Returns the address of Stripe's own page where a customer changes card and sees invoices."""
        asked: Any = {"customer": customer_id, "return_url": return_url}
        return str(self._call(lambda v1: v1.billing_portal.sessions.create(asked))["url"])

    def get_session(self, session_id: str) -> dict[str, Any] | None:
        """Returns a session with its payment and charge; None when this account has none of that id."""
        return self._found(lambda v1: v1.checkout.sessions.retrieve(session_id, {"expand": WITH_RECEIPT}))

    def expire_session(self, session_id: str) -> dict[str, Any]:
        """End an open session. Raises StripeRejected when it is open no more."""
        return self._call(lambda v1: v1.checkout.sessions.expire(session_id))

    def reference_of_payment(self, payment_intent_id: str) -> Reference | None:
        """Returns the purchase that a payment is for, and its tenant. None: it is none of ours."""
        intent = self._found(lambda v1: v1.payment_intents.retrieve(payment_intent_id))
        return read_reference(intent.get("metadata")) if intent else None

    def ensure_product(self, product_id: str, name: str) -> str:
        """Returns the product of this id, made or renamed where needed; what was done: found, created or renamed."""
        found = self._found(lambda v1: v1.products.retrieve(product_id))
        if found is None:
            self._call(lambda v1: v1.products.create({"id": product_id, "name": name}))
            return "created"
        if found["name"] != name or not found["active"]:
            self._call(lambda v1: v1.products.update(product_id, {"name": name, "active": True}))
            return "renamed"
        return "found"

    def ensure_price(self, product_id: str, amount: int, currency: str) -> tuple[str, bool]:
        """Returns the id of the product's price for exactly this amount, and whether it had to be made."""
        lookup_key = f"{product_id}-{currency}-{amount}"[:200]
        found = self._call(lambda v1: v1.prices.list({"lookup_keys": [lookup_key], "active": True}))["data"]
        for price in found:
            if (price["product"], price["unit_amount"], price["currency"]) == (product_id, amount, currency):
                return str(price["id"]), False
        made = self._call(
            lambda v1: v1.prices.create(
                {
                    "product": product_id,
                    "unit_amount": amount,
                    "currency": currency,
                    "lookup_key": lookup_key,
                    "transfer_lookup_key": True,
                }
            )
        )
        return str(made["id"]), True

    @cached_property
    def _client(self) -> "stripe.StripeClient":
        import stripe

        return stripe.StripeClient(
            self._api_key,
            base_addresses={"api": self._api_base.rstrip("/")} if self._api_base else {},
            max_network_retries=NETWORK_RETRIES,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_SECONDS),
        )

    def _found(self, call: Callable[[Any], Any]) -> dict[str, Any] | None:
        try:
            return self._call(call)
        except StripeRejected as error:
            if isinstance(error.__cause__, Exception) and getattr(error.__cause__, "http_status", None) == 404:
                return None
            raise

    def _call(self, call: Callable[[Any], Any]) -> dict[str, Any]:
        client = self._client
        import stripe

        try:
            answer: dict[str, Any] = call(client.v1).to_dict()
        except (stripe.InvalidRequestError, stripe.IdempotencyError) as error:
            raise StripeRejected(error.code or "invalid request") from error
        except (stripe.AuthenticationError, stripe.PermissionError) as error:
            message = "The payment service does not accept this installation's key. Tell its operator."
            raise UpstreamFailed("PAYMENTS_MISCONFIGURED", message) from error
        except stripe.StripeError as error:
            raise Unavailable(
                "The payment service cannot be reached. Try again in a moment.", "PAYMENTS_UNAVAILABLE", 5
            ) from error
        return answer


@cache
def stripe_calls() -> StripeCalls:
    """This process's Stripe, from its settings. Raises StoaError (503) where no key is set."""
    chosen = settings()
    key = chosen.stripe_api_key or _from_secret(chosen, "api_key")
    if not key:
        raise Unavailable("This installation sells nothing yet: it has no Stripe key.", "PAYMENTS_NOT_CONFIGURED")
    return StripeCalls(key, chosen.stripe_api_base)


def webhook_secrets() -> list[str]:
    """Returns the secrets that Stripe signs our webhook with, separated by commas in the setting. Empty: trust none."""
    chosen = settings()
    return (chosen.stripe_webhook_secret or _from_secret(chosen, "webhook_secret") or "").split(",")


def _from_secret(chosen: Settings, name: str) -> str | None:
    if not chosen.stripe_secret_arn:
        return None
    value = secret(chosen.stripe_secret_arn).get(name)
    return value if isinstance(value, str) else None
