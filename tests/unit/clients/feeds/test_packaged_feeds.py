"""The feeds of the locked packages fit our reading, and our registry fits them."""

import csv
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal
from importlib.resources import files
from typing import NamedTuple

import pytest

from stoa.clients.feeds.genai_prices_feed import GenaiPrices, bundled
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.clients.wires.endpoints import model_names, packaged_providers
from stoa.domain.pricing.rates import Tier
from stoa.domain.sync.agreement import agreement
from stoa.domain.sync.feed import FeedResult
from stoa.domain.sync.matching import Matches, counterparts, match

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
IDS = frozenset(provider.id for provider in packaged_providers())


class Ours(NamedTuple):
    """A model of the registry."""

    id: str
    provider_id: str
    provider_model: str


@pytest.fixture(scope="module")
def first() -> FeedResult:
    return GenaiPrices(IDS).read(NOW)


@pytest.fixture(scope="module")
def second() -> FeedResult:
    return ModelPrices(IDS).read(NOW)


@pytest.fixture(scope="module")
def matches(first: FeedResult) -> Matches:
    registry = files("stoa").joinpath("data", "registry.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(registry.splitlines())
    return match([Ours(row["id"], row["provider_id"], row["provider_model"]) for row in rows], first.models)


def test_nearly_all_of_the_first_source_is_understood(first: FeedResult) -> None:
    assert first.complete
    assert len(first.models) > 800
    assert {problem.reason for problem in first.problems} == {
        "missing, where the other price is given",  # embeddings: they have no output
        "names no model by which the provider could be asked",  # Bedrock's regional names
        "asked besides and not charged by Stoa",  # Perplexity's fee for a request
    }
    assert len(first.problems) < len(first.models) / 10


def test_the_second_source_is_understood(second: FeedResult) -> None:
    assert second.complete
    assert len(second.models) > 250
    assert {problem.reason for problem in second.problems} == {
        "a price of 0 is not taken from a feed; an admin can set it"
    }


def test_the_whole_feed_is_understood_for_whoever_has_all_its_providers() -> None:
    everyone = {provider["id"] for provider in bundled()} | IDS
    result = GenaiPrices(everyone).read(NOW)
    assert len(result.models) > 2000
    assert result.skipped == ()


def test_most_of_our_models_are_found(matches: Matches) -> None:
    assert matches.problems == ()
    assert len(matches.found) >= 85
    unknown = {row["id"] for row in model_names()} - set(matches.found)
    assert unknown <= {
        "gemini-2.0-pro",
        "gemini-2.0-pro-exp",
        "gemini-2.0-ultra",
        "grok-2-mini",
        "grok-analyst",
        "grok-embed",
        "grok-realtime",
        "qwen-2.5-coder",
        # Known to other sources of the packaged list only.
        *("gpt-6.2-sol", "gpt-6.2-astra", "gemini-4-hydrogen", "gemini-4-neon", "gemini-4-carbon"),
        *("command-a-reasoning-08-2025", "qwen3.8-flash", "qwen3.7-plus", "qwen3.8-max", "qwen3-coder-flash"),
        *("us.amazon.nova-2-lite-v1:0", "us.meta.llama3-3-70b-instruct-v1:0"),
        *("us.meta.llama4-maverick-17b-instruct-v1:0", "gpt-6-luna@azure_openai"),
        *("muse-ember-1.0", "muse-spark-1.3", "muse-wonder-1.0", "jamba-mini", "jamba-large"),
    }


@pytest.mark.parametrize(
    ("ours", "theirs", "prices", "cached"),
    [
        ("gpt-4o", "gpt-4o", ("2.5", "10"), "1.25"),
        ("gpt-4o-mini", "gpt-4o-mini", ("0.15", "0.6"), "0.075"),
        ("claude-4-sonnet", "claude-sonnet-4-0", ("3", "15"), "0.3"),
        ("grok-3-fast", "grok-3-fast", ("5", "25"), "1.25"),
        ("deepseek-v3", "deepseek-chat", ("0.27", "1.1"), "0.07"),  # by day, and not the night's 0.135 and 0.55
    ],
)
def test_what_the_first_source_says_of_ours(
    matches: Matches, ours: str, theirs: str, prices: tuple[str, str], cached: str
) -> None:
    found = matches.found[ours]
    assert found.provider_model == theirs
    assert (found.input_price, found.output_price) == tuple(map(Decimal, prices))
    assert found.rates.cached_input == Decimal(cached)


def test_tiers_of_a_model_that_has_them(first: FeedResult) -> None:
    (pro,) = (model for model in first.models if model.entry == "google/gemini-2.5-pro")
    assert (pro.input_price, pro.output_price) == (Decimal("1.25"), Decimal(10))
    assert pro.rates.tiers == (
        Tier(above_input_tokens=200_000, input=Decimal("2.5"), output=Decimal(15), cached_input=Decimal("0.25")),
    )


def test_the_sources_mostly_agree_where_both_know_a_model(first: FeedResult, second: FeedResult) -> None:
    confirming = counterparts(first.models, second.models)
    said = Counter(agreement(model, confirming.get(model.key)) for model in first.models)
    assert said["agreed"] > 120
    assert said["differs"] < said["agreed"] / 5
