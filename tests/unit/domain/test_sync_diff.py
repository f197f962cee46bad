"""Differences between a tenant's registry and the facts."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.pricing.rates import Rates
from stoa.domain.sync.change import Change, Ending, NewModel, from_stored, price_of, to_stored
from stoa.domain.sync.diff import Held, diff, new_models, suggested_successor
from stoa.domain.sync.facts import Facts, Price
from stoa.domain.sync.moves import greatest, price_moves
from tests.unit.domain.sync_facts import fact, held, price

NOW = datetime(2027, 1, 1, tzinfo=UTC)
LONG = {"tiers": [{"above_input_tokens": 200_000, "input": "2", "output": "3"}]}


def changes(model: Held, told: Facts, *others: Held) -> list[Change]:
    return diff([model, *others], {model.model_id: told}, NOW)


def test_what_is_the_same_is_no_change() -> None:
    assert changes(held(), fact()) == []
    assert changes(held(), fact(context_window=None, price=None)) == []
    assert diff([held()], {}, NOW) == []


@pytest.mark.parametrize(
    ("before", "after", "moves", "percent"),
    [
        (("1", "2"), ("1.3", "2"), [("input", 0, 30)], 30),
        (("1", "2"), ("0.5", "1"), [("input", 0, -50), ("output", 0, -50)], -50),
        (("1", "2"), ("0.1", "2.1"), [("input", 0, -90), ("output", 0, 5)], 5),
        (("0", "2"), ("1", "3"), [("input", 0, None), ("output", 0, 50)], None),
    ],
)
def test_moves_of_prices(before: Any, after: Any, moves: Any, percent: Any) -> None:
    found = price_moves(price(*before), price(*after))
    assert [(move.kind, move.above_input_tokens, move.percent) for move in found] == moves
    steepest = greatest(found)
    assert steepest is not None
    assert steepest.percent == percent


def test_a_rate_of_its_own_is_compared_with_what_its_tokens_cost_before() -> None:
    (move,) = price_moves(price("1", "2"), price("1", "2", cached_input="0.1"))
    assert (move.kind, move.before, move.after, move.percent) == ("cached_input", 1, Decimal("0.1"), -90)


def test_a_tier_is_compared_at_its_threshold() -> None:
    found = price_moves(price("1", "2"), price("1", "2", **LONG))
    assert [(move.above_input_tokens, move.kind, move.percent) for move in found] == [
        (200_000, "input", 100),
        (200_000, "output", 50),
    ]


def test_a_price_that_moved() -> None:
    (change,) = changes(held(), fact(price=price("1.3", "2")))
    assert (change.kind, change.subject, change.percent, change.agreement) == ("price", "m-1", 30, "agreed")
    assert change.before is not None
    assert to_stored(change.before) == {"inputPrice": "1", "outputPrice": "2", "rates": {}}
    assert to_stored(change.after) == {"inputPrice": "1.3", "outputPrice": "2", "rates": {}}


def test_a_price_that_was_not_known() -> None:
    (change,) = changes(held(price=None), fact())
    assert (change.kind, change.before, change.percent) == ("price", None, None)


def test_the_same_price_written_in_another_way_is_no_change() -> None:
    assert changes(held(), fact(price=price("1", "2", cached_input="1"))) == []


@pytest.mark.parametrize(
    ("told", "after"),
    [
        ({"context_window": 2000}, {"contextWindow": 2000}),
        ({"context_window": 500, "max_output_tokens": 50}, {"contextWindow": 500, "maxOutputTokens": 50}),
        ({"max_output_tokens": 100}, None),
    ],
)
def test_sizes(told: dict[str, int], after: dict[str, int] | None) -> None:
    found = changes(held(), fact(**told))
    assert [to_stored(change.after) for change in found] == ([] if after is None else [after])


def test_sizes_of_what_does_not_answer_in_text_are_left_alone() -> None:
    assert changes(held(can_chat=False), fact(context_window=5)) == []


@pytest.mark.parametrize(
    ("told", "why", "ends"),
    [
        ({"lifecycle": "removed"}, "removed", None),
        ({"lifecycle": "deprecated"}, "deprecated", None),
        ({"deprecated_on": date(2027, 6, 1)}, "deprecated", "2027-06-01T00:00:00+00:00"),
        ({"is_listed": False}, "unlisted", None),
    ],
)
def test_a_retirement(told: dict[str, Any], why: str, ends: str | None) -> None:
    (change,) = changes(held(), fact(**told), held("m-2"))
    assert to_stored(change.after) == {"why": why, "deprecatedAt": ends, "successorId": "m-2"}
    assert change.before is not None
    assert to_stored(change.before) == {"deprecatedAt": None, "successorId": None}


@pytest.mark.parametrize(
    ("has", "told", "count"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), {"deprecated_on": date(2027, 6, 1)}, 0),  # it has ended
        (datetime(2027, 6, 1, tzinfo=UTC), {"deprecated_on": date(2027, 6, 1)}, 0),  # known
        (datetime(2027, 6, 1, tzinfo=UTC), {"lifecycle": "deprecated"}, 0),  # known, and no other date
        (datetime(2027, 6, 1, tzinfo=UTC), {"deprecated_on": date(2027, 3, 1)}, 1),  # sooner
    ],
)
def test_a_retirement_that_is_known(has: datetime, told: dict[str, Any], count: int) -> None:
    model = held(deprecated_at=has, successor_id="m-9")
    found = changes(model, fact(**told))
    assert len(found) == count
    assert all(isinstance(change.after, Ending) and change.after.successor_id == "m-9" for change in found)


@pytest.mark.parametrize(
    "told",
    [
        fact(price=price("1.3", "2", **LONG)),
        fact(context_window=500, max_output_tokens=50),
        fact(max_output_tokens=50),
        fact(deprecated_on=date(2027, 6, 1)),
        fact(lifecycle="removed"),
    ],
)
def test_both_sides_of_a_change_survive_being_stored(told: Facts) -> None:
    (change,) = changes(held(), told, held("m-2"))
    for side in (change.before, change.after):
        assert side is not None
        assert from_stored(change.kind, to_stored(side)) == side


def test_a_digest_stays_the_same_for_what_is_on_file() -> None:
    """A rejected change would otherwise be proposed again after a release."""
    digests = [
        changes(held(), told)[0].digest
        for told in (fact(price=price("1.3", "2")), fact(context_window=500), fact(deprecated_on=date(2027, 6, 1)))
    ]
    assert digests == [
        "e4ee8970607f5b4c5d7dfa169bf27352",
        "4d8d2e547951707411cff9e59e6e9fb3",
        "eae60e531adf53b5996398c3d2b70c92",
    ]
    assert new_models([fact("m-2")], set())[0].digest == "a07134999f34419f8a938abb0d3519c0"


def test_another_suggestion_is_not_another_change() -> None:
    told = fact(lifecycle="removed")
    (one,), (other,) = changes(held(), told, held("m-2")), changes(held(), told)
    assert one.after != other.after
    assert one.digest == other.digest


def test_the_successor_is_the_one_that_costs_most_nearly_the_same() -> None:
    model = held(price=price("1", "2"))
    near, far = held("b", price=price("1.1", "2")), held("a", price=price("9", "9"))
    unfit = [
        held("c", price=None),
        held("d", is_offered=False),
        held("e", can_chat=False),
        held("f", deprecated_at=NOW),
        Held("g", "other", "g", price("1", "2"), 1000, 100),
    ]
    assert suggested_successor(model, [model, far, near, *unfit]) == "b"
    assert suggested_successor(held(price=None), [far, near]) == "b"
    assert suggested_successor(model, [model, *unfit]) is None


@pytest.mark.parametrize(
    ("told", "offered"),
    [
        ({}, True),
        ({"price": None}, False),
        ({"price": None, "is_listed": True}, True),
        ({"is_listed": False}, False),
        ({"lifecycle": "deprecated"}, False),
    ],
)
def test_what_can_be_offered(told: dict[str, Any], offered: bool) -> None:
    assert len(new_models([fact(**told)], set())) == int(offered)
    assert len(changes(held(is_taken=False), fact(**told))) == int(offered)


def test_a_new_model_holds_what_is_known_of_it() -> None:
    (change,) = new_models([fact(), fact("m-2")], {("acme", "m-2")})
    assert (change.subject, change.model_id, change.before) == ("acme/m-1", None, None)
    assert to_stored(change.after) == {
        "displayName": "m-1",
        "contextWindow": 1000,
        "maxOutputTokens": None,
        "inputPrice": "1",
        "outputPrice": "2",
        "rates": {},
    }
    assert new_models([fact(deprecated_on=date(2030, 1, 1))], set()) == [], "nobody begins with what ends"
    (unpriced,) = new_models([fact(price=None, is_listed=True)], set())
    assert (to_stored(unpriced.after)["inputPrice"], price_of(unpriced.after)) == (None, None)
    (taken_elsewhere,) = changes(held(is_taken=False), fact())
    assert (taken_elsewhere.subject, taken_elsewhere.model_id) == ("acme/m-1", "m-1")
    assert taken_elsewhere.digest == change.digest


amounts = st.decimals(Decimal("0.000001"), Decimal(9999), places=6)


@given(amounts, amounts, st.dictionaries(st.sampled_from(["cached_input", "cache_write", "input_audio"]), amounts))
def test_a_price_survives_being_stored(input_price: Decimal, output_price: Decimal, rates: dict[str, Any]) -> None:
    told = Price(input_price, output_price, Rates(**rates))
    assert from_stored("price", to_stored(told)) == told
    new = NewModel("M", None, 100, told)
    assert from_stored("new_model", to_stored(new)) == new
    assert (price_of(new), price_of(None)) == (told, None)


@given(amounts, amounts, amounts, amounts)
def test_moves_lead_from_the_one_price_to_the_other(one: Decimal, two: Decimal, three: Decimal, four: Decimal) -> None:
    before, after = Price(one, two), Price(three, four)
    there = {move.kind: (move.before, move.after) for move in price_moves(before, after)}
    back = {move.kind: (move.after, move.before) for move in price_moves(after, before)}
    assert there == back
    assert ("input" in there, "output" in there) == (one != three, two != four)
    assert greatest(()) is None
