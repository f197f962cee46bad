"""Runs that are killed anywhere, run at once or run twice do everything once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest

from stoa.database.pool import Database, Scope, StatementFailed
from stoa.workflows.sync.run import SyncReport, sync
from tests.integration.pricing.support import DAY, HOUR
from tests.integration.purchases.support import Crash, CrashingDatabase
from tests.integration.registry.support import Registry

TABLES = "SELECT c.relname AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"

ROW = "r.ctid::text || r.xmin::text"


def turmoil(registry: Registry) -> None:
    """Makes changes of every kind, applied and proposed."""
    registry.feeds.say("openai", "gpt-4o", 200_000, "2.6", "10")
    registry.feeds.price("gpt-4o-mini", "0.3", "0.6")
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2")
    registry.feeds.retire("gpt-4o", date(2027, 6, 1))


def state(registry: Registry) -> dict[str, Any]:
    """Returns the outcome without ids and instants."""
    changes = sorted(
        (change["kind"], change["subject"], change["status"], str(change["after"])) for change in registry.changes()
    )
    accepted = registry.query("SELECT model_id, input_price FROM tenant_base_prices ORDER BY id")
    book = registry.query(
        "SELECT model_id, effective_from, input_price, output_price FROM price_book WHERE source = 'sync' ORDER BY id"
    )
    overlay = registry.query("SELECT model_id, context_window, version FROM tenant_models ORDER BY model_id")
    mails = sorted((mail["recipient"], mail["subject"]) for mail in registry.mails())
    return {"changes": changes, "accepted": accepted, "book": book, "overlay": overlay, "mails": mails}


def written(owner: Database) -> dict[str, Any]:
    """Returns every row's place and the transaction that wrote it."""
    with owner.autocommit(Scope()) as connection:
        tables = [row["name"] for row in connection.run(TABLES)]
        return {
            table: connection.run(
                f"SELECT string_agg(r.ctid::text || r.xmin::text, ',' ORDER BY r.ctid) FROM {table} r"
            )
            for table in tables
        }


def test_killed_after_any_statement_the_next_run_completes_it(registry: Registry, other: Registry) -> None:
    for shop in (registry, other):
        shop.config(noticeEmails=["boss@shop.test"])
    turmoil(registry)
    crashes = 0
    for after in range(1, 200):
        dying: Any = CrashingDatabase(registry.database, after)
        try:
            sync(dying, registry.feeds.read, registry.clock)
        except Crash:
            crashes += 1
            continue
        break
    assert crashes > 20
    registry.sync()
    assert state(registry) == state(other)
    assert [status for _, _, status, _ in state(registry)["changes"]] == ["applied", "open", "applied", "open", "open"]
    assert len(state(registry)["mails"]) == 1


def test_killed_once_anywhere_it_comes_to_the_same(registry: Registry, other: Registry) -> None:
    """Each killed run is followed by a whole run, on a day of its own."""
    for shop in (registry, other):
        shop.config(noticeEmails=["boss@shop.test"])
    turmoil(registry)
    registry.sync()
    expected = state(registry)
    for after in range(1, 60, 7):
        registry.feeds.price("gpt-4o-mini", f"0.3{after:02}", "0.6")
        registry.clock.pass_by(DAY)
        dying: Any = CrashingDatabase(registry.database, after)
        try:
            sync(dying, registry.feeds.read, registry.clock)
        except Crash:
            """The next run does what is left."""
        registry.sync()
        assert len(registry.listed(status="open", kind="price")) == 1
        assert state(registry) == state(other)
    assert state(registry)["accepted"] == expected["accepted"]


def test_a_second_run_writes_nothing(registry: Registry, owner_database: Database) -> None:
    turmoil(registry)
    registry.sync()
    before = written(owner_database)
    registry.clock.pass_by(timedelta(minutes=5))
    assert registry.sync().tenants_synced == 0
    assert written(owner_database) == before


def test_a_day_later_only_the_instant_of_the_comparison_is_written(
    registry: Registry, owner_database: Database
) -> None:
    turmoil(registry)
    registry.sync()
    before = written(owner_database)
    registry.clock.pass_by(DAY)
    assert registry.sync().tenants_synced == 1
    after = written(owner_database)
    assert [table for table in before if before[table] != after[table]] == ["pricing_configs"]


def test_many_runs_at_once_do_it_once(registry: Registry, other: Registry) -> None:
    turmoil(registry)

    def run(_: int) -> SyncReport:
        return sync(registry.database, registry.feeds.read, registry.clock)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(run, range(4)))
    assert sum(report.tenants_synced for report in reports) == 2
    assert sum(report.tenants_failed for report in reports) == 0
    assert state(registry) == state(other)
    assert len(registry.changes()) == 5


def test_two_admins_at_once_decide_once(registry: Registry) -> None:
    registry.feeds.price("gpt-4o", "5", "10")
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2")
    registry.sync()
    for kind in ("price", "new_model"):
        change = registry.open_change(kind)
        decide = [registry.approve, registry.reject] * 4
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda how, what=change: how(what).status, decide))
        assert sorted(statuses) == [200, *[409] * 7]
    assert len(registry.query("SELECT * FROM tenant_base_prices")) <= 2


def test_one_new_model_approved_by_two_tenants_at_once_is_one_model(registry: Registry, other: Registry) -> None:
    registry.feeds.say("openai", "org/gpt-99", 1_000_000, "1", "2")
    registry.sync()
    asked = [(shop, shop.open_change("new_model")) for shop in (registry, other)]
    with ThreadPoolExecutor(2) as pool:
        replies = list(pool.map(lambda one: one[0].approve(one[1]), asked))
    assert [reply.body["data"]["modelId"] for reply in replies] == ["org-gpt-99"] * 2
    assert len(registry.query("SELECT id FROM models WHERE added_by_sync AND family IS NULL")) == 1


def test_a_tenant_that_fails_holds_up_no_other(
    registry: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    turmoil(registry)
    from stoa.store.pricing import pricing_configs

    lock = pricing_configs.lock

    def fail(connection: Any, tenant_id: Any) -> Any:
        if tenant_id == registry.tenant_id:
            raise StatementFailed("57014", None, "canceling statement due to statement timeout")
        return lock(connection, tenant_id)

    with monkeypatch.context() as broken:
        broken.setattr(pricing_configs, "lock", fail)
        report = sync(registry.database, registry.feeds.read, registry.clock)
    assert (report.tenants_synced, report.tenants_failed) == (1, 1)
    assert registry.changes() == []
    assert len(other.changes()) == 5
    registry.clock.pass_by(HOUR)
    assert registry.sync().tenants_synced == 1
    assert state(registry)["changes"] == state(other)["changes"]
