"""Decisions of people stay: admins against the feeds, operators over both, and changes that were taken back."""

from datetime import date

from msgspec.structs import replace

from stoa.database.pool import Database, Scope
from tests.integration.pricing.support import DAY
from tests.integration.registry.support import Registry


def test_what_an_admin_decides_otherwise_is_never_overwritten(registry: Registry) -> None:
    registry.config(noticeEmails=["boss@shop.test"], syncPolicy={"contextSmaller": "apply", "retirement": "apply"})
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2")
    registry.sync()
    decided = {"inputPrice": 3, "outputPrice": 4, "contextWindow": 50_000, "displayName": "Ours"}
    assert registry.approve(registry.open_change("new_model"), **decided).status == 200
    registry.clock.pass_by(DAY)
    registry.sync()
    settled = {change["kind"]: change for change in registry.listed(status="rejected")}
    assert settled.keys() == {"price", "context"}
    assert settled["price"]["reason"] == "Decided otherwise when the model was approved."
    assert registry.listed(status="open") == registry.mails() == [], "nothing has moved"

    registry.feeds.say("openai", "gpt-99", 900_000, "0.9", "1.9", display_name="Theirs")
    registry.clock.pass_by(DAY)
    registry.sync()
    offered = registry.offered("gpt-99")
    assert (registry.base("gpt-99"), offered["contextWindow"], offered["displayName"]) == ((3, 4), 50_000, "Ours")
    for kind in ("price", "context"):
        change = registry.open_change(kind)
        assert change["reason"] == "You have set this yourself. Approve it to follow the feeds again."
        assert registry.approve(change).status == 200
    assert (registry.base("gpt-99"), registry.offered("gpt-99")["contextWindow"]) == ((0.9, 1.9), 900_000)

    registry.feeds.say("openai", "gpt-99", 950_000, "0.8", "1.8")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert (registry.base("gpt-99"), registry.offered("gpt-99")["contextWindow"]) == ((0.8, 1.8), 950_000)
    for change in registry.listed(status="applied"):
        assert registry.undo(change).status == 200
    registry.feeds.say("openai", "gpt-99", 960_000, "0.7", "1.7")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert (registry.base("gpt-99"), registry.offered("gpt-99")["contextWindow"]) == ((0.9, 1.9), 900_000)
    assert {change["kind"] for change in registry.listed(status="open")} == {"price", "context"}


def test_a_date_that_an_admin_decided_stays(registry: Registry) -> None:
    registry.feeds.retire("gpt-4o", date(2028, 6, 1))
    registry.sync()
    ours = {"deprecatedAt": "2028-05-01T00:00:00Z", "successorId": "gpt-4o-mini"}
    assert registry.approve(registry.open_change("retirement"), **ours).status == 200
    registry.config(syncPolicy={"retirement": "apply"})
    registry.feeds.say("openai", "gpt-4o", 200_000, "2.5", "10")
    registry.feeds.retire("gpt-4o", date(2028, 6, 1))
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.offered("gpt-4o")["contextWindow"] == 200_000, "applied, and the date is still the admin's own"
    registry.feeds.retire("gpt-4o", date(2028, 7, 1))
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.offered("gpt-4o")["deprecatedAt"] == "2028-05-01T00:00:00.000Z"
    assert registry.approve(registry.open_change("retirement")).status == 200
    offered = registry.offered("gpt-4o")
    assert (offered["deprecatedAt"], offered["successorId"]) == ("2028-07-01T00:00:00.000Z", "gpt-4o-mini")


def test_a_model_that_is_gone_without_a_date_ends_with_the_approval(registry: Registry) -> None:
    registry.sync()
    for source in (registry.feeds.first, registry.feeds.second):
        source["gpt-4o"] = replace(source["gpt-4o"], lifecycle="removed")
    registry.clock.pass_by(DAY)
    registry.sync()
    change = registry.open_change("retirement")
    assert (change["after"]["why"], change["after"]["deprecatedAt"]) == ("removed", None)
    assert registry.approve(change).status == 200
    assert "gpt-4o" not in [model["id"] for model in registry.member().send("GET", "/api/thinktank/models").body]


