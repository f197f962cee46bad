"""A practice Stripe over HTTP: the API under /v1, pay pages under /pay, and control endpoints under /practice."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from dev.practice_stripe import pages, subscriptions
from dev.practice_stripe.account import Account, StripeRefusal, Thing
from dev.practice_stripe.calls import Calls
from dev.practice_stripe.delivery import Delivery
from dev.practice_stripe.forms import decode
from dev.serving.answers import Answer
from dev.serving.requests import Request

SESSION_ACTIONS = frozenset({"pay", "pay_later", "decline", "expire", "arrive", "fail_later"})
_PAY = re.compile(r"/pay/([\w.-]+)(?:/(\w+))?")
_SESSION = re.compile(r"/practice/sessions/([\w.-]+)/(\w+)")
_CHARGE = re.compile(r"/practice/charges/([\w.-]+)/(refund|dispute)")
_DISPUTE = re.compile(r"/practice/disputes/([\w.-]+)/close")
_SUBSCRIPTION = re.compile(r"/practice/subscriptions/([\w.-]+)/(\w+)")
_RESEND = re.compile(r"/practice/events/([\w.-]+)/resend")


class Service:
    """The account, its API and its events."""

    def __init__(self, webhook: str | None, secret: str) -> None:
        self.delivery = Delivery(webhook, secret)
        self.account = Account(self.delivery.take)
        self.calls = Calls(self.account)

    def act(self, session_id: str, action: str) -> Thing:
        """Do one of SESSION_ACTIONS to a session. Raises StripeRefusal."""
        if action not in SESSION_ACTIONS:
            raise StripeRefusal(404, f"Nothing is called {action}; there are {', '.join(sorted(SESSION_ACTIONS))}.")
        with self.account.lock:
            session = self.account.get("session", session_id)
            if session["mode"] == "subscription" and action in ("pay", "pay_later"):
                subscriptions.pay(self.account, session, by_card=action == "pay")
            else:
                getattr(self.account, action)(session)
            return session

    def steer(self, method: str, path: str, given: Mapping[str, Any]) -> Any:
        """A control endpoint: what it answers. Raises StripeRefusal."""
        account, delivery = self.account, self.delivery
        simple: dict[tuple[str, str], Callable[[], Any]] = {
            ("GET", "/practice/events"): lambda: account.events,
            ("GET", "/practice/deliveries"): lambda: delivery.log,
            ("GET", "/practice/things"): lambda: account.things,
            ("PUT", "/practice/powers"): lambda: delivery.set_powers(dict(given)),
            ("POST", "/practice/release"): lambda: {"statuses": delivery.release()},
        }
        if (method, path) in simple:
            try:
                return simple[method, path]()
            except (ValueError, TypeError) as error:
                raise StripeRefusal(422, str(error)) from error
        with account.lock:
            if method == "POST" and (found := _SESSION.fullmatch(path)):
                return self.act(found[1], found[2])
            if method == "POST" and (found := _SUBSCRIPTION.fullmatch(path)):
                return subscriptions.act(account, account.get("subscription", found[1]), found[2])
            if method == "POST" and (found := _CHARGE.fullmatch(path)):
                charge = account.get("charge", found[1])
                amount = given.get("amount")
                return account.refund(charge, amount) if found[2] == "refund" else account.dispute(charge)
            if method == "POST" and (found := _DISPUTE.fullmatch(path)):
                dispute = account.get("dispute", found[1])
                account.close_dispute(dispute, str(given.get("status", "won")))
                return dispute
        if method == "POST" and (found := _RESEND.fullmatch(path)):
            events = [event for event in account.events if event["id"] == found[1]]
            return {"statuses": [delivery.send(event) for event in events]}
        raise StripeRefusal(404, f"Practice Stripe does not know {method} {path}.")


class Website:
    """HTTP in front of a Service. `respond` may be called in several threads at once."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def respond(self, request: Request) -> Answer:
        """The answer to a request, as `dev.serving.application` wants it."""
        try:
            return self._answer(request)
        except StripeRefusal as refusal:
            return _json(refusal.status, refusal.body)

    def _answer(self, request: Request) -> Answer:
        method, path = request.method, request.path
        if path.startswith("/v1/"):
            parameters = decode(request.query if method == "GET" else request.body.decode())
            return _json(*self._service.calls.answer(method, path, parameters, request.lower))
        if found := _PAY.fullmatch(path):
            return self._pay(method, found[1], found[2])
        if method == "GET" and path.startswith("/client/"):
            return _html(pages.client_page(path))
        if method == "GET" and path.startswith("/receipts/"):
            charge = self._service.account.get("charge", path.removeprefix("/receipts/"))
            return _html(pages.receipt(charge))
        if method == "GET" and path == "/practice":
            return _html(pages.dashboard(self._service.account))
        return self._control(request)

    def _control(self, request: Request) -> Answer:
        is_form = "urlencoded" in request.lower.get("content-type", "")
        given = decode(request.query) if is_form or not request.body else json.loads(request.body)
        answer = self._service.steer(request.method, request.path, given)
        return _redirect("/practice") if is_form else _json(200, answer)  # a form: a button of the list of payments

    def _pay(self, method: str, session_id: str, action: str | None) -> Answer:
        session = self._service.account.get("session", session_id)
        if method == "GET" or action is None:
            return _html(pages.pay_page(session))
        if action == "cancel":
            return _redirect(session["cancel_url"] or "/practice")
        self._service.act(session_id, action)
        if action in ("pay", "pay_later"):
            return _redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id))
        return _html(pages.pay_page(session, "The card was declined." if action == "decline" else "Done."))


def _json(status: int, body: Any) -> Answer:
    return _sent(status, json.dumps(body).encode(), ("content-type", "application/json"))


def _html(page: str) -> Answer:
    return _sent(200, page.encode(), ("content-type", "text/html; charset=utf-8"))


def _redirect(address: str) -> Answer:
    return _sent(303, b"", ("location", address))


def _sent(status: int, body: bytes, header: tuple[str, str]) -> Answer:
    return Answer(status, [header, ("request-id", "req_practice")], body)
