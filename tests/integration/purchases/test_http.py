"""The two functions by their events, as API Gateway sends them."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dev.practice_stripe import PRACTICE_KEY, PRACTICE_SECRET
from functions.checkout.handler import handler as checkout_handler
from functions.reconcile.handler import handler as reconcile_handler
from functions.stripe_webhook.handler import handler as webhook_handler
from stoa.clients.stripe.stripe_signature import sign
from stoa.core.settings import settings
from stoa.core.text import iso
from tests.integration.purchases.support import MODEL, Shop, forget

NOW = int(datetime.now(UTC).timestamp())


def http_event(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": headers or {},
        "requestContext": {
            "http": {"method": method, "path": path},
            "requestId": "test",
            "stage": "$default",
        },
        "body": body,
        "isBase64Encoded": False,
    }


def signed(event: dict[str, Any], secret: str = PRACTICE_SECRET, second: int | None = None) -> dict[str, Any]:
    body = json.dumps(event)
    second = int(datetime.now(UTC).timestamp()) if second is None else second
    header = f"t={second},v1={sign(body.encode(), secret, second)}"
    return http_event("POST", "/api/webhooks/stripe", body, {"stripe-signature": header})


def as_member(shop: Shop, event: dict[str, Any]) -> dict[str, Any]:
    claims = {"sub": "ada", "email": "ada@example.test", "custom:tenant_id": str(shop.member.tenant_id)}
    event["requestContext"]["authorizer"] = {"jwt": {"claims": claims}}
    return event


def as_admin(shop: Shop, event: dict[str, Any]) -> dict[str, Any]:
    as_member(shop, event)["requestContext"]["authorizer"]["jwt"]["claims"]["cognito:groups"] = "[admin]"
    return event


def call(handler: Any, event: dict[str, Any]) -> tuple[int, Any]:
    answer = handler(event, None)
    return answer["statusCode"], json.loads(answer["body"])


def create(shop: Shop, body: Any) -> tuple[int, Any]:
    return call(
        checkout_handler, as_member(shop, http_event("POST", "/api/purchases/create-session", json.dumps(body)))
    )


def test_buying_over_http(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    status, checkout = create(shop, {"productType": "model", "modelId": MODEL, "source": "model_picker"})
    assert status == 200
    assert set(checkout) == {"sessionId", "url"}
    shop.practice.service.act(checkout["sessionId"], "pay")
    for event in shop.practice.service.account.events[-3:]:
        status, answer = call(webhook_handler, signed(event))
        assert (status, answer["received"]) == (200, True)
    status, listed = call(checkout_handler, as_member(shop, http_event("GET", "/api/purchases")))
    assert status == 200
    assert (listed["data"][0]["status"], listed["data"][0]["entitled"]) == ("paid", True)
    (row,) = shop.purchases()
    assert listed["data"][0] == {
        "id": str(row["id"]),
        "productType": "model",
        "modelId": MODEL,
        "bundleId": None,
        "productName": row["product_name"],
        "modelIds": [MODEL],
        "amountCents": row["amount_cents"],
        "currency": "usd",
        "status": "paid",
        "entitled": True,
        "refundedCents": 0,
        "sessionId": checkout["sessionId"],
        "checkoutUrl": None,
        "receiptUrl": row["receipt_url"],
        "createdAt": iso(row["created_at"]),
        "paidAt": iso(row["paid_at"]),
    }
    path = f"/api/purchases/session/{checkout['sessionId']}"
    assert call(checkout_handler, as_member(shop, http_event("GET", path)))[1]["data"] == listed["data"][0]
    assert call(checkout_handler, as_member(shop, http_event("GET", "/api/bundles"))) == (200, {"data": []})


def test_the_answers_are_as_documented(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    from functions.checkout.models import CreateSessionAnswer, PurchaseListAnswer

    CreateSessionAnswer.model_validate(create(shop, {"productType": "model", "modelId": MODEL})[1])
    PurchaseListAnswer.model_validate(call(checkout_handler, as_member(shop, http_event("GET", "/api/purchases")))[1])


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"productType": "model"},
        {"productType": "bundle", "modelId": MODEL},
        {"productType": "model", "modelId": MODEL, "bundleId": "x"},
        {"productType": "team", "modelId": MODEL},
        {"productType": "model", "modelId": ""},
        {"productType": "model", "modelId": MODEL, "priceCents": 1},
        {"productType": "model", "modelId": MODEL, "currency": "eur"},
        {"productType": "model", "modelId": MODEL, "source": "<script>"},
        {"productType": "model", "modelId": 7},
    ],
)
def test_a_client_names_a_product_and_never_a_price(shop: Shop, configured: pytest.MonkeyPatch, body: Any) -> None:
    status, answer = create(shop, body)
    assert (status, answer["error"]["code"]) == (422, "INVALID_FIELDS")
    assert shop.purchases() == []


@pytest.mark.parametrize("kind", ["bad", "stale", "from the future", "missing", "other body", "no body"])
def test_a_bad_stale_or_missing_signature_is_400_and_leaves_no_row(
    shop: Shop, configured: pytest.MonkeyPatch, kind: str
) -> None:
    event = {"id": "evt_1", "type": "x", "created": NOW, "data": {"object": {}}}
    request = {
        "bad": lambda: signed(event, "whsec_other"),
        "stale": lambda: signed(event, second=NOW - 3600),
        "from the future": lambda: signed(event, second=NOW + 3600),
        "missing": lambda: {**signed(event), "headers": {}},
        "other body": lambda: {**signed(event), "body": "{}"},
        "no body": lambda: {**signed(event), "body": None},
    }[kind]()
    status, answer = call(webhook_handler, request)
    assert (status, answer["error"]["code"]) == (400, "BAD_SIGNATURE")
    assert shop.inbox() == {}


@pytest.mark.parametrize("secret", ["", " ", ","])
def test_without_a_secret_everything_is_refused(shop: Shop, configured: pytest.MonkeyPatch, secret: str) -> None:
    configured.setenv("STRIPE_WEBHOOK_SECRET", secret)
    forget()
    for guess in ("", " ", ",", PRACTICE_SECRET):
        status, _ = call(webhook_handler, signed({"id": "evt_1", "type": "x"}, guess))
        assert status == 400
    assert shop.inbox() == {}


def test_two_secrets_serve_while_one_replaces_the_other(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    configured.setenv("STRIPE_WEBHOOK_SECRET", "whsec_new,whsec_old")
    forget()
    for secret in ("whsec_new", "whsec_old"):
        assert call(webhook_handler, signed({"id": f"evt_{secret}", "type": "x"}, secret))[0] == 200
    assert len(shop.inbox()) == 2


def test_a_base64_body_is_verified_as_the_bytes_it_stands_for(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    request = signed({"id": "evt_64", "type": "x"})
    request |= {"body": base64.b64encode(request["body"].encode()).decode(), "isBase64Encoded": True}
    request["headers"] = {"Stripe-Signature": request["headers"]["stripe-signature"]}
    assert call(webhook_handler, request)[0] == 200
    assert call(webhook_handler, {**request, "body": "%%%"})[0] == 400
    assert list(shop.inbox()) == ["evt_64"]


@pytest.mark.parametrize("event", [{}, {"id": 7, "type": "x"}, {"id": "evt_1"}, []])
def test_a_signed_body_that_is_no_event_is_400(shop: Shop, configured: pytest.MonkeyPatch, event: Any) -> None:
    status, answer = call(webhook_handler, signed(event))
    assert (status, answer["error"]["code"]) == (400, "MALFORMED_REQUEST")
    assert shop.inbox() == {}


def test_no_payment_data_and_no_secret_is_logged(
    shop: Shop, configured: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    event = {"id": "evt_1", "type": "charge.refunded", "data": {"object": {"email": "payer@example.test"}}}
    assert call(webhook_handler, signed(event))[1]["status"] == "failed"
    said = "".join(str(vars(record)) for record in caplog.records)
    assert "evt_1" in said
    assert "payer@" not in said
    assert PRACTICE_SECRET not in said
    assert PRACTICE_KEY not in repr(settings())


def test_without_a_key_or_a_clients_address_nothing_is_sold(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    for name in ("STRIPE_API_KEY", "STOA_CLIENT_URL"):
        configured.setenv("STRIPE_API_KEY", PRACTICE_KEY)
        configured.delenv(name)
        forget()
        status, answer = create(shop, {"productType": "model", "modelId": MODEL})
        assert (status, answer["error"]["code"]) == (503, "PAYMENTS_NOT_CONFIGURED")
    assert shop.purchases() == []


def test_the_scheduled_function_retries_and_reports(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    call(webhook_handler, signed({"id": "evt_1", "type": "charge.refunded", "data": {"object": {}}, "created": NOW}))
    done = reconcile_handler({"source": "aws.events"}, None)
    assert (done["events"]["applied"], done["events"]["dead"]) == (0, 0)
    assert done["purchases"]["asked"] >= 0


def admin(shop: Shop, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    raw = None if body is None else json.dumps(body)
    return call(checkout_handler, as_admin(shop, http_event(method, path, raw)))


def test_an_admin_keeps_bundles_and_members_buy_them(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    status, made = admin(
        shop, "POST", "/api/admin/bundles", {"name": "Two", "priceCents": 900, "modelIds": [MODEL, "grok-2"]}
    )
    assert status == 201
    path = f"/api/admin/bundles/{made['data']['id']}"
    assert made["data"]["modelIds"] == [MODEL, "grok-2"]
    status, changed = admin(shop, "PATCH", path, {"priceCents": 800, "modelIds": [MODEL]})
    assert changed["data"] == {**made["data"], "priceCents": 800, "modelIds": [MODEL], "version": 2}
    status, stale = admin(shop, "PATCH", path, {"priceCents": 700, "version": 1})
    assert (status, stale["error"]["code"], stale["error"]["details"]) == (409, "STALE_EDIT", {"version": 2})
    assert admin(shop, "GET", "/api/admin/bundles") == (200, {"data": [changed["data"]]})
    status, checkout = create(shop, {"productType": "bundle", "bundleId": made["data"]["id"]})
    assert status == 200
    assert shop.practice.service.account.get("session", checkout["sessionId"])["amount_total"] == 800
    rows = shop.query("SELECT action, before, after FROM audit_log WHERE :user_id ::uuid IS NOT NULL ORDER BY id")
    assert [row["action"] for row in rows] == ["bundle.create", "bundle.change"]
    assert (rows[1]["before"], rows[1]["after"]) == (made["data"], changed["data"])
    assert admin(shop, "PATCH", path, {"enabled": False, "version": 2})[1]["data"]["enabled"] is False
    assert create(shop, {"productType": "bundle", "bundleId": made["data"]["id"]})[0] == 404


def test_what_no_bundle_may_be(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    good = {"name": "Two", "priceCents": 900, "modelIds": [MODEL]}
    for change in (
        {"modelIds": []},
        {"modelIds": ["no-such-model"]},
        {"modelIds": ["gpt-4o-mini"]},
        {"priceCents": 0},
        {"priceCents": 9.5},
        {"name": ""},
        {"currency": "eur"},
    ):
        assert admin(shop, "POST", "/api/admin/bundles", {**good, **change})[0] == 422
    assert admin(shop, "PATCH", f"/api/admin/bundles/{shop.member.user_id}", {"priceCents": 1})[0] == 404
    assert admin(shop, "PATCH", "/api/admin/bundles/x", {"priceCents": 1})[0] == 404
    member = as_member(shop, http_event("POST", "/api/admin/bundles", json.dumps(good)))
    assert call(checkout_handler, member)[0] == 403
    assert admin(shop, "GET", "/api/admin/bundles")[1] == {"data": []}
