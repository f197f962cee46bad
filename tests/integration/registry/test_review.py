"""An admin approves or rejects changes. Prices follow by the planner, and once."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from functions.registry_admin import handler as registry_admin
from stoa.database.pool import Scope
from stoa.domain.sync.feed import ListedModel, Listing
from stoa.identity.members import members
from stoa.store.sync import held
from stoa.workflows.pricing.recompute import recompute
from tests.integration.chat.support import says
from tests.integration.member.support import api_event
from tests.integration.pricing.support import DAY, START
from tests.integration.registry.support import CHANGES, Registry


def test_a_rise_of_30_percent_is_proposed_told_and_applied_after_approval_and_grace(registry: Registry) -> None:
    registry.config(noticeEmails=["boss@shop.test", "ops@shop.test"])
    desk = registry.desk()
    desk.providers.default = says("Much.", input_tokens=123_457, output_tokens=7_891)
    desk.send(model_id="gpt-4o-mini")
    registry.feeds.price("gpt-4o-mini", "0.195", "0.78")
    registry.sync()

    change = registry.open_change("price")
    assert (change["modelId"], change["percent"], change["agreement"]) == ("gpt-4o-mini", 30, "agreed")
    assert (change["before"]["inputPrice"], change["after"]["inputPrice"]) == (0.15, 0.195)
    assert [(move["kind"], move["percent"]) for move in change["moves"]] == [("input", 30), ("output", 30)]
    assert change["reason"] == "The price moves by more than 10 %."
    assert {mail["recipient"] for mail in registry.mails()} == {"boss@shop.test", "ops@shop.test"}
    assert "input: 0.15 → 0.195 USD per 1M tokens (+30.0 %)" in registry.mails()[0]["body"]
    assert registry.prices("gpt-4o-mini") == (0.21, 0.84)

    registry.clock.pass_by(DAY)
    registry.sync()
    assert len(registry.mails()) == 2, "told once"
    desk.send(model_id="gpt-4o-mini")
    approved = registry.approve(change)
    assert (approved.status, approved.body["data"]["status"]) == (200, "approved")
    assert approved.body["data"]["decidedByEmail"] == "boss@example.test"
    assert registry.prices("gpt-4o-mini") == (0.21, 0.84)
    assert registry.scheduled("gpt-4o-mini") == [(registry.clock.now + DAY, 0.273, 1.092)]
    desk.send(model_id="gpt-4o-mini")
    registry.clock.pass_by(DAY)
    assert registry.prices("gpt-4o-mini") == (0.273, 1.092)
    desk.send(model_id="gpt-4o-mini")

    done = recompute(registry.database, registry.tenant_id, START - DAY)
    assert (done.lines, done.differences) == (4, ())
    charges = [row["charge"] for row in registry.query("SELECT charge FROM usage ORDER BY id")]
    assert charges == [Decimal("0.03255441")] * 3 + [Decimal("0.042320733")]
    assert registry.audited()[-1] == ("registry_change.approve", "gpt-4o-mini")


def test_where_nobody_is_named_the_admins_who_were_here_are_told(registry: Registry) -> None:
    registry.listed()
    registry.member().send("GET", "/api/models")
    registry.feeds.price("gpt-4o-mini", "0.195", "0.78")
    registry.sync()
    assert [mail["recipient"] for mail in registry.mails()] == ["boss@example.test"]
    registry.config(notifyOnPriceChange=False)
    registry.feeds.price("gpt-4o-mini", "0.3", "0.78")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert len(registry.mails()) == 1


def test_who_is_an_admin_no_more_is_not_told(registry: Registry) -> None:
    registry.listed()
    members._known.clear()
    registry.groups = ""
    registry.send("GET", "/api/models")
    registry.feeds.price("gpt-4o-mini", "0.195", "0.78")
    registry.sync()
    assert registry.mails() == []


def test_an_overridden_price_does_not_move(registry: Registry) -> None:
    registry.override("gpt-4o", inputPrice=5, outputPrice=20)
    registry.clock.pass_by(2 * DAY)
    before = registry.prices("gpt-4o")
    registry.feeds.price("gpt-4o", "3.25", "13")
    registry.sync()
    registry.approve(registry.open_change("price"))
    assert registry.prices("gpt-4o") == before == (7, 28)
    assert registry.scheduled("gpt-4o") == []
    assert registry.base("gpt-4o") == (3.25, 13)
    registry.remove_override("gpt-4o")
    assert registry.prices("gpt-4o") == (4.55, 18.2)


def test_a_fall_applies_at_once_when_it_is_approved(registry: Registry) -> None:
    registry.config(syncPolicy={"priceFall": "review"})
    registry.feeds.price("gpt-4o", "1.25", "5")
    registry.sync()
    assert registry.prices("gpt-4o") == (3.5, 14)
    registry.approve(registry.open_change("price"))
    assert registry.prices("gpt-4o") == (1.75, 7)


def test_what_was_rejected_is_proposed_again_when_its_value_changes_and_not_before(registry: Registry) -> None:
    registry.feeds.price("gpt-4o", "5", "10")
    registry.sync()
    rejected = registry.reject(registry.open_change("price"), reason="Too much.").body["data"]
    assert (rejected["status"], rejected["reason"]) == ("rejected", "Too much.")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.listed(status="open") == []
    registry.feeds.price("gpt-4o", "6", "10")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.open_change("price")["after"]["inputPrice"] == 6


def test_a_newer_value_takes_the_place_of_the_open_one(registry: Registry) -> None:
    registry.feeds.price("gpt-4o", "5", "10")
    registry.sync()
    old = registry.open_change("price")
    registry.feeds.price("gpt-4o", "6", "10")
    registry.clock.pass_by(DAY)
    registry.sync()
    refused = registry.approve(old)
    assert (refused.status, refused.error["code"]) == (409, "CHANGE_DECIDED")
    assert refused.error["details"] == {"status": "superseded"}
    registry.feeds.price("gpt-4o", "2.5", "10")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert [change["status"] for change in registry.listed()] == ["withdrawn", "superseded"]
    assert registry.base("gpt-4o") == (2.5, 10)


def test_a_change_is_decided_once(registry: Registry) -> None:
    registry.feeds.price("gpt-4o", "5", "10")
    registry.sync()
    change = registry.open_change("price")
    assert registry.approve(change).status == 200
    assert (registry.approve(change).status, registry.reject(change).status) == (409, 409)


def test_a_new_model_is_offered_by_the_tenant_that_approves_it_alone(registry: Registry, other: Registry) -> None:
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2", rates={"cached_input": "0.1"})
    registry.sync()
    approved = registry.approve(registry.open_change("new_model")).body["data"]
    assert approved["modelId"] == "gpt-99"
    assert registry.prices("gpt-99") == (1.4, 2.8)
    assert registry.offered("gpt-99")["contextWindow"] == 1_000_000
    assert registry.charged("gpt-99") == Decimal("0.001")
    assert "gpt-99" not in [model["id"] for model in other.member().send("GET", "/api/thinktank/models").body]
    registry.feeds.price("gpt-4o", "2.5", "10")
    registry.clock.pass_by(DAY)
    registry.sync()
    theirs = other.open_change("new_model")
    assert other.approve(theirs, inputPrice=3, outputPrice=4).body["data"]["modelId"] == "gpt-99"
    assert (other.base("gpt-99"), registry.base("gpt-99")) == ((3, 4), (1, 2))
    assert other.prices("gpt-99") == (4.2, 5.6)


def test_a_new_model_without_prices_needs_them_from_the_admin(registry: Registry) -> None:
    registry.feeds.say("openai", "gpt-98", None, None, None)
    registry.feeds.list("openai", "gpt-98", "gpt-4o")
    registry.sync()
    change = registry.open_change("new_model")
    assert "inputPrice" in registry.approve(change).problems
    assert registry.approve(change, inputPrice=1).status == 422
    assert registry.approve(change, accessTier="premium", inputPrice=1, outputPrice=2).status == 422
    assert registry.approve(change, successorId="gpt-4o").problems.keys() == {"inputPrice", "successorId"}
    decided = {"accessTier": "premium", "unlockPriceCents": 300, "displayName": "GPT 98", "contextWindow": 50_000}
    assert registry.approve(change, inputPrice=1, outputPrice=2, **decided).status == 200
    offered = registry.offered("gpt-98")
    assert (offered["displayName"], offered["contextWindow"], offered["maxOutputTokens"]) == ("GPT 98", 50_000, 4096)
    assert (offered["priceCents"], offered["userInputPrice"]) == (300, 1.4)


def test_an_end_that_a_providers_list_announces_is_proposed_with_its_date(registry: Registry) -> None:
    def says(on: date | None) -> None:
        model = ListedModel("openai", "gpt-4o", None, on, tells_end=True)
        registry.feeds.listings = (Listing("openai", (model,), (), complete=True),)
        registry.clock.pass_by(DAY)
        registry.sync()

    says(date(2027, 6, 1))
    after = registry.open_change("retirement")["after"]
    assert (after["why"], after["deprecatedAt"]) == ("deprecated", "2027-06-01T00:00:00+00:00")
    says(None)
    assert registry.listed(status="open") == []


def test_a_retirement_is_what_the_admin_decides(registry: Registry) -> None:
    registry.config(noticeEmails=["boss@shop.test"])
    registry.feeds.retire("gpt-4o", date(2027, 6, 1))
    registry.sync()
    assert "gpt-4o ends on 2027-06-01" in registry.mails()[0]["body"]
    change = registry.open_change("retirement")
    assert change["after"]["successorId"] is not None
    assert registry.approve(change, successorId="gpt-4o").problems == {"successorId": "a model cannot succeed itself"}
    assert registry.approve(change, successorId="no-model").status == 422
    assert registry.approve(change, successorId="gpt-4o-mini").status == 200
    offered = registry.offered("gpt-4o")
    assert (offered["deprecatedAt"], offered["successorId"]) == ("2027-06-01T00:00:00.000Z", "gpt-4o-mini")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.listed(status="open") == []


def test_sizes_grow_by_themselves_and_shrink_by_approval(registry: Registry) -> None:
    registry.feeds.say("openai", "gpt-4o", 200_000, "2.5", "10")
    registry.feeds.say("openai", "gpt-4o-mini", 64_000, "0.15", "0.6")
    registry.sync()
    assert registry.offered("gpt-4o")["contextWindow"] == 200_000
    assert registry.offered("gpt-4o-mini")["contextWindow"] == 128_000
    registry.approve(registry.open_change("context"))
    assert registry.offered("gpt-4o-mini")["contextWindow"] == 64_000


def test_a_model_that_codes_or_reasons_has_a_context_that_moves_and_succeeds_others(registry: Registry) -> None:
    registry.feeds.say("mistral", "codestral-latest", 64_000, "0.3", "0.9")
    registry.sync()
    assert registry.offered("codestral-latest")["contextWindow"] == 64_000
    with registry.database.autocommit(Scope(tenant_id=registry.tenant_id)) as connection:
        models, _ = held.held(connection, registry.tenant_id, datetime.now(UTC))
    assert {model.model_id for model in models if not model.can_chat and model.is_taken} == {
        "grok-embed",
        "gpt-4o-realtime",
    }


def test_each_tenant_decides_for_itself(registry: Registry, other: Registry) -> None:
    registry.feeds.price("gpt-4o", "5", "10")
    registry.sync()
    mine, theirs = registry.open_change("price"), other.open_change("price")
    assert registry.approve(theirs).status == registry.reject(theirs).status == 404
    assert registry.approve(mine).status == 200
    assert other.open_change("price") == theirs
    assert other.base("gpt-4o") == (2.5, 10)


@pytest.mark.parametrize("policy", [{"newModel": "apply"}, {"priceRise": "maybe"}, {"surprise": "review"}, None])
def test_a_policy_that_cannot_be_is_refused(registry: Registry, policy: Any) -> None:
    assert registry.refused("PUT", "/config", {"syncPolicy": policy})["status"] == 422


def test_a_policy_is_kept_in_parts(registry: Registry) -> None:
    defaults = registry.done("GET", "/config")["syncPolicy"]
    assert registry.config(syncPolicy={"newModel": "ignore"})["syncPolicy"] == {**defaults, "newModel": "ignore"}
    changed = registry.config(syncPolicy={"priceRise": "review"})["syncPolicy"]
    assert changed == {**defaults, "newModel": "ignore", "priceRise": "review"}
    assert registry.config(syncPolicy={"newModel": None, "priceRise": None})["syncPolicy"] == defaults


def test_new_models_by_policy(registry: Registry) -> None:
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2")
    registry.feeds.say_first("openai", "gpt-97", 1_000_000, "1", "2")
    registry.config(syncPolicy={"newModel": "agreed"})
    registry.sync()
    assert registry.offered("gpt-99")["userInputPrice"] == 1.4
    assert registry.open_change("new_model")["providerModel"] == "gpt-97"
    registry.config(syncPolicy={"newModel": "ignore"})
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.listed(status="open") == []


def test_members_and_strange_words_are_refused(registry: Registry) -> None:
    assert registry.member().send("GET", CHANGES).status == 403
    assert registry.send("GET", CHANGES, status="maybe").status == 422
    assert registry.send("GET", "/api/operator/sync/runs").status == 403
    assert registry.send("POST", f"{CHANGES}/no-id/approve", {}).status == 404


def test_another_method_and_an_unknown_parameter_are_refused_by_name(registry: Registry) -> None:
    event = api_event("PUT", CHANGES, "{}", None, None)
    refused = registry_admin.app(event, None)
    assert (refused["statusCode"], refused["headers"]["Allow"]) == (405, "GET")
    assert registry.send("GET", CHANGES, state="open").problems == {
        "state": "there is no such query parameter; this route takes cursor, kind, limit, providerId, status"
    }


def test_changes_of_one_provider(registry: Registry) -> None:
    registry.feeds.say("openai", "gpt-99", 1_000, "1", "2")
    registry.feeds.say("xai", "grok-99", 1_000, "1", "2")
    registry.sync()
    assert [change["providerModel"] for change in registry.listed(providerId="xai")] == ["grok-99"]
    assert len(registry.listed(kind="new_model")) == 2
    assert registry.listed(providerId="nobody") == []
    assert registry.send("GET", CHANGES, providerId="a\x00b").status == 422


def test_pages_of_changes(registry: Registry) -> None:
    for number in range(5):
        registry.feeds.say("openai", f"gpt-9{number}", 1_000, "1", "2")
    registry.sync()
    first = registry.send("GET", CHANGES, limit="3").body
    rest = registry.send("GET", CHANGES, limit="3", cursor=first["meta"]["nextCursor"]).body
    assert len({change["id"] for change in first["data"] + rest["data"]}) == 5
    assert rest["meta"]["nextCursor"] is None
