"""The content of a Stripe account and its events: sessions, payments, refunds, disputes, products, prices.

Field names and states are Stripe's own (https://docs.stripe.com/api). Every method must be called under `lock`.
"""

import copy
import itertools
import secrets
import threading
import time
from collections.abc import Callable
from typing import Any

API_VERSION = "practice"
SESSION_SECONDS = 24 * 3600

Thing = dict[str, Any]


class StripeRefusal(Exception):
    """An error in Stripe's form."""

    def __init__(self, status: int, message: str, code: str | None = None, kind: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "code": code, "message": message}}


class Account:
    """An account in memory. `tell` is called with each new event."""

    def __init__(self, tell: Callable[[Thing], None]) -> None:
        self.lock = threading.RLock()
        self.url = ""  # where pay pages and receipts are, known once it listens
        self.things: dict[str, dict[str, Thing]] = {
            kind: {}
            for kind in (
                "session",
                "payment_intent",
                "charge",
                "refund",
                "dispute",
                "product",
                "price",
                "customer",
                "subscription",
                "invoice",
            )
        }
        self.events: list[Thing] = []
        self._numbers = itertools.count(1)
        self._tell = tell

    def get(self, kind: str, identifier: str) -> Thing:
        """A thing by its id. Raises StripeRefusal (404)."""
        try:
            return self.things[kind][identifier]
        except KeyError:
            raise StripeRefusal(404, f"No such {kind}: '{identifier}'", "resource_missing") from None

    def make(self, kind: str, prefix: str, fields: Thing, identifier: str | None = None) -> Thing:
        """Add a thing."""
        identifier = identifier or f"{prefix}_{next(self._numbers):04d}{secrets.token_hex(8)}"
        if identifier in self.things[kind]:
            raise StripeRefusal(400, f"There is a {kind} '{identifier}' already.", "resource_already_exists")
        names = {"session": "checkout.session"}
        made = {"id": identifier, "object": names.get(kind, kind), "created": int(time.time()), "livemode": False}
        self.things[kind][identifier] = {**made, **fields}
        return self.things[kind][identifier]

    def happen(self, kind: str, thing: Thing) -> None:
        """Record an event about a thing as it is now, and tell of it."""
        event = {
            "id": f"evt_{next(self._numbers):04d}{secrets.token_hex(8)}",
            "object": "event",
            "api_version": API_VERSION,
            "created": int(time.time()),
            "data": {"object": copy.deepcopy(thing)},
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self.events.append(event)
        self._tell(event)

    def open_session(self, fields: Thing) -> Thing:
        """A new Checkout session with its pay page."""
        session = self.make("session", "cs_test", fields)
        session |= {
            "status": "open",
            "payment_status": "unpaid",
            "payment_intent": None,
            "expires_at": session["created"] + SESSION_SECONDS,
            "url": f"{self.url}/pay/{session['id']}",
        }
        return session

    def pay(self, session: Thing) -> None:
        """The member pays by card: the money is there at once."""
        self.only(session, "open")
        intent = self._complete(session)
        self._money_comes(session, intent)
        self.happen("checkout.session.completed", session)

    def pay_later(self, session: Thing) -> None:
        """The member pays in a way that takes days: checkout is complete, the money is on its way."""
        self.only(session, "open")
        self._complete(session)["status"] = "processing"
        self.happen("checkout.session.completed", session)

    def arrive(self, session: Thing) -> None:
        """The delayed money comes."""
        intent = self._processing(session)
        self._money_comes(session, intent)
        self.happen("checkout.session.async_payment_succeeded", session)

    def fail_later(self, session: Thing) -> None:
        """The delayed money does not come."""
        intent = self._processing(session)
        intent["status"] = "requires_payment_method"
        self.happen("payment_intent.payment_failed", intent)
        self.happen("checkout.session.async_payment_failed", session)

    def decline(self, session: Thing) -> None:
        """The card is declined; the session stays open, as at Stripe."""
        self.only(session, "open")
        failed = {"object": "payment_intent", "id": f"pi_declined_{session['id']}", "metadata": {}}
        self.happen("payment_intent.payment_failed", failed)

    def expire(self, session: Thing) -> None:
        """The session ends unpaid."""
        self.only(session, "open")
        session |= {"status": "expired", "url": None}
        self.happen("checkout.session.expired", session)

    def refund(self, charge: Thing, amount: int | None) -> Thing:
        """Give some or all of a charge back."""
        left = charge["amount"] - charge["amount_refunded"]
        amount = left if amount is None else amount
        if not 0 < amount <= left:
            raise StripeRefusal(400, f"Refund amount must be from 1 to {left}.", "charge_already_refunded")
        charge["amount_refunded"] += amount
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        refund = self.make(
            "refund",
            "re",
            {
                "amount": amount,
                "charge": charge["id"],
                "currency": charge["currency"],
                "payment_intent": charge["payment_intent"],
                "status": "succeeded",
            },
        )
        self.happen("charge.refunded", charge)
        return refund

    def dispute(self, charge: Thing) -> Thing:
        """The member's bank takes the money back and asks why."""
        charge["disputed"] = True
        dispute = self.make(
            "dispute",
            "dp",
            {
                "amount": charge["amount"],
                "charge": charge["id"],
                "currency": charge["currency"],
                "metadata": {},
                "payment_intent": charge["payment_intent"],
                "reason": "fraudulent",
                "status": "needs_response",
            },
        )
        self.happen("charge.dispute.created", dispute)
        return dispute

    def close_dispute(self, dispute: Thing, outcome: str) -> None:
        """The bank decides: `won` or `lost`."""
        if outcome not in ("won", "lost", "warning_closed"):
            raise StripeRefusal(400, "A dispute is won, lost or warning_closed.")
        dispute["status"] = outcome
        self.happen("charge.dispute.closed", dispute)

    def _complete(self, session: Thing) -> Thing:
        data = session.pop("_payment_intent_data", {})
        intent = self.make(
            "payment_intent",
            "pi",
            {
                "amount": session["amount_total"],
                "currency": session["currency"],
                "description": data.get("description"),
                "latest_charge": None,
                "metadata": data.get("metadata", {}),
                "status": "requires_payment_method",
            },
        )
        session |= {"status": "complete", "url": None, "payment_intent": intent["id"]}
        return intent

    def _money_comes(self, session: Thing, intent: Thing) -> None:
        charge = self.make(
            "charge",
            "ch",
            {
                "amount": intent["amount"],
                "amount_refunded": 0,
                "captured": True,
                "currency": intent["currency"],
                "description": intent["description"],
                "disputed": False,
                "metadata": dict(intent["metadata"]),
                "paid": True,
                "payment_intent": intent["id"],
                "refunded": False,
                "status": "succeeded",
            },
        )
        charge["receipt_url"] = f"{self.url}/receipts/{charge['id']}"
        intent |= {"status": "succeeded", "latest_charge": charge["id"]}
        session["payment_status"] = "paid"
        self.happen("payment_intent.succeeded", intent)
        self.happen("charge.succeeded", charge)

    def _processing(self, session: Thing) -> Thing:
        self.only(session, "complete")
        intent = self.get("payment_intent", session["payment_intent"])
        if intent["status"] != "processing":
            raise StripeRefusal(400, "No money is on its way for this session.")
        return intent

    @staticmethod
    def only(session: Thing, status: str) -> None:
        """Raises StripeRefusal for a session in any other status."""
        if session["status"] != status:
            raise StripeRefusal(400, f"This session is {session['status']}, not {status}.")
