"""Subscriptions of a practice account: begun by a pay page, renewed, unpaid, paid after all, ended.

States and events are Stripe's own (https://docs.stripe.com/billing/subscriptions/overview#subscription-events); objects
have the form they have since version 2025-03-31: an invoice tells of its subscription in `parent`, and a period is its
item's.
"""

import calendar
from collections.abc import Callable
from datetime import UTC, datetime

from dev.practice_stripe.account import Account, StripeRefusal, Thing

ACTIONS = frozenset({"renew", "fail_renewal", "recover", "cancel", "cancel_at_period_end"})


def pay(account: Account, session: Thing, *, by_card: bool) -> None:
    """The first invoice of a session in subscription mode is paid, and the subscription begins. Only by card."""
    account.only(session, "open")
    if not by_card:
        raise StripeRefusal(400, "Practice subscriptions are paid by card.")
    if session["customer"]:
        customer = account.get("customer", session["customer"])
    else:
        customer = account.make("customer", "cus", {"email": session["customer_email"], "metadata": {}})
    data = session.pop("_subscription_data", {})
    subscription = account.make(
        "subscription",
        "sub",
        {
            "cancel_at_period_end": False,
            "canceled_at": None,
            "currency": session["currency"],
            "customer": customer["id"],
            "description": data.get("description"),
            "ended_at": None,
            "latest_invoice": None,
            "metadata": data.get("metadata", {}),
            "status": "active",
            "_amount": session["amount_total"],
        },
    )
    start = subscription["created"]
    subscription["items"] = {"object": "list", "data": [_item(subscription, start, month_later(start, start))]}
    invoice = _invoice(account, subscription, "subscription_create", start)
    invoice |= {"status": "paid", "amount_paid": invoice["amount_due"]}
    session |= {
        "status": "complete",
        "payment_status": "paid",
        "url": None,
        "customer": customer["id"],
        "subscription": subscription["id"],
        "invoice": invoice["id"],
    }
    account.happen("customer.subscription.created", _shown(subscription))
    account.happen("invoice.paid", invoice)
    account.happen("checkout.session.completed", session)


def act(account: Account, subscription: Thing, action: str) -> Thing:
    """Do one of ACTIONS. Raises StripeRefusal."""
    actions: dict[str, Callable[[Account, Thing], object]] = {
        "renew": renew,
        "fail_renewal": fail_renewal,
        "recover": recover,
        "cancel": cancel,
        "cancel_at_period_end": lambda account, subscription: change(account, subscription, ends=True),
    }
    if action not in actions:
        raise StripeRefusal(404, f"Nothing is called {action}; there are {', '.join(sorted(ACTIONS))}.")
    if subscription["status"] == "canceled":
        raise StripeRefusal(404, "This subscription has ended.", "resource_missing")
    actions[action](account, subscription)
    return subscription


def renew(account: Account, subscription: Thing) -> None:
    """The next month begins, and its invoice is paid."""
    invoice = _next_month(account, subscription)
    invoice |= {"status": "paid", "amount_paid": invoice["amount_due"]}
    subscription["status"] = "active"
    account.happen("customer.subscription.updated", _shown(subscription))
    account.happen("invoice.paid", invoice)


def fail_renewal(account: Account, subscription: Thing) -> None:
    """The next month begins, and its invoice is not paid: dunning."""
    invoice = _next_month(account, subscription)
    subscription["status"] = "past_due"
    account.happen("invoice.payment_failed", invoice)
    account.happen("customer.subscription.updated", _shown(subscription))


def recover(account: Account, subscription: Thing) -> None:
    """The open invoice is paid after all."""
    invoice = account.get("invoice", subscription["latest_invoice"])
    if invoice["status"] != "open":
        raise StripeRefusal(400, "No invoice of this subscription is open.")
    invoice |= {"status": "paid", "amount_paid": invoice["amount_due"]}
    subscription["status"] = "active"
    account.happen("invoice.paid", invoice)
    account.happen("customer.subscription.updated", _shown(subscription))


def cancel(account: Account, subscription: Thing) -> None:
    """It ends now."""
    moment = int(datetime.now(UTC).timestamp())
    subscription |= {"status": "canceled", "canceled_at": moment, "ended_at": moment}
    account.happen("customer.subscription.deleted", _shown(subscription))


def change(account: Account, subscription: Thing, *, ends: bool) -> None:
    """It ends with the month that is paid, or goes on."""
    subscription["cancel_at_period_end"] = ends
    subscription["canceled_at"] = int(datetime.now(UTC).timestamp()) if ends else None
    account.happen("customer.subscription.updated", _shown(subscription))


def month_later(moment: int, anchor: int) -> int:
    """The same day of the next month, the month's last where it has none, as Stripe reckons."""
    then, day = datetime.fromtimestamp(moment, UTC), datetime.fromtimestamp(anchor, UTC).day
    year, month = (then.year + 1, 1) if then.month == 12 else (then.year, then.month + 1)
    day = min(day, calendar.monthrange(year, month)[1])
    return int(then.replace(year=year, month=month, day=day).timestamp())


def _next_month(account: Account, subscription: Thing) -> Thing:
    item = subscription["items"]["data"][0]
    start = item["current_period_end"]
    item |= {"current_period_start": start, "current_period_end": month_later(start, subscription["created"])}
    return _invoice(account, subscription, "subscription_cycle", start)


def _invoice(account: Account, subscription: Thing, reason: str, start: int) -> Thing:
    end = subscription["items"]["data"][0]["current_period_end"]
    invoice = account.make(
        "invoice",
        "in",
        {
            "amount_due": subscription["_amount"],
            "amount_paid": 0,
            "billing_reason": reason,
            "currency": subscription["currency"],
            "customer": subscription["customer"],
            "lines": {
                "object": "list",
                "data": [{"amount": subscription["_amount"], "period": {"start": start, "end": end}}],
            },
            "parent": {
                "type": "subscription_details",
                "subscription_details": {
                    "subscription": subscription["id"],
                    "metadata": dict(subscription["metadata"]),
                },
            },
            "status": "open",
        },
    )
    invoice["hosted_invoice_url"] = f"{account.url}/practice"
    subscription["latest_invoice"] = invoice["id"]
    return invoice


def _item(subscription: Thing, start: int, end: int) -> Thing:
    return {
        "id": f"si_{subscription['id']}",
        "object": "subscription_item",
        "current_period_start": start,
        "current_period_end": end,
        "quantity": 1,
    }


def _shown(subscription: Thing) -> Thing:
    return {name: value for name, value in subscription.items() if name[0] != "_"}
