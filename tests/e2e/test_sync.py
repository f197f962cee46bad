"""Providers change their prices: what admins read and decide, what members see and pay, and what nobody believes."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from stoa.workflows.pricing.recompute import recompute_all
from tests.e2e.clients import Client, Stack

CHANGES = "/api/admin/registry/changes"
MILLION = {"inputTokens": 1_000_000, "cachedTokens": 0}


@pytest.fixture
def admin(stack: Stack) -> Client:
    return Client(stack.port, "chief@sync.test", "sync", "admin")


@pytest.fixture
def operator(stack: Stack) -> Client:
    return Client(stack.port, "ops@sync.test", "sync", "operator")


@pytest.fixture(autouse=True)
def _the_feeds_say_what_the_registry_says(stack: Stack, admin: Client) -> Iterator[None]:
    stack.practice.clear()
    sync(admin)
    yield
    stack.practice.clear()


def sync(someone: Client) -> dict[str, int]:
    status, answer = someone.call("POST", "/dev/run/provider_sync", {"atOnce": True})
    assert status == 200, answer
    told: dict[str, int] = answer["returned"]
    return told


def price(someone: Client, model_id: str) -> dict[str, Any]:
    models = someone.call("GET", "/api/thinktank/models")[1]
    found: dict[str, Any] = next(model for model in models if model["id"] == model_id)
    return found


def charged(stack: Stack, member: Client, model_id: str) -> Decimal:
    """Returns what a million tokens of input cost, less the few of the answer."""
    stack.practice.fault("tokens", times=1, **MILLION)
    metadata = member.chat(modelId=model_id)[1]["data"]["metadata"]
    assert metadata["modelId"] == model_id
    return Decimal(metadata["charge"]).quantize(Decimal("0.001"))


def open_change(admin: Client, model_id: str) -> dict[str, Any]:
    changes = admin.call("GET", f"{CHANGES}?status=open&kind=price")[1]["data"]
    (found,) = [change for change in changes if change["modelId"] == model_id]
    return dict(found)


def test_a_rise_of_30_percent_waits_is_mailed_approved_and_announced(stack: Stack, admin: Client) -> None:
    member = Client(stack.port, "ada@sync.test", "sync")
    config = {"noticeEmails": ["money@sync.test"]}
    assert admin.call("PUT", "/api/admin/pricing/config", config)[0] == 200
    paid = charged(stack, member, "gpt-4o-mini")
    stack.practice.feed(provider="openai", model="gpt-4o-mini", risePercent=30)
    assert sync(admin)["tenants_failed"] == 0
    change = open_change(admin, "gpt-4o-mini")
    assert (change["percent"], change["agreement"]) == (30, "agreed")
    assert (change["before"]["inputPrice"], change["after"]["inputPrice"]) == (0.15, 0.195)
    admin.call("POST", "/dev/run/mailer")
    (mail,) = [one for one in admin.call("GET", "/dev/mail")[1]["data"] if one["to"] == ["money@sync.test"]]
    assert "gpt-4o-mini" in mail["text"]
    assert "+30.0 %" in mail["text"]
    assert price(member, "gpt-4o-mini")["pendingPrice"] is None

    assert member.call("POST", f"{CHANGES}/{change['id']}/approve")[0] == 403
    assert admin.call("POST", f"{CHANGES}/{change['id']}/approve")[1]["data"]["status"] == "approved"
    shown = price(member, "gpt-4o-mini")
    assert (shown["userInputPrice"], shown["pendingPrice"]["inputPrice"]) == (0.21, 0.273)
    starts = datetime.fromisoformat(shown["pendingPrice"]["effectiveFrom"])
    assert timedelta(hours=23) < starts - datetime.now(UTC) < timedelta(hours=25)
    assert charged(stack, member, "gpt-4o-mini") == paid == Decimal("0.210")
    again = sync(admin)
    assert (again["changes_proposed"], again["changes_applied"], again["prices_replanned"]) == (0, 0, 0)
    (line,) = admin.call("GET", "/api/admin/audit?target=gpt-4o-mini")[1]["data"]
    assert (line["actorEmail"], line["action"]) == ("chief@sync.test", "registry_change.approve")


def test_a_fall_that_both_sources_tell_of_is_charged_at_once(stack: Stack, admin: Client) -> None:
    member = Client(stack.port, "ben@sync.test", "sync")
    before = charged(stack, member, "grok-2-mini")
    stack.practice.feed(provider="xai", model=wire_name(admin, "grok-2-mini"), risePercent=-20)
    sync(admin)
    assert charged(stack, member, "grok-2-mini") == (before * Decimal("0.8")).quantize(Decimal("0.001"))
    with stack.owner() as database:
        recomputed = recompute_all(database, datetime(2000, 1, 1, tzinfo=UTC))
    assert recomputed.lines >= 2
    assert list(recomputed.differences) == []


def test_a_price_that_an_admin_has_set_does_not_move(stack: Stack, admin: Client) -> None:
    override = {"inputPrice": 9, "outputPrice": 18}
    assert admin.call("PUT", "/api/admin/pricing/models/phi-4/override", override)[0] == 200
    before = price(admin, "phi-4")
    row = next(model for model in admin.call("GET", "/api/admin/models")[1]["data"] if model["id"] == "phi-4")
    stack.practice.feed(provider=row["providerId"], model=row["providerModel"], risePercent=30)
    sync(admin)
    change = open_change(admin, "phi-4")
    assert admin.call("POST", f"{CHANGES}/{change['id']}/approve")[0] == 200
    assert price(admin, "phi-4") == before


def test_garbage_is_told_entry_by_entry_and_believed_nowhere(stack: Stack, admin: Client, operator: Client) -> None:
    before = admin.call("GET", "/api/admin/pricing/models")[1]
    spoilt = {"negative": "negative", "nan": "not a number", "million": "not below 10,000 USD", "missing": "missing"}
    listed = admin.call("GET", "/api/admin/models")[1]["data"]
    models = [model["providerModel"] for model in listed if model["providerId"] == "xai"][: len(spoilt)]
    for garbage, name in zip(spoilt, models, strict=True):
        stack.practice.feed(provider="xai", model=name, garbage=garbage)
    assert sync(admin)["problems"] >= len(spoilt)
    assert admin.call("GET", "/api/admin/pricing/models")[1] == before
    assert admin.call("GET", "/api/operator/sync/runs")[0] == 403
    run = operator.call("GET", "/api/operator/sync/runs?limit=1")[1]["data"][0]
    for reason, name in zip(spoilt.values(), models, strict=True):
        reasons = [problem["reason"] for problem in run["problems"] if problem["entry"] == f"xai/{name}"]
        assert any(reason in told for told in reasons), (name, reasons)

    stack.practice.feed(page="html")
    status, answer = admin.call("POST", "/dev/run/provider_sync", {"atOnce": True})
    assert (status, answer["error"]["code"]) == (502, "FUNCTION_FAILED")
    assert admin.call("GET", "/api/admin/pricing/models")[1] == before


def test_a_retirement_is_announced_told_by_mail_and_moves_who_chose_the_model(stack: Stack, admin: Client) -> None:
    member = Client(stack.port, "cleo@sync.test", "sync")
    member.call("PATCH", "/api/profile/model-preferences", {"defaultModelId": "codestral-latest"})
    stack.practice.feed(provider="mistral", model=wire_name(admin, "codestral-latest"), deprecated=True)
    sync(admin)
    (change,) = admin.call("GET", f"{CHANGES}?status=open&kind=retirement")[1]["data"]
    ends = (datetime.now(UTC) + timedelta(days=20)).isoformat()
    decided = {"deprecatedAt": ends, "successorId": "gpt-4o-mini"}
    assert admin.call("POST", f"{CHANGES}/{change['id']}/approve", decided)[0] == 200

    connection, answer = member.open("POST", "/api/chat", {"content": "Hi"})
    assert json.loads(answer.read())["data"]["metadata"]["deprecation"]["successorId"] == "gpt-4o-mini"
    assert answer.headers["Deprecation"].startswith("@")
    assert answer.headers["Sunset"].endswith("GMT")
    connection.close()
    (notice,) = member.call("GET", "/api/thinktank/preferences/models")[1]["notices"]
    assert notice["modelId"] == "codestral-latest"
    stack.query("UPDATE tenant_models SET deprecated_at = now() WHERE model_id = 'codestral-latest'")  # the day comes
    metadata = member.chat()[1]["data"]["metadata"]
    assert (metadata["modelId"], metadata["rule"]) == ("gpt-4o-mini", "successor")
    assert member.call("POST", "/dev/run/daily_reset")[1]["returned"]["members_moved"] >= 1
    preferences = member.call("GET", "/api/thinktank/preferences/models")[1]
    assert (preferences["defaultModelId"], preferences["notices"]) == ("gpt-4o-mini", [])
    member.call("POST", "/dev/run/mailer")
    mails = [one for one in member.call("GET", "/dev/mail")[1]["data"] if one["to"] == ["cleo@sync.test"]]
    assert any("Codestral" in one["text"] for one in mails)


def wire_name(admin: Client, model_id: str) -> str:
    """Returns the name that the provider has for the model."""
    models = admin.call("GET", "/api/admin/models")[1]["data"]
    return str(next(model["providerModel"] for model in models if model["id"] == model_id))
