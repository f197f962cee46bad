"""The notices of a model's end, their time, and the successors."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from stoa.domain.catalogue.lifecycle import (
    chosen_models,
    columns,
    heir_of,
    moved_choices,
    retirements,
    retires_at,
    warning_due,
)
from stoa.domain.selection.offers import Offer, Preferences
from stoa.http.headers import retirement_headers
from tests.unit.domain.builders import NOW, TOMORROW, YESTERDAY, by_id, entitled, offer, premium


def ending(model_id: str, at: datetime = YESTERDAY, **changes: object) -> Offer:
    return offer(model_id, deprecated_at=at, **changes)


def test_headers_of_a_model_that_will_end() -> None:
    at = datetime(2026, 12, 24, 18, 30, 0, 999, tzinfo=timezone(timedelta(hours=1)))
    assert retirement_headers(at) == {
        "Deprecation": "@1798133400",
        "Sunset": "Thu, 24 Dec 2026 17:30:00 GMT",
    }


@pytest.mark.parametrize("at", [None, YESTERDAY, NOW])
def test_no_headers_without_an_end_to_come(at: datetime | None) -> None:
    assert retires_at(offer(deprecated_at=at), NOW) is None


def test_every_place_in_which_a_model_can_be_chosen() -> None:
    chosen = Preferences(
        default_model_id="a", persona_overrides={"lao": "b"}, domain_overrides={"code": "c"}, favorite_models=("d", "a")
    )
    assert chosen_models(chosen) == {"a", "b", "c", "d"}
    assert chosen_models(Preferences()) == frozenset()


@pytest.mark.parametrize(
    ("others", "heir"),
    [
        ([offer("b")], "b"),
        ([ending("b", successor_id="c"), offer("c")], "c"),
        ([offer("b", enabled=False, successor_id="c"), offer("c")], "c"),
        ([offer("b", prices=None, successor_id="c"), offer("c")], "c"),
        ([offer("b", max_output_tokens=0, successor_id="c"), offer("c")], "c"),
        ([premium("b", successor_id="c"), offer("c")], "c"),  # locked, even with trials left
        ([entitled(premium("b", successor_id="c")), offer("c")], "b"),
        ([offer("b", healthy=False)], "b"),  # trouble passes
        ([ending("b", TOMORROW)], "b"),
        ([ending("b", successor_id="a")], None),  # a circle
        ([ending("b", successor_id="gone")], None),
        ([ending("b")], None),
        ([], None),
    ],
)
def test_the_heir_is_the_first_successor_whom_the_member_may_use(others: list[Offer], heir: str | None) -> None:
    found = heir_of(by_id([ending("a", successor_id="b"), *others]), "a", NOW)
    assert (found.model_id if found else None) == heir


def test_retirements_of_chosen_models_within_the_time_the_first_end_first() -> None:
    offers = by_id(
        [
            offer("stays"),
            ending("over", successor_id="stays"),
            ending("soon", NOW + timedelta(days=30), successor_id="soon-too"),
            ending("soon-too", NOW + timedelta(days=29)),
            ending("later", NOW + timedelta(days=31)),
            ending("not-chosen"),
        ]
    )
    chosen = Preferences(default_model_id="later", favorite_models=("soon", "over", "stays", "gone", "soon-too"))
    found = [(one.offer.model_id, one.heir and one.heir.model_id) for one in retirements(offers, chosen, NOW)]
    # The named heir of `soon` will have ended before it. Another model of the provider follows.
    assert found == [("over", "stays"), ("soon-too", "stays"), ("soon", "stays")]


@pytest.mark.parametrize(
    ("left", "due"),
    [
        (timedelta(days=30, seconds=1), None),
        (timedelta(days=30), 30),
        (timedelta(days=7, seconds=1), 30),
        (timedelta(days=7), 7),
        (timedelta(seconds=1), 7),
        (timedelta(), None),
        (-timedelta(days=1), None),
    ],
)
def test_the_warning_that_is_due(left: timedelta, due: int | None) -> None:
    assert warning_due(NOW + left, NOW) == due


def test_choices_move_wherever_they_stand_and_others_stay() -> None:
    chosen = Preferences(
        default_model_id="old",
        persona_overrides={"lao": "old", "marcus": "other"},
        domain_overrides={"code": "auto", "legal": "old"},
        favorite_models=("x", "old", "new", "old-too"),
    )
    assert moved_choices(chosen, {"old": "new", "old-too": "x"}) == {
        "default_model_id": "new",
        "persona_overrides": {"lao": "new", "marcus": "other"},
        "domain_overrides": {"code": "auto", "legal": "new"},
        "favorite_models": ["x", "new"],
    }


def test_only_what_changes_is_named_and_moving_twice_changes_nothing() -> None:
    chosen = Preferences(default_model_id="old", favorite_models=("other",))
    assert moved_choices(chosen, {"old": "new"}) == {"default_model_id": "new"}
    assert moved_choices(Preferences(default_model_id="new", favorite_models=("other",)), {"old": "new"}) == {}
    assert moved_choices(Preferences(), {"old": "new"}) == {}
    assert columns(Preferences())["favorite_models"] == []


def test_the_day_is_utc() -> None:
    assert retirement_headers(datetime(2030, 1, 1, tzinfo=UTC))["Deprecation"] == "@1893456000"