def test_an_operators_price_wins_over_what_was_accepted_before(registry: Registry, owner_database: Database) -> None:
    registry.feeds.price("gpt-4o", "2.4", "9.6")
    registry.sync()
    assert registry.base("gpt-4o") == (2.4, 9.6)
    with owner_database.autocommit(Scope()) as connection:
        connection.run("UPDATE models SET base_input_price = 2, base_output_price = 8 WHERE id = 'gpt-4o'")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.base("gpt-4o") == (2, 8)
    assert registry.prices("gpt-4o") == (2.8, 11.2)
    overruled = registry.open_change("price")
    assert overruled["reason"] == "You had this price already; an operator has set another one since."
    registry.reject(overruled)
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.listed(status="open") == []
    registry.feeds.price("gpt-4o", "1.9", "7.6")
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.base("gpt-4o") == (1.9, 7.6)


def test_a_price_that_an_operator_replaced_cannot_be_taken_back(registry: Registry, owner_database: Database) -> None:
    registry.feeds.price("gpt-4o", "2.4", "9.6")
    registry.sync()
    with owner_database.autocommit(Scope()) as connection:
        connection.run("UPDATE models SET base_input_price = 2, base_output_price = 8 WHERE id = 'gpt-4o'")
    (change,) = registry.listed(kind="price")
    assert registry.undo(change).error["code"] == "CHANGE_FOLLOWED"
    assert registry.base("gpt-4o") == (2, 8)


def test_what_was_accepted_can_be_taken_back(registry: Registry) -> None:
    registry.feeds.say("openai", "gpt-4o", 200_000, "1.25", "5")
    registry.feeds.retire("gpt-4o", date(2028, 6, 1))
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2")
    registry.sync()
    assert registry.undo(registry.open_change("retirement")).error["code"] == "CHANGE_DECIDED"
    for kind in ("new_model", "retirement"):
        assert registry.approve(registry.open_change(kind)).status == 200
    for change in registry.listed():
        assert registry.undo(change).body["data"]["status"] == "rejected"
        assert registry.undo(change).status == 409
    offered = registry.offered("gpt-4o")
    assert (offered["contextWindow"], offered["deprecatedAt"], offered["successorId"]) == (128_000, None, None)
    assert registry.base("gpt-4o") == (2.5, 10)
    assert registry.prices("gpt-4o") == (1.75, 7), "back up after the grace"
    assert registry.scheduled("gpt-4o") == [(registry.clock.now + DAY, 3.5, 14)]
    assert "gpt-99" not in [model["id"] for model in registry.member().send("GET", "/api/thinktank/models").body]
    assert registry.audited()[-1][0] == "registry_change.undo"
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.listed(status="open") == []


def test_changes_are_taken_back_from_the_newest_on(registry: Registry) -> None:
    for price in ("2.4", "2.3"):
        registry.feeds.price("gpt-4o", price, "10")
        registry.clock.pass_by(DAY)
        registry.sync()
    newer, older = registry.listed(kind="price")
    assert registry.undo(older).error["code"] == "CHANGE_FOLLOWED"
    assert [registry.undo(change).status for change in (newer, older)] == [200, 200]
    assert registry.base("gpt-4o") == (2.5, 10)


def test_a_price_that_was_the_first_one_cannot_be_taken_back(registry: Registry, owner_database: Database) -> None:
    with owner_database.autocommit(Scope()) as connection:
        connection.run("UPDATE models SET base_input_price = NULL, base_output_price = NULL WHERE id = 'gpt-4o'")
    registry.sync()
    change = registry.open_change("price")
    assert (change["before"], change["percent"], change["moves"]) == (None, None, [])
    assert registry.approve(change).status == 200
    assert registry.undo(change).error["code"] == "PRICE_UNKNOWN"
