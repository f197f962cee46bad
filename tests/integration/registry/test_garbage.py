"""Feeds with impossible values, read over real sockets: reported by entry, nothing lost, nothing charged at 0."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from dev.practice import PracticeProviders
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.database.pool import Row
from stoa.domain.sync.facts import Reading
from stoa.workflows.sync.run import SyncReport, sync
from tests.integration.pricing.support import DAY
from tests.integration.registry.support import Registry

MODEL = "gpt-4o-mini"
FREE = "SELECT FROM price_book WHERE source = 'sync' AND 0 IN (input_price, output_price)"


@pytest.fixture
def practice() -> Iterator[PracticeProviders]:
    with PracticeProviders() as practice:
        yield practice


class Wire:
    """The tenant's registry, synced with the practice feeds a day after the last time."""

    def __init__(self, registry: Registry, practice: PracticeProviders) -> None:
        self.registry, self.practice = registry, practice

    def sync(self) -> SyncReport:
        self.registry.clock.pass_by(DAY)
        return sync(self.registry.database, self._read, self.registry.clock)

    def problems(self) -> list[dict[str, Any]]:
        """Returns the problems of the newest reading on file, as operators see them."""
        self.registry.groups = "[operator]"
        reply = self.registry.send("GET", "/api/operator/sync/runs", limit="1")
        self.registry.groups = "[admin]"
        return list(reply.body["data"][0]["problems"])

    def _read(self, providers: Sequence[Row], counts: Mapping[str, int]) -> Reading:
        ids = [provider.id for provider in providers]
        first = GenaiPrices(ids, self.practice.feed_url("first"))
        second = ModelPrices(ids, self.practice.feed_url("second"))
        now = self.registry.clock.now
        return Reading(
            first.read(now, counts.get(first.name)),
            second.read(now, counts.get(second.name)),
        )


@pytest.fixture
def wire(registry: Registry, practice: PracticeProviders) -> Wire:
    wire = Wire(registry, practice)
    assert wire.sync().feed_unreadable == 0
    return wire


@pytest.mark.parametrize("garbage", ["negative", "nan", "missing", "million", "zero", "text", "duplicate"])
def test_an_entry_that_cannot_be_is_reported_and_nothing_is_lost(wire: Wire, garbage: str) -> None:
    wire.practice.feed(provider="openai", model=MODEL, risePercent=30)
    wire.sync()
    waiting = wire.registry.open_change("price")
    wire.practice.feed(provider="openai", model=MODEL, garbage=garbage)
    wire.practice.feed(provider="openai", model="gpt-4o", risePercent=-10)
    report = wire.sync()
    assert (report.tenants_synced, report.tenants_failed) == (1, 0)
    assert [problem for problem in wire.problems() if problem["entry"] == f"openai/{MODEL}"]
    assert wire.registry.open_change("price") == waiting, "what waited still waits"
    assert wire.registry.prices(MODEL) == (0.21, 0.84)
    assert wire.registry.base("gpt-4o") == (2.25, 9), "the rest of the feed counts"
    assert wire.registry.charged(MODEL) == Decimal("0.001")
    assert (
        wire.registry.query("SELECT FROM price_book WHERE source = 'sync' AND 0 IN (input_price, output_price)") == []
    )


@pytest.mark.parametrize("page", ["html", "cut", "empty", "error_500", "redirect"])
def test_a_feed_that_cannot_be_read_changes_nothing(wire: Wire, page: str) -> None:
    wire.practice.feed(provider="openai", model=MODEL, risePercent=30)
    wire.sync()
    before = wire.registry.listed(), wire.registry.prices(MODEL), wire.registry.prices("gpt-4o")
    wire.practice.feed(page=page)
    report = wire.sync()
    assert report.problems >= 2
    assert (wire.registry.listed(), wire.registry.prices(MODEL), wire.registry.prices("gpt-4o")) == before
    assert [problem for problem in wire.problems() if problem["entry"] == ""]
    wire.practice.feed(page=None)
    wire.practice.feed(provider="openai", model="gpt-4o", risePercent=-10)
    wire.sync()
    assert wire.registry.base("gpt-4o") == (2.25, 9)


def test_a_rise_that_only_one_source_knows_waits(wire: Wire) -> None:
    wire.practice.feed(provider="openai", model=MODEL, risePercent=5, only="first")
    wire.sync()
    assert wire.registry.open_change("price")["agreement"] == "differs"
    wire.practice.feed(provider="openai", model=MODEL, risePercent=5, only="second")
    wire.sync()
    assert wire.registry.listed(status="open", kind="price") == []
    assert wire.registry.base(MODEL) == (0.1575, 0.63)
