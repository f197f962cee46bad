"""The second source: the parts of its format that are read."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from stoa.clients.feeds.fetch import parse_json
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.domain.sync.feed import FeedModel, FeedResult
from tests.unit.clients.feeds.samples import interval, snapshot

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def read(data: Any, now: datetime = NOW) -> FeedResult:
    """Returns the result of data that were sent as JSON."""
    return ModelPrices(("openai", "bedrock")).parse(parse_json(json.dumps(data).encode()), now)


def only(data: Any, now: datetime = NOW) -> FeedModel:
    """Returns the only model of a feed without problems."""
    result = read(data, now)
    assert result.problems == ()
    (model,) = result.models
    return model


def test_prices_rates_and_tiers() -> None:
    tiers = [{"above": 200000, "input": 2.5, "output": 15}, {"above": 400000, "cache_read": 0.5}]
    told = interval(input=1.25, output=10.0, cache_read=0.125, cache_write=0, tiers=tiers)
    model = only(snapshot({"m": [told]}))
    assert (model.input_price, model.output_price, model.source) == (Decimal("1.25"), Decimal(10), "model-prices")
    assert model.rates.to_json() == {
        "cached_input": "0.125",
        "tiers": [
            {"above_input_tokens": 200000, "input": "2.5", "output": "15"},
            {"above_input_tokens": 400000, "cached_input": "0.5"},
        ],
    }


TIMELINE = [
    interval(input=1, output=1),
    interval("2026-11-21T12:00:00Z", input=2, output=2),
    interval("2026-12-01T00:00:00Z", input=3, output=3),
]


@pytest.mark.parametrize(
    ("now", "price"),
    [("2020-01-01T00", 1), ("2026-11-21T11", 1), ("2026-11-21T12", 2), ("2026-11-30T23", 2), ("2026-12-01T00", 3)],
)
def test_the_price_of_the_moment_holds(now: str, price: int) -> None:
    assert only(snapshot({"m": TIMELINE}), datetime.fromisoformat(f"{now}:00:00+00:00")).input_price == price


def test_a_model_that_is_sold_no_more_has_no_price() -> None:
    model = only(snapshot({"m": [interval(input=1, output=1), interval("2026-01-01T00:00:00Z")]}))
    assert (model.input_price, model.output_price) == (None, None)


@pytest.mark.parametrize(
    ("status", "lifecycle"), [("deprecated", "deprecated"), ("removed", "removed"), ("new", "active")]
)
def test_what_became_of_a_model(status: str, lifecycle: str) -> None:
    data = snapshot({"m": [interval(input=1, output=1)]}, status={"openai": {"m": status}})
    assert only(data).lifecycle == lifecycle


def test_other_names_of_a_model() -> None:
    data = snapshot(
        {"m": [interval(input=1, output=1)]},
        aliases={"models": {"M-Alias": "openai/m"}},
        bases={"openai": {"m-base": "m"}},
    )
    assert only(data).names == {"m", "m-alias", "m-base"}


@pytest.mark.parametrize(
    ("schedule", "price"),
    [
        ({"peak_multiplier": 2.0}, 2),
        ({"peak_multiplier": 2.0, "valid_until": "2026-11-01T00:00:00Z"}, 1),
        ({"peak_multiplier": 2.0, "valid_from": "2027-01-01T00:00:00Z"}, 1),
        ({"peak_multiplier": 2.0, "provider": "other"}, 1),
        ({"off_peak_multiplier": {"m": 0.5}}, 1),
    ],
)
def test_a_provider_that_asks_more_at_some_hours_asks_that(schedule: dict[str, Any], price: int) -> None:
    rule = {"provider": "openai", "valid_from": "2026-01-01T00:00:00Z"} | schedule
    data = snapshot({"m": [interval(input=1, output=1)]}, schedules={"schedule": [rule]})
    assert only(data).input_price == price


def test_providers_have_our_ids_and_those_we_do_not_have_are_counted() -> None:
    data = snapshot({"m": [interval(input=1, output=1)]}, provider="amazon-bedrock")
    data["prices"]["nova"] = {"a": {}, "b": {}}
    result = read(data)
    assert [model.entry for model in result.models] == ["bedrock/m"]
    assert result.skipped == (("nova", 2),)


@pytest.mark.parametrize(
    "spoilt",
    [
        [interval(input=-1, output=1)],
        [interval(input=1, output=1, cache_read=-1)],
        [interval(input=1, output=float("nan"))],
        [interval(input="1", output=1)],
        [interval(input=1, output=1, tiers=[{"above": 0, "input": 2}])],
        [interval(input=1, output=1, tiers=[{"above": 9, "input": -2}])],
        [interval(input=1, output=1), interval("yesterday", input=1, output=1)],
        [interval(input=1, output=1), interval("2026-01-01T00:00:00", input=1, output=1)],
        [],
        None,
        {"input": 1},
    ],
)
def test_a_bad_entry_is_reported_and_the_others_stand(spoilt: Any) -> None:
    result = read(snapshot({"good": [interval(input=1, output=1)], "bad": spoilt}))
    assert [model.provider_model for model in result.models] == ["good"]
    assert {problem.entry for problem in result.problems} == {"openai/bad"}
    assert result.complete


def test_an_entry_that_is_no_timeline_is_reported() -> None:
    data = snapshot({"good": [interval(input=1, output=1)]})
    data["prices"]["openai"]["bad"] = [1]
    assert [problem.entry for problem in read(data).problems] == ["openai/bad"]


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        {"schema": 2, "prices": {}},
        {"schema": 1, "prices": {"openai": []}},
        {"schema": 1, "prices": {}},
        snapshot({"m": [interval(input=1, output=1)]}, schedules={"schedule": [{"provider": "openai"}]}),
        snapshot({"m": [interval(input=1, output=1)]}, schedules={"schedule": 7}),
    ],
)
def test_data_of_another_form_confirm_nothing(data: Any) -> None:
    result = read(data)
    assert (result.models, result.complete) == ((), False)
    assert result.problems
