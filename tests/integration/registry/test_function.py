"""The function itself, with packaged feeds and with feeds at an address."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from dev.practice import PracticeProviders
from functions.provider_sync import handler as function
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.core.settings import settings
from stoa.database import wire
from stoa.database.pool import Database, Row, Scope
from stoa.domain.sync.facts import Reading
from stoa.store.sync import changes, held
from stoa.store.sync.changes import ChangeFilter, Verdict
from stoa.workflows.sync.run import SyncReport, sync
from tests.integration.registry.support import Registry
from tests.integration.registry.test_once import written


def packaged(now: datetime) -> Callable[[Sequence[Row], Mapping[str, int]], Reading]:
    def read(providers: Sequence[Row], counts: Mapping[str, int]) -> Reading:
        ids = [provider.id for provider in providers]
        return Reading(GenaiPrices(ids).read(now), ModelPrices(ids).read(now))

    return read


@pytest.fixture
def practice(monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeProviders]:
    """Practice providers that the function reads its feeds from."""
    with PracticeProviders() as practice:
        for name, source in (("STOA_FEED_URL", "first"), ("STOA_SECOND_FEED_URL", "second")):
            monkeypatch.setenv(name, practice.feed_url(source))
        settings.cache_clear()
        yield practice


def test_the_packaged_feeds_into_several_tenants_and_nothing_the_second_time(
    registry: Registry, other: Registry, owner_database: Database
) -> None:
    now = datetime.now(UTC)
    report = sync(registry.database, packaged(now), lambda: now)
    assert (report.tenants_synced, report.tenants_failed, report.feeds_incomplete) == (2, 0, 0)
    assert report.models_added > 900
    new = registry.query("SELECT count(*) AS rows FROM registry_changes WHERE kind = 'new_model'")[0]["rows"]
    assert new == other.query("SELECT count(*) AS rows FROM registry_changes WHERE kind = 'new_model'")[0]["rows"] > 700
    before = written(owner_database)
    assert sync(registry.database, packaged(now), lambda: now + timedelta(minutes=1)).tenants_synced == 0
    assert written(owner_database) == before
    assert sync(registry.database, packaged(now), lambda: now + timedelta(days=1)) == SyncReport(
        tenants=2, tenants_synced=2, problems=report.problems
    )
    assert [table for table, rows in written(owner_database).items() if rows != before[table]] == ["pricing_configs"]


def test_the_function_syncs_and_reports(registry: Registry, practice: PracticeProviders) -> None:
    done = function.handler({}, None)
    assert (done["tenants_synced"], done["tenants_failed"], done["feed_unreadable"]) == (1, 0, 0)
    assert function.handler({}, None)["tenants_synced"] == 0
    practice.feed(provider="openai", model="gpt-4o", risePercent=30)
    assert function.handler({"atOnce": True}, None)["changes_proposed"] == 1
    assert registry.open_change("price")["percent"] == 30


def test_a_feed_with_few_models_is_believed_when_somebody_says_so(
    registry: Registry, practice: PracticeProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    function.handler({}, None)
    practice.feed(provider="openai", model="gpt-4o", risePercent=-10)
    monkeypatch.setattr("stoa.domain.sync.feed.SMALLEST_PART", Decimal(2))  # as if both had lost half of their models
    with pytest.raises(function.NotSynced):
        function.handler({"atOnce": True}, None)
    assert registry.base("gpt-4o") == (2.5, 10)
    assert function.handler({"atOnce": True, "believeFewer": True}, None)["changes_applied"] == 1
    assert registry.base("gpt-4o") == (2.25, 9)


def test_a_feed_that_cannot_be_read_raises_the_alarm_and_tries_again(
    registry: Registry, practice: PracticeProviders
) -> None:
    function.handler({}, None)
    synced = registry.send("GET", "/api/admin/pricing/config").body["lastAutoUpdate"]
    practice.feed(page="html")
    with pytest.raises(function.NotSynced):  # the packaged feed stands in for a first reading only
        function.handler({"atOnce": True}, None)
    assert registry.send("GET", "/api/admin/pricing/config").body["lastAutoUpdate"] == synced
    practice.feed(page=None)
    assert function.handler({"atOnce": True}, None)["tenants_synced"] == 1


def test_no_query_depends_on_its_own_conditions(
    registry: Registry, other: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database keeps two tenants apart when the tenant is taken out of every condition."""
    registry.feeds.price("gpt-4o", "5", "10")
    registry.feeds.price("gpt-4o-mini", "0.14", "0.55")
    other.config(autoUpdateFromProviders=False)
    registry.sync()
    theirs = registry.open_change("price")
    changed: list[str] = []
    original = wire.to_statement

    def careless(sql: str) -> tuple[str, object]:
        text, make_values = original(sql)
        forgetful = re.sub(r"\b(\w+\.tenant_id = \$\d+(?: ::uuid)?)", r"(\1 OR true)", text)
        changed.extend([text] if forgetful != text else [])
        return forgetful, make_values

    monkeypatch.setattr(wire, "to_statement", careless)
    fresh = Database(registry.database._dsn, 1)  # statements prepared before would hide the change
    now, mine = datetime.now(UTC), other.tenant_id
    with fresh.transaction(Scope(tenant_id=mine)) as connection:
        models, filed = held.held(connection, mine, datetime.now(UTC))
        prices = {model.model_id: model.price for model in models}
        assert prices["gpt-4o-mini"] is not None
        assert str(prices["gpt-4o-mini"].input_price) == "0.150000"
        assert filed == {}
        assert changes.page(connection, mine, ChangeFilter(), before=None, rows=9) == []
        assert changes.locked(connection, mine, theirs["id"]) is None
        changes.end(connection, mine, [theirs["id"]], "withdrawn", now)
        changes.decide(connection, mine, theirs["id"], Verdict("approved", None), now)
    fresh.close()
    assert len(changed) >= 6
    assert registry.open_change("price") == theirs
