"""The part of Stripe's API that we call: form-encoded in, JSON out, with idempotency keys."""

import copy
import re
from collections.abc import Callable, Mapping
from typing import Any

from dev.practice_stripe import subscriptions
from dev.practice_stripe.account import Account, StripeRefusal, Thing

Parameters = dict[str, Any]
_SESSION_FIELDS = frozenset(
    {
        "adaptive_pricing",
        "cancel_url",
        "client_reference_id",
        "customer",
        "customer_email",
        "expires_at",
        "expand",
        "line_items",
        "metadata",
        "mode",
        "payment_intent_data",
        "subscription_data",
        "success_url",
    }
)
_ONE_EXPANDED = {"payment_intent": "payment_intent", "latest_charge": "charge", "latest_invoice": "invoice"}


class Calls:
    """`answer(method, path, parameters, key)` as Stripe would, for one account."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._kept: dict[str, tuple[Any, int, Thing]] = {}  # by idempotency key
        one = r"/([\w.-]+)"
        self._routes: list[tuple[str, re.Pattern[str], Callable[..., Thing]]] = [
            (method, re.compile(path), call)
            for method, path, call in (
                ("POST", "/v1/checkout/sessions", self._create_session),
                ("GET", f"/v1/checkout/sessions{one}", lambda p, i: self._get("session", p, i)),
                ("POST", f"/v1/checkout/sessions{one}/expire", self._expire_session),
                ("GET", f"/v1/payment_intents{one}", lambda p, i: self._get("payment_intent", p, i)),
                ("GET", f"/v1/charges{one}", lambda p, i: self._get("charge", p, i)),
                ("POST", "/v1/refunds", self._refund),
                ("GET", f"/v1/disputes{one}", lambda p, i: self._get("dispute", p, i)),
                ("POST", "/v1/products", self._create_product),
                ("GET", f"/v1/products{one}", lambda p, i: self._get("product", p, i)),
                ("POST", f"/v1/products{one}", self._update_product),
                ("GET", "/v1/prices", self._list_prices),
                ("POST", "/v1/prices", self._create_price),
                ("GET", f"/v1/prices{one}", lambda p, i: self._get("price", p, i)),
                ("GET", "/v1/events", self._list_events),
                ("GET", f"/v1/subscriptions{one}", lambda p, i: self._get("subscription", p, i)),
                ("POST", f"/v1/subscriptions{one}", self._change_subscription),
                ("DELETE", f"/v1/subscriptions{one}", self._cancel_subscription),
                ("POST", "/v1/billing_portal/sessions", self._open_portal),
            )
        ]

    def answer(self, method: str, path: str, parameters: Parameters, headers: Mapping[str, str]) -> tuple[int, Thing]:
        """Status and body."""
        with self._account.lock:
            try:
                self._check_key(headers.get("authorization", ""))
                return self._once(method, path, parameters, headers.get("idempotency-key"))
            except StripeRefusal as refusal:
                return refusal.status, refusal.body

    def _once(self, method: str, path: str, parameters: Parameters, key: str | None) -> tuple[int, Thing]:
        if method != "POST" or key is None:
            return 200, self._call(method, path, parameters)
        asked = (path, parameters)
        kept = self._kept.get(key)
        if kept is None:
            try:
                status, body = 200, self._call(method, path, parameters)
            except StripeRefusal as refusal:
                status, body = refusal.status, refusal.body
            self._kept[key] = kept = (copy.deepcopy(asked), status, copy.deepcopy(body))
        elif kept[0] != asked:
            message = f"Keys for idempotent requests can only be used with the same parameters ({key})."
            raise StripeRefusal(400, message, kind="idempotency_error")
        return kept[1], kept[2]

    def _call(self, method: str, path: str, parameters: Parameters) -> Thing:
        for known_method, pattern, call in self._routes:
            found = pattern.fullmatch(path)
            if found and known_method == method:
                return {name: value for name, value in call(parameters, *found.groups()).items() if name[0] != "_"}
        raise StripeRefusal(404, f"Practice Stripe does not know {method} {path}.")

    @staticmethod
    def _check_key(authorization: str) -> None:
        if not authorization.startswith("Bearer sk_test_"):
            raise StripeRefusal(401, "Practice Stripe takes any key that starts with sk_test_.")

    def _get(self, kind: str, parameters: Parameters, identifier: str) -> Thing:
        thing = self._account.get(kind, identifier)
        for path in parameters.get("expand", ()):
            thing = self._expanded(thing, path.split("."))
        return thing

    def _expanded(self, thing: Thing, steps: list[str]) -> Thing:
        name, *rest = steps
        inner = thing.get(name)
        if isinstance(inner, str):
            inner = self._account.get(_ONE_EXPANDED[name], inner)
        if rest and inner is not None:
            inner = self._expanded(inner, rest)
        return {**thing, name: inner}

    def _create_session(self, parameters: Parameters) -> Thing:
        unknown = parameters.keys() - _SESSION_FIELDS
        if unknown:
            raise StripeRefusal(400, f"Received unknown parameter: {sorted(unknown)[0]}", "parameter_unknown")
        other = "subscription_data" if parameters["mode"] == "payment" else "payment_intent_data"
        if other in parameters:
            raise StripeRefusal(400, f"You can not pass `{other}` in `{parameters['mode']}` mode.")
        if parameters["mode"] == "subscription" and not all(
            "recurring" in self._price(item) for item in parameters["line_items"]
        ):
            raise StripeRefusal(400, "You must provide at least one recurring price in `subscription` mode.")
        amount, currency = self._total(parameters["line_items"])
        return self._account.open_session(
            {
                "mode": parameters["mode"],
                "amount_subtotal": amount,
                "amount_total": amount,
                "currency": currency,
                "client_reference_id": parameters.get("client_reference_id"),
                "customer": parameters.get("customer"),
                "customer_email": parameters.get("customer_email"),
                "metadata": parameters.get("metadata", {}),
                "success_url": parameters["success_url"],
                "cancel_url": parameters.get("cancel_url"),
                "_payment_intent_data": parameters.get("payment_intent_data", {}),
                "_subscription_data": parameters.get("subscription_data", {}),
                "_names": [self._name(item) for item in parameters["line_items"]],
            }
        )

    def _total(self, items: list[Parameters]) -> tuple[int, str]:
        total, currency = 0, ""
        for item in items:
            price = self._price(item)
            total += int(item["quantity"]) * int(price["unit_amount"])
            currency = price["currency"]
        return total, currency

    def _price(self, item: Parameters) -> Thing:
        if "price" not in item:
            return item["price_data"]  # type: ignore[no-any-return]
        price = self._account.get("price", item["price"])
        if not price["active"]:
            raise StripeRefusal(400, "The price specified is inactive.", "price_inactive")
        return price

    def _name(self, item: Parameters) -> str:
        if "price" in item:
            return str(self._account.get("product", self._price(item)["product"])["name"])
        return str(item["price_data"]["product_data"]["name"])

    def _expire_session(self, _: Parameters, identifier: str) -> Thing:
        session = self._account.get("session", identifier)
        self._account.expire(session)
        return session

    def _refund(self, parameters: Parameters) -> Thing:
        if "charge" in parameters:
            charge = self._account.get("charge", parameters["charge"])
        else:
            intent = self._account.get("payment_intent", parameters["payment_intent"])
            charge = self._account.get("charge", intent["latest_charge"])
        return self._account.refund(charge, int(parameters["amount"]) if "amount" in parameters else None)

    def _create_product(self, parameters: Parameters) -> Thing:
        fields = {"name": parameters["name"], "active": True, "metadata": parameters.get("metadata", {})}
        return self._account.make("product", "prod", fields, parameters.get("id"))

    def _update_product(self, parameters: Parameters, identifier: str) -> Thing:
        product = self._account.get("product", identifier)
        product |= {**parameters, "active": parameters.get("active", "true") == "true"}
        return product

    def _create_price(self, parameters: Parameters) -> Thing:
        product = self._account.get("product", parameters["product"])
        lookup_key = parameters.get("lookup_key")
        for price in self._account.things["price"].values():
            if lookup_key and price["lookup_key"] == lookup_key:
                if parameters.get("transfer_lookup_key") != "true":
                    raise StripeRefusal(400, f"Another price has the lookup key {lookup_key}.")
                price["lookup_key"] = None
        return self._account.make(
            "price",
            "price",
            {
                "active": True,
                "currency": parameters["currency"],
                "lookup_key": lookup_key,
                "product": product["id"],
                "unit_amount": int(parameters["unit_amount"]),
            },
        )

    def _list_prices(self, parameters: Parameters) -> Thing:
        wanted = parameters.get("lookup_keys", ())
        active = parameters.get("active", "true") == "true"
        return _list(
            [
                price
                for price in self._account.things["price"].values()
                if price["active"] == active and (not wanted or price["lookup_key"] in wanted)
            ]
        )

    def _change_subscription(self, parameters: Parameters, identifier: str) -> Thing:
        subscription = self._running(identifier)
        subscriptions.change(self._account, subscription, ends=parameters["cancel_at_period_end"] == "true")
        return subscription

    def _cancel_subscription(self, _: Parameters, identifier: str) -> Thing:
        subscription = self._running(identifier)
        subscriptions.cancel(self._account, subscription)
        return subscription

    def _running(self, identifier: str) -> Thing:
        subscription = self._account.get("subscription", identifier)
        if subscription["status"] == "canceled":
            raise StripeRefusal(404, f"No such subscription: '{identifier}'", "resource_missing")
        return subscription

    def _open_portal(self, parameters: Parameters) -> Thing:
        customer = self._account.get("customer", parameters["customer"])
        url = f"{self._account.url}/practice?customer={customer['id']}"
        return {"id": f"bps_{customer['id']}", "object": "billing_portal.session", "url": url}

    def _list_events(self, parameters: Parameters) -> Thing:
        limit = int(parameters.get("limit", 10))
        kind = parameters.get("type")
        return _list([event for event in reversed(self._account.events) if kind in (None, event["type"])][:limit])


def _list(things: list[Thing]) -> Thing:
    return {"object": "list", "data": things, "has_more": False, "url": "/v1"}
