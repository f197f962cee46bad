"""Plans of teams and their subscriptions over HTTP, field by field."""

import json
from datetime import datetime
from typing import Any

import pytest

from functions.checkout.handler import handler as checkout_handler
from stoa.core.text import iso
from tests.integration.purchases.support import Shop
from tests.integration.purchases.team_support import TeamShop, set_team
from tests.integration.purchases.test_http import admin, as_member, call, http_event

PLAN = {
    "name": "Family plan",
    "priceCents": 1900,
    "maxMembers": 6,
    "totalTokensMonthly": 1_000_000,
    "models": ["gpt-4o"],
}
SOLD = {"type": "family", **PLAN, "currency": "usd", "enabled": True, "version": 1}
BOUGHT = {**PLAN, "currency": "usd"}
PLAN_PATH = "/api/admin/team-plans/family"


def as_owner(team: TeamShop, method: str, path: str) -> tuple[int, Any]:
    return call(checkout_handler, as_member(team.shop, http_event(method, path)))


def test_a_plan_over_http(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    team = TeamShop(shop)
    assert admin(shop, "PUT", PLAN_PATH, PLAN) == (200, {"data": SOLD})
    status, stale = admin(shop, "PUT", PLAN_PATH, {**PLAN, "version": 0})
    assert (status, stale["error"]["code"], stale["error"]["details"]) == (409, "STALE_EDIT", {"version": 1})
    off = {**SOLD, "enabled": False, "version": 2}
    assert as_owner(team, "GET", "/api/team-plans") == (200, {"data": [SOLD]})
    assert admin(shop, "PUT", PLAN_PATH, {**PLAN, "enabled": False, "version": 1}) == (200, {"data": off})
    assert as_owner(team, "GET", "/api/team-plans") == (200, {"data": []})
    assert admin(shop, "GET", "/api/admin/team-plans") == (200, {"data": [off]})
    assert admin(shop, "PUT", "/api/admin/team-plans/club", PLAN)[0] == 404
    rows = shop.query("SELECT before, after FROM audit_log WHERE :user_id ::uuid IS NOT NULL ORDER BY id")
    assert [(row["before"], row["after"]) for row in rows] == [(None, SOLD), (SOLD, off)]


def test_a_subscription_over_http(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    team = TeamShop(shop)
    path = f"/api/teams/{team.team_id}/subscription"
    unpaid = {"status": "incomplete", "paidUntil": None, "accessUntil": None, "endsWithPeriod": False, "plan": None}
    assert as_owner(team, "GET", path) == (200, {"data": unpaid})
    assert admin(shop, "PUT", PLAN_PATH, {**PLAN, "maxMembers": 4})[0] == 200
    status, refused = as_owner(team, "POST", path)
    assert (status, refused["error"]["code"]) == (409, "TEAM_EXCEEDS_PLAN")
    assert refused["error"]["details"] == {**BOUGHT, "maxMembers": 4}
    assert admin(shop, "PUT", PLAN_PATH, PLAN)[0] == 200

    status, checkout = as_owner(team, "POST", path)
    assert (status, set(checkout)) == (200, {"sessionId", "url"})
    kept = team.row()["checkout"]
    assert set(kept) == {"attempt", "terms", "madeAt", "sessionId", "url"}
    assert (kept["terms"], kept["sessionId"]) == (BOUGHT, checkout["sessionId"])
    account = shop.practice.service.account
    before = len(account.events)
    shop.practice.service.act(checkout["sessionId"], "pay")
    shop.deliver(*account.events[before:])

    row = team.row()
    assert row["plan_terms"] == BOUGHT
    assert set(row["subscription"]) == {"facts", "past", "unpaid"}
    paid_until = iso(datetime.fromisoformat(row["subscription"]["facts"]["paid_until"]))
    active = {
        "status": "active",
        "paidUntil": paid_until,
        "accessUntil": iso(row["access_until"]),
        "endsWithPeriod": False,
        "plan": BOUGHT,
    }
    assert as_owner(team, "GET", path) == (200, {"data": active})
    ending = {**active, "accessUntil": paid_until, "endsWithPeriod": True}
    assert as_owner(team, "DELETE", path) == (200, {"data": ending})
    status, portal = as_owner(team, "POST", f"/api/teams/{team.team_id}/billing-portal")
    assert (status, set(portal)) == (200, {"url"})


def test_an_answer_has_its_fields_in_the_order_of_the_document(shop: Shop, configured: pytest.MonkeyPatch) -> None:
    team = TeamShop(shop)
    admin(shop, "PUT", PLAN_PATH, PLAN)
    answer = checkout_handler(as_member(shop, http_event("GET", "/api/team-plans")), None)
    (plan,) = json.loads(answer["body"])["data"]
    assert list(plan) == [
        "type",
        "name",
        "priceCents",
        "currency",
        "maxMembers",
        "totalTokensMonthly",
        "models",
        "enabled",
        "version",
    ]
    set_team(team, "status = 'suspended'")
    answer = checkout_handler(as_member(shop, http_event("GET", f"/api/teams/{team.team_id}/subscription")), None)
    told = json.loads(answer["body"])["data"]
    assert list(told) == ["status", "paidUntil", "accessUntil", "endsWithPeriod", "plan"]
    assert told["status"] == "suspended"
