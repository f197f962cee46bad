"""The whole unlock over HTTP, as a member lives it: locked, trial, checkout, pay page, chat, refund, locked again."""

from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from dev.practice_stripe import control
from tests.e2e.clients import Client, Stack, browse, until

MODEL = "gpt-4o"


def premium(member: Client) -> dict[str, Any]:
    models = member.call("GET", "/api/models")[1]["data"]["premium"]
    return next(model for model in models if model["id"] == MODEL)


@pytest.fixture
def member(stack: Stack) -> Client:
    """Somebody who was never here before."""
    return Client(stack.port, f"{uuid4()}@demo.test")


def wait_until_told(stripe_port: int) -> None:
    """Return when each event that happened at practice Stripe has been delivered, or tried to be."""
    events = {event["id"] for event in control(stripe_port, "GET", "/events")}
    until(lambda: events <= {one["event"] for one in control(stripe_port, "GET", "/deliveries")} or None)


def test_locked_trial_checkout_pay_chat_refund_locked(member: Client) -> None:
    offer = premium(member)
    assert (offer["purchased"], offer["priceCents"] > 0) == (False, True)
    for left in range(offer["trialMessagesRemaining"] - 1, -1, -1):
        status, answer = member.chat(modelId=MODEL)
        assert status == 200, answer
        assert answer["data"]["metadata"]["trialMessagesRemaining"] == left, answer

    status, refused = member.chat(modelId=MODEL)
    details = refused["error"]["details"]
    assert (status, refused["error"]["code"], details["reason"]) == (402, "MODEL_LOCKED", "TRIAL_EXPIRED")
    assert details["priceCents"] == offer["priceCents"]
    purchase = details["purchase"]  # the client does what the refusal says
    status, checkout = member.call(purchase["method"], purchase["path"], purchase["body"])
    assert status == 200, checkout
    assert member.call(purchase["method"], purchase["path"], purchase["body"]) == (200, checkout)

    pay = urlsplit(checkout["url"])
    status, page = browse("GET", checkout["url"])
    assert status == 200
    assert f"{offer['priceCents'] / 100:.2f} USD" in page
    status, back = browse("POST", f"{checkout['url']}/pay")
    assert status == 303
    assert back.endswith(f"/purchases/success?session_id={checkout['sessionId']}")
    status, bought = member.call("GET", f"/api/purchases/session/{checkout['sessionId']}")
    assert (status, bought["data"]["status"], bought["data"]["entitled"]) == (200, "paid", True)
    assert member.chat(modelId=MODEL)[0] == 200
    assert premium(member)["purchaseStatus"] == "purchased"

    wait_until_told(pay.port)
    (listed,) = member.call("GET", "/api/purchases")[1]["data"]
    assert listed["amountCents"] == offer["priceCents"]
    assert browse("GET", listed["receiptUrl"])[0] == 200
    status, again = member.call(purchase["method"], purchase["path"], purchase["body"])
    assert (status, again["error"]["code"]) == (409, "ALREADY_OWNED")

    charge = urlsplit(listed["receiptUrl"]).path.rpartition("/")[2]
    control(pay.port, "POST", f"/charges/{charge}/refund", {})
    wait_until_told(pay.port)
    status, refused = member.chat(modelId=MODEL)
    assert (status, refused["error"]["code"]) == (402, "MODEL_LOCKED")
    assert member.call("GET", "/api/purchases")[1]["data"][0]["status"] == "refunded"


def test_money_that_comes_later_unlocks_by_the_event_alone(member: Client) -> None:
    status, checkout = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert status == 200, checkout
    pay = urlsplit(checkout["url"])
    assert browse("POST", f"{checkout['url']}/pay_later")[0] == 303
    wait_until_told(pay.port)
    assert member.call("GET", "/api/purchases")[1]["data"][0]["status"] == "processing"
    status, again = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert (status, again["error"]["code"]) == (409, "PURCHASE_IN_PROGRESS")

    assert browse("POST", f"{checkout['url']}/arrive")[0] == 200
    wait_until_told(pay.port)
    assert premium(member)["purchased"] is True


def test_a_scheduled_reconciliation_can_be_fired_by_hand(member: Client) -> None:
    status, answer = member.call("POST", "/dev/run/reconcile", {})
    assert (status, answer["returned"]["events"]["dead"]) == (200, 0)


def test_events_five_times_shuffled_eight_at_a_time_over_http(member: Client) -> None:
    status, checkout = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert status == 200, checkout
    pay = urlsplit(checkout["url"])
    wait_until_told(pay.port)
    control(pay.port, "PUT", "/powers", {"hold": True, "copies": 5, "shuffle": True, "parallel": 8})
    assert browse("POST", f"{checkout['url']}/pay")[0] == 303
    assert control(pay.port, "POST", "/release")["statuses"] == [200] * 15
    (listed,) = member.call("GET", "/api/purchases")[1]["data"]
    assert (listed["status"], listed["entitled"]) == ("paid", True)
    control(pay.port, "PUT", "/powers", {"hold": False, "copies": 1, "shuffle": False, "parallel": 1})


@pytest.mark.parametrize("signature", ["bad", "stale", "missing"])
def test_spoilt_signatures_over_http_are_400_and_change_nothing(member: Client, signature: str) -> None:
    status, checkout = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert status == 200, checkout
    pay = urlsplit(checkout["url"])
    wait_until_told(pay.port)
    control(pay.port, "PUT", "/powers", {"hold": True, "signature": signature})
    assert browse("POST", f"{checkout['url']}/pay")[0] == 303
    assert control(pay.port, "POST", "/release")["statuses"] == [400] * 3
    assert member.call("GET", "/api/purchases")[1]["data"][0]["status"] == "pending"
    control(pay.port, "PUT", "/powers", {"hold": False, "signature": "good"})
