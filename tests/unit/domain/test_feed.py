"""The entries of a feed that are believed."""

from decimal import Decimal
from typing import Any

import pytest

from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.sync.feed import (
    FeedProblem,
    checked,
    is_name,
    read_result,
    too_few,
    unreadable,
    without_duplicates,
)
from tests.unit.domain.feed_models import feed_model


def test_an_ordinary_model_is_believed_as_it_is() -> None:
    model = feed_model(rates={"cached_input": "0.1", "tiers": [{"above_input_tokens": 200000, "input": "2"}]})
    assert checked(model) == (model, [])


@pytest.mark.parametrize(
    ("changed", "field", "reason"),
    [
        ({"prices": ("-1", "2")}, "input_price", "negative"),
        ({"prices": ("1", "-0.000001")}, "output_price", "negative"),
        ({"prices": ("NaN", "2")}, "input_price", "not a number"),
        ({"prices": ("1", "sNaN")}, "output_price", "not a number"),
        ({"prices": ("Infinity", "2")}, "input_price", "not a number"),
        ({"prices": ("1000000", "2")}, "input_price", "not below 10,000 USD per 1,000,000 tokens"),
        ({"prices": ("1", "10000")}, "output_price", "not below 10,000 USD per 1,000,000 tokens"),
        ({"rates": {"cache_write": "10000"}}, "rates", "not below 10,000 USD per 1,000,000 tokens"),
        (
            {"rates": {"tiers": [{"above_input_tokens": 1, "output": "1000000"}]}},
            "rates",
            "not below 10,000 USD per 1,000,000 tokens",
        ),
        ({"context_window": 0}, "context_window", "not a possible number of tokens"),
        ({"context_window": -1}, "context_window", "not a possible number of tokens"),
        ({"max_output_tokens": 10**9}, "max_output_tokens", "not a possible number of tokens"),
        ({"name": "two words"}, "provider_model", "not a name that a model can have"),
        ({"name": ""}, "provider_model", "not a name that a model can have"),
    ],
)
def test_what_cannot_be_right_is_reported_and_left_out(changed: dict[str, Any], field: str, reason: str) -> None:
    model = feed_model(**changed)
    assert checked(model) == (None, [FeedProblem("test", model.entry, field, reason)])


def test_every_wrong_field_of_an_entry_is_named() -> None:
    kept, wrong = checked(feed_model(prices=("-1", "NaN"), context_window=0))
    assert kept is None
    assert [problem.field for problem in wrong] == ["input_price", "output_price", "context_window"]


@pytest.mark.parametrize("price", ["0.000001", "9999.999999"])
def test_the_cheapest_and_the_dearest_price_are_prices(price: str) -> None:
    model = feed_model(prices=(price, price))
    assert checked(model) == (model, [])


@pytest.mark.parametrize(
    ("prices", "noted"),
    [
        (("0", "2"), ["input_price"]),
        (("1", "0.000"), ["output_price"]),
        (("0", "0"), ["input_price", "output_price"]),
        (("1", None), ["output_price"]),
        ((None, "2"), ["input_price"]),
        ((None, "0"), ["input_price", "output_price"]),
        ((None, None), []),  # sold by the hour or the page: nothing is wrong with that
    ],
)
def test_half_a_price_or_none_at_all_leaves_the_model_without_prices(
    prices: tuple[str | None, str | None], noted: list[str]
) -> None:
    kept, notes = checked(feed_model(prices=prices, rates={"cached_input": "0.1"}))
    assert kept == feed_model(prices=(None, None))
    assert [note.field for note in notes] == noted


def test_a_rate_of_0_is_left_out_and_the_others_stay() -> None:
    given = {
        "cached_input": "0",
        "cache_write": "1.25",
        "tiers": [{"above_input_tokens": 10, "input": "0"}, {"above_input_tokens": 20, "input": "2", "output": "0"}],
    }
    kept, notes = checked(feed_model(rates=given))
    assert kept is not None
    assert kept.rates.to_json() == {"cache_write": "1.25", "tiers": [{"above_input_tokens": 20, "input": "2"}]}
    assert [note.field for note in notes] == ["rates"]


def test_of_two_different_entries_for_one_model_neither_is_believed() -> None:
    one, other, third = feed_model("a"), feed_model("a", prices=("1", "3")), feed_model("b")
    once, problems = without_duplicates([one, third, other, third])
    assert once == [third]
    assert [problem.entry for problem in problems] == ["acme/a", "acme/a"]


def test_the_same_name_at_two_providers_is_two_models() -> None:
    models = [feed_model("a"), feed_model("a", provider_id="other")]
    assert without_duplicates(models) == (models, [])


def test_a_result_holds_the_good_the_bad_and_what_was_wrong_before() -> None:
    earlier = FeedProblem("test", "acme/x", "name", "missing")
    result = read_result("test", [feed_model("a"), feed_model("b", prices=("-1", "1"))], [earlier], skipped=[("z", 3)])
    assert result.models == (feed_model("a"),)
    assert [problem.entry for problem in result.problems] == ["acme/x", "acme/b"]
    assert result.complete
    assert result.skipped == (("z", 3),)


@pytest.mark.parametrize(
    ("count", "last", "broken"), [(0, None, False), (1, 2, False), (1, 3, True), (500, 1000, False), (499, 1000, True)]
)
def test_less_than_half_of_the_last_time_is_a_broken_feed(count: int, last: int | None, broken: bool) -> None:
    assert too_few(count, last) is broken


def test_a_feed_without_a_usable_model_changes_nothing() -> None:
    result = read_result("test", [feed_model(prices=("-1", "1"))])
    assert not result.complete
    assert result.problems[-1] == FeedProblem("test", "", None, "only 0 usable models: nothing is changed")


def test_a_feed_that_has_shrunk_says_so() -> None:
    result = read_result("test", [feed_model()], last_count=100)
    assert not result.complete
    assert result.problems[-1].reason == "only 1 usable models, and 100 the last time: nothing is changed"


def test_an_unreadable_feed_has_one_problem_and_nothing_else() -> None:
    result = unreadable("test", "not JSON")
    assert (result.models, result.complete) == ((), False)
    assert result.problems == (FeedProblem("test", "", None, "not JSON"),)


@pytest.mark.parametrize(
    "name",
    ["gpt-4o", "@cf/meta/m", "~x/latest", "meta-llama/Llama-3.3-70B:novita", "a@20250514", "m[fast=true]", "a" * 200],
)
def test_names(name: str) -> None:
    assert is_name(name)


@pytest.mark.parametrize("name", ["", "-m", "a b", "a\n", "a" * 201, "ä", "<html>", "a;drop", "../x", "a\x00"])
def test_no_names(name: str) -> None:
    assert not is_name(name)


def test_no_rates_stay_no_rates() -> None:
    kept, _ = checked(feed_model())
    assert kept is not None
    assert kept.rates == NO_RATES == Rates()
    assert kept.input_price == Decimal(1)
