"""A sync with the feeds: changes that apply by themselves, that wait, and models that are left alone."""

from datetime import date, timedelta
from typing import Any

import pytest

from stoa.core.text import iso
from stoa.domain.sync.facts import Reading
from stoa.domain.sync.feed import ListedModel, Listing
from stoa.workflows.sync.run import sync
from tests.integration.pricing.support import DAY, HOUR
from tests.integration.registry.support import Registry


def test_feeds_that_say_what_the_registry_says_change_nothing(registry: Registry) -> None:
    report = registry.sync()
    assert (report.tenants_synced, report.models_added) == (1, 2)
    assert registry.changes() == []
    assert registry.base("gpt-4o") == (2.5, 10)


def test_a_policy_that_is_saved_while_the_feeds_are_read_holds_from_the_next_run_on(registry: Registry) -> None:
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2")

    def read(*asked: Any) -> Reading:
        registry.config(syncPolicy={"newModel": "agreed"})
        return registry.feeds.read(*asked)

    report = sync(registry.database, read, registry.clock)
    assert (report.tenants_failed, report.tenants_synced) == (0, 0)
    registry.clock.pass_by(HOUR)
    assert registry.sync().changes_applied == 1


def test_a_second_run_is_not_due_and_reads_nothing(registry: Registry) -> None:
    registry.sync()
    assert registry.sync().tenants_synced == 0
    assert len(registry.feeds.reads) == 1


def test_a_small_rise_that_both_sources_know_applies_after_the_grace(registry: Registry) -> None:
    registry.sync()
    registry.clock.pass_by(DAY)
    registry.feeds.price("gpt-4o", "2.7", "10")
    report = registry.sync()
    assert (report.changes_applied, report.changes_proposed) == (1, 0)
    assert registry.prices("gpt-4o") == (3.5, 14)
    assert registry.base("gpt-4o") == (2.7, 10)
    assert registry.scheduled("gpt-4o") == [(registry.clock.now + DAY, 3.78, 14)]
    (change,) = registry.changes()
    assert (change["status"], change["model_id"], change["reason"]) == ("applied", "gpt-4o", "Both sources agree.")


def test_a_fall_applies_at_once(registry: Registry) -> None:
    registry.sync()
    registry.clock.pass_by(DAY)
    registry.feeds.price("gpt-4o", "1.75", "7")
    registry.sync()
    assert registry.prices("gpt-4o") == (2.45, 9.8)
    assert registry.scheduled("gpt-4o") == []


@pytest.mark.parametrize("second", [None, ("2.6", "10")])
def test_what_one_source_says_alone_waits(registry: Registry, second: tuple[str, str] | None) -> None:
    registry.feeds.price("gpt-4o", *(second or ("2.5", "10")))
    if second is None:
        del registry.feeds.second["gpt-4o"]
    registry.feeds.say_first("openai", "gpt-4o", 128_000, "2.4", "9")
    registry.sync()
    (change,) = registry.changes()
    assert change["status"] == "open"
    assert registry.prices("gpt-4o") == (3.5, 14)


def test_a_new_model_waits_and_a_retirement_waits(registry: Registry) -> None:
    registry.feeds.say("openai", "gpt-99", 1_000_000, "1", "2")
    registry.feeds.retire("gpt-4o", date(2027, 6, 1))
    registry.sync()
    found = {change["kind"]: change for change in registry.changes(status="open")}
    assert found.keys() == {"new_model", "retirement"}
    assert found["retirement"]["after"]["deprecatedAt"] == "2027-06-01T00:00:00+00:00"
    assert found["new_model"]["after"]["inputPrice"] == "1"


def test_a_model_that_no_feed_knows_is_watched_by_its_providers_list(registry: Registry) -> None:
    def says(*models: ListedModel) -> None:
        registry.feeds.listings = (
            Listing("mistral", (ListedModel("mistral", "mistral-large-2411", None), *models), (), True),
        )
        registry.clock.pass_by(DAY)
        registry.sync()

    says(ListedModel("mistral", "codestral-latest", 16_000))
    smaller = registry.open_change("context")
    assert (smaller["modelId"], smaller["after"]) == ("codestral-latest", {"contextWindow": 16_000})
    says()
    gone = registry.open_change("retirement")
    assert (gone["modelId"], gone["after"]["why"]) == ("codestral-latest", "unlisted")
    says(ListedModel("mistral", "codestral-latest", 16_000))
    assert registry.listed(status="open") == [smaller]


def test_the_end_of_our_name_for_a_model_is_not_the_end_of_its_others(registry: Registry) -> None:
    ours = "command-r-plus-08-2024"
    registry.feeds.say("cohere", "command-r-plus", 128_000, "2.5", "10", names=frozenset({"command-r-plus", ours}))

    def says(*models: ListedModel) -> None:
        registry.feeds.listings = (Listing("cohere", models, (), True),)
        registry.clock.pass_by(DAY)
        registry.sync()

    plain = ListedModel("cohere", "command-r-plus", None, date(2027, 4, 1), tells_end=True)
    says(plain, ListedModel("cohere", ours, None, None, tells_end=True))
    assert registry.listed(status="open") == []
    says(plain, ListedModel("cohere", ours, None, date(2027, 8, 1), tells_end=True))
    assert registry.open_change("retirement")["after"]["deprecatedAt"] == "2027-08-01T00:00:00+00:00"
    says(plain, ListedModel("cohere", ours, None, None, tells_end=True))
    says(plain)
    gone = registry.open_change("retirement")
    assert (gone["modelId"], gone["after"]["why"]) == ("command-r-plus", "unlisted")


def test_an_open_price_waits_while_only_the_providers_list_knows_the_model(registry: Registry) -> None:
    registry.feeds.price("gpt-4o", "5", "10")
    registry.sync()
    waiting = registry.open_change("price")
    registry.feeds.list("openai", "gpt-4o", "gpt-4o-mini")
    del registry.feeds.first["gpt-4o"], registry.feeds.second["gpt-4o"]
    registry.clock.pass_by(DAY)
    registry.sync()
    assert registry.listed(status="open") == [waiting]


def test_a_frequency_is_respected(registry: Registry, other: Registry) -> None:
    other.config(autoUpdateFrequency="hourly")
    assert registry.sync().tenants_synced == 2
    registry.clock.pass_by(HOUR)
    assert registry.sync().tenants_synced == 1


def test_a_rise_announced_while_the_feeds_are_read_comes_no_sooner_than_announced(registry: Registry) -> None:
    announced: list[Any] = []

    def read(providers: Any, counts: Any) -> Any:
        registry.clock.pass_by(timedelta(minutes=2))
        registry.config(externalDefaultMarkup=0.5)
        announced.append(registry.scheduled("gpt-4o"))
        return registry.feeds.read(providers, counts)

    began = registry.clock.now
    assert sync(registry.database, read, registry.clock).tenants_synced == 1
    assert registry.scheduled("gpt-4o") == announced[0]
    assert [instant for instant, *_ in announced[0]] == [registry.clock.now + DAY]
    assert registry.done("GET", "/config")["lastAutoUpdate"] == iso(began)
