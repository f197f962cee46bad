"""The first source: the parts of its format that are read."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from stoa.clients.feeds.fetch import parse_json
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.domain.sync.feed import FeedModel, FeedResult
from tests.unit.clients.feeds.samples import entry, genai

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS = ("openai", "xai", "bedrock", "huggingface")


def read(data: Any, now: datetime = NOW, last_count: int | None = None) -> FeedResult:
    """Returns the result of data that were sent as JSON."""
    return GenaiPrices(OURS).parse(parse_json(json.dumps(data).encode()), now, last_count)


def only(data: Any, now: datetime = NOW) -> FeedModel:
    """Returns the only model of a feed without problems."""
    result = read(data, now)
    assert result.problems == ()
    (model,) = result.models
    return model


def test_a_model_as_it_is_told() -> None:
    told = entry("gpt-x", 2.5, 10, context_window=128000, match={"or": [{"equals": "gpt-x"}, {"equals": "GPT-X-2026"}]})
    assert only(genai(told)) == FeedModel(
        provider_id="openai",
        provider_model="gpt-x",
        display_name="GPT-X",
        context_window=128000,
        max_output_tokens=None,
        input_price=Decimal("2.5"),
        output_price=Decimal(10),
        rates=only(genai(entry())).rates,
        deprecated_on=None,
        source="genai-prices",
        names=frozenset({"gpt-x", "gpt-x-2026"}),
    )


def test_every_kind_of_token_that_is_charged_otherwise() -> None:
    prices = {
        "input_mtok": 1,
        "output_mtok": 2,
        "cache_read_mtok": 0.1,
        "cache_write_mtok": 1.25,
        "input_audio_mtok": 4,
        "output_audio_mtok": 8,
        "input_image_mtok": 3,
        "output_image_mtok": 30,
        "web_searches_kcount": 10,
    }
    assert only(genai(entry(prices=prices))).rates.to_json() == {
        "cached_input": "0.1",
        "cache_write": "1.25",
        "input_audio": "4",
        "output_audio": "8",
        "input_image": "3",
        "output_image": "30",
    }


def test_tiers_of_several_prices_become_tiers_of_the_model() -> None:
    prices = {
        "input_mtok": {"base": 1.25, "tiers": [{"start": 200000, "price": 2.5}]},
        "output_mtok": {"base": 10, "tiers": [{"start": 500000, "price": 20}, {"start": 200000, "price": 15}]},
        "cache_read_mtok": 0.125,
    }
    model = only(genai(entry(prices=prices)))
    assert (model.input_price, model.output_price) == (Decimal("1.25"), Decimal(10))
    assert model.rates.to_json() == {
        "cached_input": "0.125",
        "tiers": [
            {"above_input_tokens": 200000, "input": "2.5", "output": "15"},
            {"above_input_tokens": 500000, "output": "20"},
        ],
    }


def test_prices_are_rounded_to_the_places_that_are_kept() -> None:
    assert only(genai(entry("m", 0.2288005, 0.00000149999))).input_price == Decimal("0.228800")
    assert only(genai(entry("m", 1, 0.0000015))).output_price == Decimal("0.000002")


CUT = [
    {"prices": {"input_mtok": 1, "output_mtok": 1}},
    {"constraint": {"start_date": "2026-11-01"}, "prices": {"input_mtok": 2, "output_mtok": 2}},
    {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 3, "output_mtok": 3}},
]


@pytest.mark.parametrize(
    ("day", "price"), [("2026-10-31", 1), ("2026-11-01", 2), ("2026-11-30", 2), ("2026-12-01", 3), ("2027-01-01", 3)]
)
def test_a_dated_price_holds_from_its_day_on(day: str, price: int) -> None:
    now = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    assert only(genai(entry(prices=CUT)), now).input_price == price


def test_before_its_first_day_a_price_holds_as_the_feed_defines_it() -> None:
    assert only(genai(entry(prices=CUT[1:]))).input_price == 2
    assert only(genai(entry(prices=CUT[1:])), datetime(2026, 1, 1, tzinfo=UTC)).input_price == 2


PEAK = {"start_time": "00:30:00Z", "end_time": "16:30:00Z"}
NIGHT = {"start_time": "16:30:00Z", "end_time": "00:30:00Z"}


@pytest.mark.parametrize(
    ("prices", "dearest"),
    [
        ([(None, 1), (PEAK, 2)], 2),
        ([(None, 2), (NIGHT, 1)], 2),
        ([(None, 1), (PEAK, 2), (NIGHT, 3)], 3),
        ([(None, 9), ({"start_date": "2026-01-01"}, 1), (PEAK, 2)], 2),  # the 9 are over
        ([(None, 1), (PEAK, 9), ({"start_date": "2026-01-01"}, 2)], 2),  # the 9 were an earlier rule
        ([(None, 1), (PEAK, 2), ({"start_date": "2027-01-01"}, 9)], 2),  # the 9 are to come
    ],
)
def test_where_the_price_changes_with_the_hour_the_dearest_holds(prices: list[Any], dearest: int) -> None:
    told = [{"constraint": when, "prices": {"input_mtok": price, "output_mtok": price}} for when, price in prices]
    for hour in (0, 8, 20):
        assert only(genai(entry(prices=told)), NOW.replace(hour=hour)).input_price == dearest


def test_a_retiring_model_is_told() -> None:
    assert only(genai(entry(deprecated=True))).lifecycle == "deprecated"
    assert only(genai(entry(deprecated=False))).lifecycle == "active"


def test_a_model_not_sold_by_tokens_is_there_without_prices() -> None:
    model = only(genai(entry(prices={"audio_hours": 0.36})))
    assert (model.input_price, model.output_price) == (None, None)


def test_providers_have_our_ids_and_those_we_do_not_have_are_counted() -> None:
    data = genai(entry("a"), provider="x-ai") + genai(entry("b"), entry("c"), provider="avian")
    data += genai(entry("d"), provider="aws") + genai(
        entry("E/f", match={"equals": "e/f"}), provider="huggingface_novita"
    )
    result = read(data)
    assert [model.entry for model in result.models] == ["xai/a", "bedrock/d", "huggingface/E/f:novita"]
    assert result.models[-1].names == {"e/f:novita"}
    assert result.skipped == (("avian", 2),)


def test_a_model_is_called_as_its_provider_can_be_asked() -> None:
    called = [{"equals": "accounts/x/models/m"}, {"starts_with": "accounts/x/models/m-"}]
    model = only(genai(entry("m", match={"or": called})))
    assert model.provider_model == "accounts/x/models/m"
    assert model.stems == {"accounts/x/models/m-"}


@pytest.mark.parametrize(
    ("spoilt", "field"),
    [
        (entry("b", -1), "input_price"),
        (entry("b", float("nan")), "input_price"),
        (entry("b", 1, float("inf")), "output_price"),
        (entry("b", 1_000_000), "input_price"),
        (entry("b", "free"), "prices.0.prices.input_mtok.base"),
        (entry("b", True), "prices.0.prices.input_mtok.base"),
        (entry("b", {"tiers": []}), "prices.0.prices.input_mtok.base"),
        (entry("b", {"base": 1, "tiers": [{"start": -5, "price": 1}]}), "above_input_tokens"),
        (entry("b", {"base": 1, "tiers": [{"start": 0, "price": 1}]}), None),
        (entry("b", {"base": 1, "tiers": [{"start": 10, "price": -1}]}), "input"),
        (entry("b", prices={"input_mtok": 1, "output_mtok": 1, "cache_read_mtok": -1}), "cached_input"),
        (entry("b", prices={"input_mtok": 1, "output_mtok": 1, "cache_read_mtok": float("nan")}), "cached_input"),
        (entry("b", prices={"input_mtok": 1, "output_mtok": 1, "cache_read_mtok": 99999}), "rates"),
        (entry("b", prices=[]), "prices"),
        (entry("b", prices=None), "prices"),
        (entry("b", prices=[{"constraint": {"moon": "full"}, "prices": {}}]), "prices.0.constraint.moon"),
        (entry("b", prices=[{"constraint": {"start_date": "soon"}, "prices": {}}]), "prices.0.constraint.start_date"),
        (entry("b", context_window=0), "context_window"),
        (entry("b", context_window="wide"), "context_window"),
        (entry("b", context_window=1.5), "context_window"),
        (entry("two words"), "provider_model"),
        (entry("b", match={"regex": "("}), None),
        (entry("b", match=None), "match"),
        (entry("b", match={"starts_with": "other"}), "match"),
        (entry("b", name=7), "name"),
        ({"id": "b"}, "match"),
        ({"match": {"equals": "b"}, "prices": {}}, "id"),
        ("b", ""),
        (None, ""),
    ],
)
def test_a_bad_entry_is_reported_and_the_others_stand(spoilt: Any, field: str | None) -> None:
    result = read(genai(entry("good"), spoilt))
    assert [model.provider_model for model in result.models if model.provider_model == "good"] == ["good"]
    assert result.complete
    if field is None:  # odd, and harmless
        return
    assert [model.provider_model for model in result.models] == ["good"]
    assert result.problems[0].field == (field or None)
    assert result.problems[0].entry.startswith("openai/")


@pytest.mark.parametrize(
    "prices", [{"input_mtok": 1}, {"output_mtok": 1}, {"input_mtok": 0, "output_mtok": 0}, {"input_mtok": 0.0000001}]
)
def test_half_a_price_or_a_price_of_0_is_reported_and_charged_nowhere(prices: dict[str, Any]) -> None:
    result = read(genai(entry("m", prices=prices)))
    assert [(model.input_price, model.output_price) for model in result.models] == [(None, None)]
    assert result.problems


def test_a_price_that_is_no_number_is_reported_in_words_of_ours() -> None:
    problem, *_ = read(genai(entry("m", prices={"input_mtok": "free", "output_mtok": 2}))).problems
    assert (problem.entry, problem.reason) == ("openai/m", "not a number")
    assert (problem.field or "").startswith("prices")


def test_of_two_entries_for_one_model_neither_counts_unless_they_are_the_same() -> None:
    twice = read(genai(entry("good"), entry("twin", 1), entry("twin", 2)))
    assert [model.provider_model for model in twice.models] == ["good"]
    assert [problem.entry for problem in twice.problems] == ["openai/twin", "openai/twin"]
    assert only(genai(entry("twin"), entry("twin"))).provider_model == "twin"


def test_what_is_asked_besides_the_tokens_is_reported() -> None:
    result = read(genai(entry(prices={"input_mtok": 1, "output_mtok": 2, "requests_kcount": 5})))
    assert [model.input_price for model in result.models] == [1]
    assert [(problem.field, problem.reason) for problem in result.problems] == [
        ("requests_kcount", "asked besides and not charged by Stoa")
    ]


@pytest.mark.parametrize("data", [{}, {"error": "moved"}, 7, "x", None, [], [None], [{}], [{"id": "openai"}]])
def test_data_without_models_change_nothing(data: Any) -> None:
    result = read(data)
    assert (result.models, result.complete) == ((), False)
    assert result.problems


def test_a_feed_of_which_half_is_gone_changes_nothing() -> None:
    models = [entry(f"m-{number}") for number in range(49)]
    assert not read(genai(*models), last_count=100).complete
    assert read(genai(*models, entry("m-49")), last_count=100).complete
