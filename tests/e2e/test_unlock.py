"""The whole unlock over HTTP, as a member lives it: locked, trial, checkout, pay page, chat, refund, locked again."""

import json
import signal
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from dev.children import free_port
from dev.practice_stripe import control
from tests.running_stack import Running

MODEL = "gpt-4o"


class Browser:
    """A member with a token, and with a browser for the pay page."""

    def __init__(self, port: int, email: str) -> None:
        self.port = port
        self.token = ""
        self.token = self.call("POST", "/dev/token", {"email": email})[1]["access_token"]

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        return _exchange(self.port, method, path, body, headers)

    def chat(self, content: str = "Hello") -> tuple[int, Any]:
        return self.call("POST", "/api/chat", {"content": content, "modelId": MODEL})

    def premium(self) -> dict[str, Any]:
        models = self.call("GET", "/api/models")[1]["data"]["premium"]
        return next(model for model in models if model["id"] == MODEL)


def _exchange(port: int, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status == 303:
        return 303, answer.headers["Location"]
    return answer.status, json.loads(text) if answer.headers.get_content_type() == "application/json" else text.decode()


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with tempfile.TemporaryDirectory(prefix="stoa-unlock-") as folder:
        running = Running(Path(folder) / ".stoa", free_port(), {"STRIPE_API_KEY": "", "STOA_CLIENT_URL": ""})
        running.wait_for_line("Providers without a key")
        yield running.port
        running.stop(signal.SIGTERM)


@pytest.fixture
def member(port: int) -> Browser:
    """Somebody who was never here before."""
    return Browser(port, f"{uuid4()}@demo.test")


def wait_until_told(stripe_port: int, count: int) -> None:
    """Return when practice Stripe has delivered so many events. Each delivery is a request that was answered."""
    for _ in range(2000):
        if len(control(stripe_port, "GET", "/deliveries")) >= count:
            return
    raise AssertionError(control(stripe_port, "GET", "/deliveries"))


def test_locked_trial_checkout_pay_chat_refund_locked(member: Browser) -> None:
    offer = member.premium()
    assert (offer["purchased"], offer["priceCents"] > 0) == (False, True)
    for left in range(offer["trialMessagesRemaining"] - 1, -1, -1):
        status, answer = member.chat()
        assert status == 200, answer
        assert answer["data"]["metadata"]["trialMessagesRemaining"] == left, answer

    status, refused = member.chat()
    details = refused["error"]["details"]
    assert (status, refused["error"]["code"], details["reason"]) == (402, "MODEL_LOCKED", "TRIAL_EXPIRED")
    assert details["priceCents"] == offer["priceCents"]
    purchase = details["purchase"]  # the client does what the refusal says
    status, checkout = member.call(purchase["method"], purchase["path"], purchase["body"])
    assert status == 200, checkout
    assert member.call(purchase["method"], purchase["path"], purchase["body"]) == (200, checkout)

    pay = urlsplit(checkout["url"])
    status, page = _exchange(pay.port, "GET", pay.path, None, {})
    assert status == 200
    assert f"{offer['priceCents'] / 100:.2f} USD" in page
    status, back = _exchange(pay.port, "POST", f"{pay.path}/pay", None, {})
    assert status == 303
    assert back.endswith(f"/purchases/success?session_id={checkout['sessionId']}")
    status, bought = member.call("GET", f"/api/purchases/session/{checkout['sessionId']}")
    assert (status, bought["data"]["status"], bought["data"]["entitled"]) == (200, "paid", True)
    assert member.chat()[0] == 200
    assert member.premium()["purchaseStatus"] == "purchased"

    wait_until_told(pay.port, 3)
    (listed,) = member.call("GET", "/api/purchases")[1]["data"]
    assert listed["amountCents"] == offer["priceCents"]
    assert _exchange(pay.port, "GET", urlsplit(listed["receiptUrl"]).path, None, {})[0] == 200
    status, again = member.call(purchase["method"], purchase["path"], purchase["body"])
    assert (status, again["error"]["code"]) == (409, "ALREADY_OWNED")

    charge = urlsplit(listed["receiptUrl"]).path.rpartition("/")[2]
    before = len(control(pay.port, "GET", "/deliveries"))
    control(pay.port, "POST", f"/charges/{charge}/refund", {})
    wait_until_told(pay.port, before + 1)
    status, refused = member.chat()
    assert (status, refused["error"]["code"]) == (402, "MODEL_LOCKED")
    assert member.call("GET", "/api/purchases")[1]["data"][0]["status"] == "refunded"


def test_money_that_comes_later_unlocks_by_the_event_alone(member: Browser) -> None:
    status, checkout = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert status == 200, checkout
    pay = urlsplit(checkout["url"])
    before = len(control(pay.port, "GET", "/deliveries"))
    assert _exchange(pay.port, "POST", f"{pay.path}/pay_later", None, {})[0] == 303
    wait_until_told(pay.port, before + 1)
    assert member.call("GET", "/api/purchases")[1]["data"][0]["status"] == "processing"
    status, again = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert (status, again["error"]["code"]) == (409, "PURCHASE_IN_PROGRESS")

    assert _exchange(pay.port, "POST", f"{pay.path}/arrive", None, {})[0] == 200
    wait_until_told(pay.port, before + 4)
    assert member.premium()["purchased"] is True


def test_a_scheduled_reconciliation_can_be_fired_by_hand(member: Browser) -> None:
    status, answer = member.call("POST", "/dev/run/reconcile", {})
    assert (status, answer["returned"]["events"]["dead"]) == (200, 0)


def test_events_five_times_shuffled_eight_at_a_time_over_http(member: Browser) -> None:
    status, checkout = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert status == 200, checkout
    pay = urlsplit(checkout["url"])
    control(pay.port, "PUT", "/powers", {"hold": True, "copies": 5, "shuffle": True, "parallel": 8})
    assert _exchange(pay.port, "POST", f"{pay.path}/pay", None, {})[0] == 303
    assert control(pay.port, "POST", "/release")["statuses"] == [200] * 15
    (listed,) = member.call("GET", "/api/purchases")[1]["data"]
    assert (listed["status"], listed["entitled"]) == ("paid", True)
    control(pay.port, "PUT", "/powers", {"hold": False, "copies": 1, "shuffle": False, "parallel": 1})


@pytest.mark.parametrize("signature", ["bad", "stale", "missing"])
def test_spoilt_signatures_over_http_are_400_and_change_nothing(member: Browser, signature: str) -> None:
    status, checkout = member.call("POST", "/api/purchases/create-session", {"productType": "model", "modelId": MODEL})
    assert status == 200, checkout
    pay = urlsplit(checkout["url"])
    control(pay.port, "PUT", "/powers", {"hold": True, "signature": signature})
    assert _exchange(pay.port, "POST", f"{pay.path}/pay", None, {})[0] == 303
    assert control(pay.port, "POST", "/release")["statuses"] == [400] * 3
    assert member.call("GET", "/api/purchases")[1]["data"][0]["status"] == "pending"
    control(pay.port, "PUT", "/powers", {"hold": False, "signature": "good"})
