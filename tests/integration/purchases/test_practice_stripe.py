"""The practice Stripe itself: what our code must be able to rely on, by Stripe's own library."""

import json
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
import stripe

from dev.practice_stripe import PRACTICE_SECRET, PracticeStripe, control

SALE = {
    "mode": "payment",
    "line_items": [
        {"quantity": 2, "price_data": {"currency": "eur", "unit_amount": 250, "product_data": {"name": "A"}}}
    ],
    "success_url": "https://client.example/back?session={CHECKOUT_SESSION_ID}",
    "cancel_url": "https://client.example/cancelled",
    "metadata": {"a": "1"},
    "payment_intent_data": {"metadata": {"b": "2"}},
}


class Webhook:
    """Takes events and checks them by Stripe's library."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []
        self.refused = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                try:
                    stripe.WebhookSignature.verify_header(
                        body, self.headers.get("Stripe-Signature"), PRACTICE_SECRET, 300
                    )
                except stripe.SignatureVerificationError:
                    outer.refused += 1
                    self.send_response(400)
                else:
                    outer.taken.append(json.loads(body))
                    self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/"


@pytest.fixture
def webhook():
    taking = Webhook()
    yield taking
    taking.server.shutdown()
    taking.server.server_close()


@pytest.fixture
def practice(webhook):
    with PracticeStripe(webhook=webhook.url) as running:
        yield running


@pytest.fixture
def client(practice) -> stripe.StripeClient:
    return stripe.StripeClient("sk_test_x", base_addresses={"api": practice.url}, max_network_retries=0)


def browse(practice: PracticeStripe, method: str, path: str) -> tuple[int, str, str | None]:
    connection = HTTPConnection("127.0.0.1", practice.port, timeout=10)
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, answer.headers["Location"]


def test_a_session_is_what_the_library_expects(client):
    session = client.v1.checkout.sessions.create(SALE)
    assert (session.amount_total, session.currency, session.status) == (500, "eur", "open")
    assert session.metadata.to_dict() == {"a": "1"}
    assert client.v1.checkout.sessions.retrieve(session.id).url == session.url


def test_the_same_key_gives_the_same_session_and_refuses_another_body(client):
    first = client.v1.checkout.sessions.create(SALE, {"idempotency_key": "k"})
    assert client.v1.checkout.sessions.create(SALE, {"idempotency_key": "k"}).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        client.v1.checkout.sessions.create({**SALE, "metadata": {}}, {"idempotency_key": "k"})


def test_errors_have_stripes_form(client, practice):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.v1.checkout.sessions.retrieve("cs_nope")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: tip"):
        client.v1.checkout.sessions.create({**SALE, "tip": 1})
    with pytest.raises(stripe.AuthenticationError):
        stripe.StripeClient("sk_live_x", base_addresses={"api": practice.url}).v1.checkout.sessions.create(SALE)


def test_a_person_can_click_through_the_pay_page(client, practice, webhook):
    session = client.v1.checkout.sessions.create(SALE)
    path = urlsplit(session.url).path
    status, page, _ = browse(practice, "GET", path)
    assert status == 200
    assert [word for word in ("5.00 EUR", "Pay later", "Fail", "Cancel") if word not in page] == []
    assert browse(practice, "POST", f"{path}/cancel")[::2] == (303, "https://client.example/cancelled")
    assert "declined" in browse(practice, "POST", f"{path}/decline")[1]
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"
    assert browse(practice, "POST", f"{path}/pay")[::2] == (303, f"https://client.example/back?session={session.id}")
    assert browse(practice, "POST", f"{path}/pay")[0] == 400
    listing = browse(practice, "GET", "/practice")[1]
    assert "Refund all" in listing
    practice.service.delivery.wait_until_idle()
    assert [event["type"] for event in webhook.taken][-3:] == [
        "payment_intent.succeeded",
        "charge.succeeded",
        "checkout.session.completed",
    ]


def test_metadata_travel_from_the_payment_to_its_charge(client, practice):
    session = client.v1.checkout.sessions.create(SALE)
    practice.service.act(session.id, "pay")
    read = client.v1.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert read.payment_intent.latest_charge.metadata.to_dict() == {"b": "2"}
    assert read.payment_intent.latest_charge.receipt_url.startswith(practice.url)


def test_refunds_by_the_api_add_up_and_stop_at_the_amount(client, practice, webhook):
    session = client.v1.checkout.sessions.create(SALE)
    practice.service.act(session.id, "pay")
    intent = client.v1.checkout.sessions.retrieve(session.id).payment_intent
    client.v1.refunds.create({"payment_intent": intent, "amount": 200})
    client.v1.refunds.create({"payment_intent": intent})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.refunds.create({"payment_intent": intent})
    practice.service.delivery.wait_until_idle()
    told = [event["data"]["object"] for event in webhook.taken if event["type"] == "charge.refunded"]
    assert [(charge["amount_refunded"], charge["refunded"]) for charge in told] == [(200, False), (500, True)]
    assert [event.type for event in client.v1.events.list({"limit": 2}).data] == ["charge.refunded"] * 2


def test_held_events_come_as_often_as_ordered_and_all_at_once(client, practice, webhook):
    control(practice.port, "PUT", "/powers", {"hold": True, "copies": 5, "shuffle": True, "parallel": 8})
    practice.service.act(client.v1.checkout.sessions.create(SALE).id, "pay")
    assert webhook.taken == []
    assert control(practice.port, "POST", "/release")["statuses"] == [200] * 15
    assert sorted(event["id"] for event in webhook.taken) == sorted(
        event["id"] for event in practice.service.account.events for _ in range(5)
    )


@pytest.mark.parametrize("signature", ["bad", "stale", "missing"])
def test_spoilt_signatures_are_refused_by_stripes_library(client, practice, webhook, signature):
    control(practice.port, "PUT", "/powers", {"hold": True, "signature": signature})
    practice.service.act(client.v1.checkout.sessions.create(SALE).id, "expire")
    assert control(practice.port, "POST", "/release")["statuses"] == [400]
    assert (webhook.taken, webhook.refused) == ([], 1)
    control(practice.port, "PUT", "/powers", {"signature": "good"})
    (event,) = practice.service.account.events
    assert control(practice.port, "POST", f"/events/{event['id']}/resend")["statuses"] == [200]


def test_an_event_that_is_not_taken_is_sent_again(client, practice, webhook):
    practice.service.delivery._secret = "whsec_wrong"
    practice.service.act(client.v1.checkout.sessions.create(SALE).id, "expire")
    while not webhook.refused:
        """The first delivery is on its way."""
    practice.service.delivery._secret = PRACTICE_SECRET
    practice.service.delivery.wait_until_idle()
    assert [event["type"] for event in webhook.taken] == ["checkout.session.expired"]


def test_an_unknown_power_is_told(practice):
    with pytest.raises(Exception, match="422"):
        control(practice.port, "PUT", "/powers", {"magic": True})


PLAN = {
    **SALE,
    "mode": "subscription",
    "line_items": [
        {
            "quantity": 1,
            "price_data": {
                "currency": "eur",
                "unit_amount": 1900,
                "product_data": {"name": "Family"},
                "recurring": {"interval": "month"},
            },
        }
    ],
    "subscription_data": {"metadata": {"b": "2"}},
}
del PLAN["payment_intent_data"]


def test_a_subscription_lives_as_the_library_expects(client, practice, webhook):
    session = client.v1.checkout.sessions.create(PLAN)
    path = urlsplit(session.url).path
    assert browse(practice, "POST", f"{path}/pay")[0] == 303
    session = client.v1.checkout.sessions.retrieve(session.id)
    assert (session.mode, session.status, session.payment_status) == ("subscription", "complete", "paid")
    subscription = client.v1.subscriptions.retrieve(session.subscription, {"expand": ["latest_invoice"]})
    assert (subscription.status, subscription.metadata.to_dict()) == ("active", {"b": "2"})
    details = subscription.latest_invoice.parent.subscription_details
    assert (details.subscription, details.metadata.to_dict()) == (subscription.id, {"b": "2"})
    assert subscription.latest_invoice.lines.data[0].period.end == subscription["items"].data[0].current_period_end
    assert client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True}).cancel_at_period_end
    for action, status in (("renew", "active"), ("fail_renewal", "past_due"), ("recover", "active")):
        control(practice.port, "POST", f"/subscriptions/{subscription.id}/{action}", {})
        assert client.v1.subscriptions.retrieve(subscription.id).status == status
    portal = client.v1.billing_portal.sessions.create({"customer": session.customer, "return_url": "https://a.example"})
    assert portal.url.startswith(practice.url)
    assert "Next month, unpaid" in browse(practice, "GET", "/practice")[1]
    assert client.v1.subscriptions.cancel(subscription.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.subscriptions.cancel(subscription.id)
    practice.service.delivery.wait_until_idle()
    assert [event["type"] for event in webhook.taken][:3] == [
        "customer.subscription.created",
        "invoice.paid",
        "checkout.session.completed",
    ]


@pytest.mark.parametrize("wrong", [{**PLAN, "line_items": SALE["line_items"]}, {**PLAN, "payment_intent_data": {}}])
def test_a_subscription_session_is_checked_as_at_stripe(client, wrong):
    wrong = {**wrong, "payment_intent_data": {"description": "x"}} if "payment_intent_data" in wrong else wrong
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.checkout.sessions.create(wrong)
