"""One practice Stripe over HTTP: the API under /v1, pay pages under /pay, and control endpoints under /practice."""

import json
import re
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from dev.practice_stripe import pages, subscriptions
from dev.practice_stripe.account import Account, StripeRefusal, Thing
from dev.practice_stripe.calls import Calls
from dev.practice_stripe.delivery import Delivery
from dev.practice_stripe.forms import decode

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


class Handler(BaseHTTPRequestHandler):
    """HTTP in front of a Service, which the server carries as `service`."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body go out together
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        """http.server calls this."""
        self._answer("GET")

    def do_POST(self) -> None:
        """http.server calls this."""
        self._answer("POST")

    def do_DELETE(self) -> None:
        """http.server calls this."""
        self._answer("DELETE")

    def do_PUT(self) -> None:
        """http.server calls this."""
        self._answer("PUT")

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: tests and `make run` have their own logs."""

    @property
    def _service(self) -> Service:
        return self.server.service  # type: ignore[attr-defined,no-any-return]

    def _answer(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        parts = urlsplit(self.path)
        try:
            if parts.path.startswith("/v1/"):
                headers = {name.lower(): value for name, value in self.headers.items()}
                parameters = decode(parts.query if method == "GET" else body)
                self._json(*self._service.calls.answer(method, parts.path, parameters, headers))
            elif found := _PAY.fullmatch(parts.path):
                self._pay(method, found[1], found[2])
            elif method == "GET" and parts.path.startswith("/client/"):
                self._html(pages.client_page(parts.path))
            elif method == "GET" and parts.path.startswith("/receipts/"):
                charge = self._service.account.get("charge", parts.path.removeprefix("/receipts/"))
                self._html(pages.receipt(charge))
            elif method == "GET" and parts.path == "/practice":
                self._html(pages.dashboard(self._service.account))
            else:
                self._control(method, parts.path, parts.query, body)
        except StripeRefusal as refusal:
            self._json(refusal.status, refusal.body)

    def _control(self, method: str, path: str, query: str, body: str) -> None:
        is_form = "urlencoded" in self.headers.get("Content-Type", "")
        given = decode(query) if is_form or not body else json.loads(body)
        answer = self._service.steer(method, path, given)
        if is_form:  # a button of the list of payments
            self._redirect("/practice")
        else:
            self._json(200, answer)

    def _pay(self, method: str, session_id: str, action: str | None) -> None:
        account = self._service.account
        session = account.get("session", session_id)
        if method == "GET" or action is None:
            self._html(pages.pay_page(session))
        elif action == "cancel":
            self._redirect(session["cancel_url"] or "/practice")
        else:
            self._service.act(session_id, action)
            if action in ("pay", "pay_later"):
                self._redirect(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id))
            else:
                self._html(pages.pay_page(session, "The card was declined." if action == "decline" else "Done."))

    def _json(self, status: int, body: Any) -> None:
        self._send(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

    def _html(self, page: str) -> None:
        self._send(200, page.encode(), {"Content-Type": "text/html; charset=utf-8"})

    def _redirect(self, address: str) -> None:
        self._send(303, b"", {"Location": address})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body)), "Request-Id": "req_practice"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
