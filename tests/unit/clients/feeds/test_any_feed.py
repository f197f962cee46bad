"""Reading never fails, whatever a feed holds, and gives no price that could not be charged."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.clients.feeds.fetch import FeedUnreadable, parse_json
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.domain.sync.agreement import agreement
from stoa.domain.sync.feed import PRICE_LIMIT, FeedResult
from stoa.domain.sync.matching import counterparts
from tests.unit.clients.feeds.samples import entry, genai, interval, snapshot

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OURS = ("openai", "xai")

ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        ["NaN", "sNaN", "-1", "2026-01-01", "2026-13-01", "openai", {}, [], {"base": 1}, {"or": []}, 10**30]
    ),
)
ANY_JSON = st.recursive(
    ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
)

TIERED = {"base": 1.25, "tiers": [{"start": 200000, "price": 2.5}, {"start": 400000, "price": 3}]}
FIRST = genai(
    entry("a", TIERED, {"base": 10, "tiers": [{"start": 200000, "price": 15}]}, context_window=128000),
    entry(
        "b",
        prices=[
            {"constraint": None, "prices": {"input_mtok": 1, "output_mtok": 2, "cache_read_mtok": 0.1}},
            {"constraint": {"start_date": "2026-01-01"}, "prices": {"input_mtok": 2, "output_mtok": 3}},
            {
                "constraint": {"start_time": "00:30:00Z", "end_time": "16:30:00Z"},
                "prices": {"input_mtok": 4, "output_mtok": 5},
            },
        ],
    ),
    entry("c", match={"or": [{"equals": "c"}, {"and": [{"starts_with": "c-"}, {"regex": "x"}]}]}, deprecated=True),
)
SECOND = snapshot(
    {
        "a": [interval(input=1, output=2, cache_read=0.1, tiers=[{"above": 200000, "input": 2, "output": 4}])],
        "b": [interval(input=1, output=2), interval("2026-01-01T00:00:00Z", input=3, output=4)],
    },
    status={"openai": {"a": "removed"}},
    aliases={"models": {"x": "openai/a"}},
    bases={"openai": {"y": "b"}},
    schedules={"schedule": [{"provider": "openai", "valid_from": "2026-01-01T00:00:00Z", "peak_multiplier": 2.0}]},
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Yields the path to every value inside a value."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(deeper for key, part in inner for deeper in places(part, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], put: Any) -> Any:
    """Returns a copy with another value in one place. LEFT_OUT removes the place."""
    if not path:
        return put
    copy = dict(value) if isinstance(value, dict) else list(value)
    if put is LEFT_OUT and len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], put)
    return copy


LEFT_OUT: Any = object()


@st.composite
def spoilt(draw: st.DrawFn, whole: Any) -> Any:
    """Draws the feed with up to three of its values replaced or left out."""
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(places(whole)[1:] or [()]))
        whole = changed(whole, path, draw(st.just(LEFT_OUT) | ANY_JSON if path else ANY_JSON))
    return whole


def sent(data: Any) -> Any:
    """Returns the data as they arrive."""
    return parse_json(json.dumps(data).encode())


def first(data: Any) -> FeedResult:
    return GenaiPrices(OURS).parse(data, NOW)


def second(data: Any) -> FeedResult:
    return ModelPrices(OURS).parse(data, NOW)


def could_be_charged(result: FeedResult) -> bool:
    """Returns whether every price and rate could be charged, and each model has both prices or none."""
    assert len({model.key for model in result.models}) == len(result.models)
    for model in result.models:
        assert (model.input_price is None) == (model.output_price is None)
        rates = [rate for part in (model.rates, *model.rates.tiers) for rate in part.given().values()]
        for price in (model.input_price, model.output_price, *rates):
            assert price is None or (price.is_finite() and Decimal(0) < price < PRICE_LIMIT)
        assert model.context_window is None or model.context_window > 0
    assert result.complete == bool(result.models)
    assert result.complete or result.problems
    return True


@pytest.mark.parametrize(("read", "whole", "count"), [(first, FIRST, 3), (second, SECOND, 2)])
def test_what_is_spoilt_below_is_sound(read: Callable[[Any], FeedResult], whole: Any, count: int) -> None:
    result = read(sent(whole))
    assert result.problems == ()
    assert len(result.models) == count


@given(spoilt(FIRST))
def test_the_first_source_spoilt(data: Any) -> None:
    assert could_be_charged(first(sent(data)))


@given(spoilt(SECOND))
def test_the_second_source_spoilt(data: Any) -> None:
    assert could_be_charged(second(sent(data)))


@given(ANY_JSON)
def test_any_json(data: Any) -> None:
    assert could_be_charged(first(sent(data)))
    assert could_be_charged(second(sent(data)))


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes(body: bytes) -> None:
    try:
        data = parse_json(body)
    except FeedUnreadable:
        return
    assert could_be_charged(first(data))


@given(st.integers(0, len(json.dumps(FIRST)) - 1))
def test_a_feed_cut_off_anywhere_is_not_read(length: int) -> None:
    with pytest.raises(FeedUnreadable):
        parse_json(json.dumps(FIRST).encode()[:length])


@given(spoilt(FIRST), spoilt(SECOND))
def test_what_was_read_can_be_compared(one: Any, other: Any) -> None:
    mine, theirs = first(sent(one)), second(sent(other))
    confirmed = counterparts(mine.models, theirs.models)
    for model in mine.models:
        assert agreement(model, confirmed.get(model.key)) in ("agreed", "differs", "only_one")


@given(spoilt(genai(entry("spoilt"))))
def test_a_spoilt_entry_costs_no_other_its_place(data: Any) -> None:
    sound = genai(*(entry(f"m-{number}") for number in range(3)))
    entries = data if isinstance(data, list) else [data]
    kept = {model.entry for model in first(sent([*sound, *entries])).models}
    claimed = json.dumps(data)
    assert {f"openai/m-{number}" for number in range(3) if f"m-{number}" not in claimed} <= kept
