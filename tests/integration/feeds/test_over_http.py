"""Feeds and lists over real sockets, and their faults."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from dev.practice import PracticeProviders
from dev.practice.feed import UnknownOrder
from stoa.clients.feeds import fetch
from stoa.clients.feeds.fetch import Download, FeedUnreadable
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.clients.feeds.provider_lists import has_list, read_list
from stoa.clients.feeds.sources import endpoints_with_lists, read_sources
from stoa.clients.wires.endpoints import endpoint_for, packaged_providers
from stoa.clients.wires.types import Endpoint
from stoa.core.settings import settings
from stoa.domain.sync.agreement import agreement
from stoa.domain.sync.feed import FeedModel, FeedResult

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
IDS = frozenset(provider.id for provider in packaged_providers())
GPT = {"provider": "openai", "model": "gpt-4o"}


@pytest.fixture(scope="module")
def process() -> Iterator[PracticeProviders]:
    with PracticeProviders() as running:
        yield running


@pytest.fixture
def practice(process: PracticeProviders) -> Iterator[PracticeProviders]:
    fetch.download.cache_clear()
    yield process
    process.clear()


def first(practice: PracticeProviders, last_count: int | None = None) -> FeedResult:
    return GenaiPrices(IDS, practice.feed_url("first")).read(NOW, last_count)


def second(practice: PracticeProviders) -> FeedResult:
    return ModelPrices(IDS, practice.feed_url("second")).read(NOW)


def named(result: FeedResult, name: str = "gpt-4o") -> FeedModel:
    (model,) = (model for model in result.models if model.provider_model == name)
    return model


def endpoint(practice: PracticeProviders, provider_id: str) -> Endpoint:
    (provider,) = (one for one in packaged_providers() if one.id == provider_id)
    prefix = f"STOA_PROVIDER_{provider_id.upper()}_"
    return endpoint_for(provider, {f"{prefix}API_KEY": "practice", f"{prefix}BASE_URL": practice.url(provider_id)})


def test_both_feeds_say_what_the_registry_says(practice: PracticeProviders) -> None:
    one, other = first(practice), second(practice)
    assert one.problems == other.problems == ()
    assert one.complete
    assert other.complete
    model = named(one)
    assert (model.input_price, model.output_price, model.context_window) == (Decimal("2.5"), Decimal(10), 128000)
    assert [model.key for model in one.models] == [model.key for model in other.models]
    assert {agreement(mine, theirs) for mine, theirs in zip(one.models, other.models, strict=True)} == {"agreed"}


def test_a_rise_is_read_at_both_or_at_one(practice: PracticeProviders) -> None:
    practice.feed(**GPT, risePercent=30)
    assert agreement(named(first(practice)), named(second(practice))) == "agreed"
    practice.feed(**GPT, only="first", risePercent=10)
    assert named(first(practice)).input_price == Decimal("3.575")
    assert agreement(named(first(practice)), named(second(practice))) == "differs"


def test_a_new_model_a_retirement_and_a_removal(practice: PracticeProviders) -> None:
    practice.feed(provider="xai", model="grok-9", prices={"input_mtok": 4, "output_mtok": 8}, contextWindow=1000)
    practice.feed(**GPT, deprecated=True)
    practice.feed(provider="azure_openai", model="Phi-4", remove=True)
    one, other = first(practice), second(practice)
    assert named(one, "grok-9").context_window == 1000
    assert named(one).lifecycle == named(other).lifecycle == "deprecated"
    assert not [model for model in (*one.models, *other.models) if model.provider_model == "Phi-4"]


@pytest.mark.parametrize("garbage", ["negative", "nan", "million", "text", "duplicate"])
def test_garbage_is_reported_by_entry_and_the_rest_stands(practice: PracticeProviders, garbage: str) -> None:
    sound = first(practice)
    practice.feed(**GPT, only="first", garbage=garbage)
    result = first(practice, last_count=len(sound.models))
    assert {problem.entry for problem in result.problems} == {"openai/gpt-4o"}
    assert result.models == tuple(model for model in sound.models if model.provider_model != "gpt-4o")
    assert result.complete


@pytest.mark.parametrize("garbage", ["missing", "zero"])
def test_a_price_that_is_missing_or_0_leaves_a_model_without_prices(practice: PracticeProviders, garbage: str) -> None:
    practice.feed(**GPT, garbage=garbage)
    result = first(practice)
    assert (named(result).input_price, named(result).output_price) == (None, None)
    assert {problem.entry for problem in result.problems} == {"openai/gpt-4o"}


BROKEN = [
    ("html", "a web page and not JSON"),
    ("cut", "not JSON, or cut off"),
    ("empty", "only 0 usable models, and 30 the last time: nothing is changed"),
    ("error_500", "HTTP 500"),
    ("redirect", "moved elsewhere, HTTP 302"),
]


@pytest.mark.parametrize(("page", "reason"), BROKEN)
def test_a_broken_feed_says_why_and_changes_nothing(practice: PracticeProviders, page: str, reason: str) -> None:
    practice.feed(page=page)
    result = first(practice, last_count=30)
    assert (result.models, result.complete) == ((), False)
    assert [problem.reason for problem in result.problems] == [reason]
    assert not second(practice).complete


def test_only_a_first_reading_falls_back_on_the_package(practice: PracticeProviders) -> None:
    practice.feed(page="html")
    result = first(practice)
    assert result.complete
    assert len(result.models) > 500
    assert [problem.reason for problem in result.problems[:2]] == [
        "a web page and not JSON",
        "the address gave nothing usable: read from the package instead",
    ]


def test_a_feed_that_lost_half_of_its_models_changes_nothing(practice: PracticeProviders) -> None:
    count = len(first(practice).models)
    assert not first(practice, last_count=2 * count + 1).complete
    assert first(practice, last_count=2 * count).complete


def test_an_unchanged_feed_is_not_sent_again(practice: PracticeProviders, monkeypatch: pytest.MonkeyPatch) -> None:
    statuses: list[int] = []
    get = fetch.get

    def noted(*asked: Any) -> fetch.Answer:
        answer = get(*asked)
        statuses.append(answer.status)
        return answer

    monkeypatch.setattr(fetch, "get", noted)
    before = first(practice)
    assert first(practice) == before
    practice.feed(**GPT, risePercent=30)
    assert first(practice) != before
    practice.feed(page="error_500")
    assert not first(practice, last_count=1).complete
    practice.feed(page=None)
    assert first(practice).complete
    assert statuses == [200, 304, 200, 304]


def test_a_feed_out_of_reach_is_a_problem_and_no_failure(practice: PracticeProviders) -> None:
    result = GenaiPrices(IDS, "http://127.0.0.1:1/feed.json").read(NOW, last_count=30)
    assert [problem.reason for problem in result.problems] == ["no connection"]
    result = ModelPrices(IDS, "http://example.test/feed.json").read(NOW)
    assert [problem.reason for problem in result.problems] == ["the address does not begin with https://"]


def test_a_feed_without_end_is_left(practice: PracticeProviders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "LARGEST_BODY", 1000)
    with pytest.raises(FeedUnreadable, match="larger than 1,000 bytes"):
        Download(practice.feed_url()).read()


def test_an_order_that_nobody_understands_is_refused(practice: PracticeProviders) -> None:
    for order in ({}, {**GPT, "price": 3}, {**GPT, "garbage": "odd"}, {**GPT, "only": "third"}, {"page": "torn"}):
        with pytest.raises(UnknownOrder):
            practice.feed(**order)


@pytest.mark.parametrize("provider_id", ["openai", "google", "groq", "cohere", "together", "self_hosted"])
def test_lists_in_openai_s_form(practice: PracticeProviders, provider_id: str) -> None:
    listing = read_list(endpoint(practice, provider_id))
    assert listing.problems == ()
    assert listing.complete
    assert {model.provider_id for model in listing.models} == {provider_id}


def test_a_list_that_is_elsewhere_is_asked_for_there(practice: PracticeProviders) -> None:
    assert read_list(endpoint(practice, "cohere")).complete
    assert practice.calls()[-1]["path"] == "/cohere/v1/models"


def test_a_list_follows_the_feed(practice: PracticeProviders) -> None:
    practice.feed(provider="openai", model="gpt-99")
    practice.feed(**GPT, remove=True)
    practice.feed(provider="openai", model="gpt-4o-mini", endsOn="2027-03-01")
    ends = {model.provider_model: model.ends_on for model in read_list(endpoint(practice, "openai")).models}
    assert ends["gpt-99"] is None
    assert ends["gpt-4o-mini"] == date(2027, 3, 1)
    assert "gpt-4o" not in ends


def test_anthropic_s_list_is_read_page_by_page(practice: PracticeProviders, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_list(endpoint(practice, "anthropic"))
    assert len(whole.models) == 11
    monkeypatch.setattr("stoa.clients.feeds.provider_lists.PAGE_SIZE", 2)
    assert read_list(endpoint(practice, "anthropic")) == whole
    monkeypatch.setattr("stoa.clients.feeds.provider_lists.MOST_PAGES", 2)
    cut = read_list(endpoint(practice, "anthropic"))
    assert (cut.models, cut.complete) == ((), False)
    assert [problem.reason for problem in cut.problems] == ["more than 2 pages"]


def test_a_list_that_is_refused_takes_nothing_back(practice: PracticeProviders) -> None:
    keyless = Endpoint("openai", "openai", practice.url("openai"), None, {"chat_path": "/chat/completions"})
    listing = read_list(keyless)
    assert (listing.models, listing.complete) == ((), False)
    assert [problem.reason for problem in listing.problems] == ["HTTP 401"]


def test_a_list_that_lost_half_of_its_models_takes_nothing_back(practice: PracticeProviders) -> None:
    listing = read_list(endpoint(practice, "openai"), last_count=1000)
    assert listing.models
    assert not listing.complete


def test_providers_without_a_list_are_not_asked(practice: PracticeProviders) -> None:
    for provider_id in ("replicate", "azure_openai", "perplexity", "databricks", "cloudflare"):
        assert not has_list(endpoint(practice, provider_id))
    assert [problem.reason for problem in read_list(endpoint(practice, "replicate")).problems] == ["has no list"]


def test_only_providers_with_a_key_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("STOA_PROVIDER_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("STOA_PROVIDER_XAI_API_KEY", "a-key")
    assert [endpoint.provider_id for endpoint in endpoints_with_lists(packaged_providers())] == ["xai"]


def test_one_reading_of_everything(practice: PracticeProviders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_FEED_URL", practice.feed_url("first"))
    monkeypatch.setenv("STOA_SECOND_FEED_URL", practice.feed_url("second"))
    for provider_id in ("openai", "anthropic"):
        monkeypatch.setenv(f"STOA_PROVIDER_{provider_id.upper()}_API_KEY", "practice")
        monkeypatch.setenv(f"STOA_PROVIDER_{provider_id.upper()}_BASE_URL", practice.url(provider_id))
    settings.cache_clear()
    try:
        known = [one for one in packaged_providers() if one.id in ("openai", "anthropic", "bedrock")]
        reading = read_sources(known, NOW, {"genai-prices": 10, "list:openai": 1000})
    finally:
        settings.cache_clear()
    assert reading.first.complete
    assert reading.second.complete
    assert {model.provider_id for model in reading.first.models} == {"openai", "anthropic", "bedrock"}
    assert {listing.provider_id: listing.complete for listing in reading.listings} == {
        "anthropic": True,
        "openai": False,
    }
