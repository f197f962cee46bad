"""Names of models: other spellings, the newest of a family, the system default, and the choices that may be saved."""

from datetime import date, timedelta
from typing import Any

import pytest

from stoa.domain.catalogue.access import lifecycle
from stoa.domain.catalogue.choosing import Choice, chosen
from stoa.domain.catalogue.model_facts import ModelFacts, class_distance
from stoa.domain.catalogue.names import default_order, is_latest, outer_id, resolved
from stoa.domain.selection.offers import Offer
from stoa.domain.selection.refusals import Refusal
from tests.unit.domain.builders import NOW, by_id, offer

DAY = timedelta(days=1)


def member(model_id: str, released: date, **fields: Any) -> Offer:
    return offer(model_id, facts=ModelFacts(family="luna", released_on=released), **fields)


OFFERS = by_id(
    [
        member("luna-5", date(2026, 1, 1)),
        member("luna-6", date(2026, 9, 22), display_order=2),
        member("luna-6-elsewhere", date(2026, 9, 22), display_order=9),
        member("luna-7", date(2026, 11, 1), deprecated_at=NOW - DAY),
        offer("codestral-latest", facts=ModelFacts(family="codestral")),
        offer("oss@groq", display_order=5),
        offer("oss@together", display_order=3),
        offer("oss@ended", display_order=1, deprecated_at=NOW - DAY),
        offer("acme~~legal"),
    ]
)
ALIASES = {"oss": ("oss@groq", "oss@together", "oss@ended", "gone"), "legal": ("acme~~legal",), "lost": ("gone",)}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("luna-5", "luna-5"),
        ("luna-latest", "luna-6"),  # the newest that has not ended, at the first of its hosts
        ("codestral-latest", "codestral-latest"),  # an id that exists wins
        ("nothing-latest", "nothing-latest"),
        ("oss", "oss@together"),  # the first by display order that can answer
        ("legal", "acme~~legal"),
        ("lost", "lost"),
        ("auto", "auto"),
    ],
)
def test_a_name_means_a_model(name: str, meant: str) -> None:
    assert resolved(name, OFFERS, ALIASES, NOW) == meant


def test_of_a_family_that_has_ended_the_newest_is_meant() -> None:
    ended = by_id(member(f"luna-{number}", date(2026, number, 1), deprecated_at=NOW - DAY) for number in (1, 2))
    assert resolved("luna-latest", ended, {}, NOW) == "luna-2"


@pytest.mark.parametrize(("kept", "told"), [("acme~~legal", "legal"), ("acme~legal", "acme~legal"), ("o1", "o1")])
def test_people_know_a_model_by_the_id_that_was_typed(kept: str, told: str) -> None:
    assert outer_id(kept) == told


@pytest.mark.parametrize(
    ("name", "is_one"), [("luna-latest", True), ("codestral-latest", False), ("x-latest", False), ("luna-6", False)]
)
def test_some_names_follow_the_newest(name: str, is_one: bool) -> None:
    assert is_latest(name, OFFERS) is is_one


@pytest.mark.parametrize(
    ("days", "first"), [(None, "a"), (31, "a"), (30, "b"), (-1, "b")], ids=["lasts", "31 days", "30 days", "over"]
)
def test_the_system_default_moves_on_thirty_days_before_its_end(days: int | None, first: str) -> None:
    ends_at = None if days is None else NOW + timedelta(days=days)
    offers = by_id([offer("a", deprecated_at=ends_at), offer("b")])
    assert default_order(["a", "gone", "b"], offers, {}, NOW)[0] == first


def test_without_another_entry_the_successor_is_the_default() -> None:
    offers = by_id([offer("a", deprecated_at=NOW + DAY, successor_id="heir"), offer("heir"), offer("late")])
    assert default_order(["a"], offers, {}, NOW)[0] == "heir"


@pytest.mark.parametrize("unfit", [{"enabled": False}, {"prices": None}, {"max_output_tokens": 0}])
def test_a_default_that_cannot_answer_is_passed_over(unfit: dict[str, Any]) -> None:
    assert default_order(["a", "b"], by_id([offer("a", **unfit), offer("b")]), {}, NOW)[0] == "b"


@pytest.mark.parametrize(
    ("name", "kept"), [("luna-5", "luna-5"), ("luna-latest", "luna-latest"), ("oss", "oss@together")]
)
def test_a_choice_is_kept_by_our_id_and_the_newest_by_its_name(name: str, kept: str) -> None:
    assert chosen(name, OFFERS, ALIASES, NOW) == Choice(kept)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"deprecated_at": NOW}, "Old was withdrawn by its provider; take 'legal'"),
        ({"facts": ModelFacts(never_offered=True)}, "Old was never offered by its provider; take 'legal'"),
        ({"max_output_tokens": 0}, "Old gives no text answers; choose a model that chats"),
        ({"facts": ModelFacts(is_servable=False)}, "Old gives no text answers; choose a model that chats"),
    ],
)
def test_what_cannot_answer_is_no_choice(fields: dict[str, Any], problem: str) -> None:
    offers = by_id([offer("old", successor_id="acme~~legal", **fields), offer("acme~~legal")])
    assert chosen("old", offers, {}, NOW) == Choice("old", problem)


def test_where_nothing_follows_another_is_to_be_chosen() -> None:
    found = chosen("old", by_id([offer("old", deprecated_at=NOW)]), {}, NOW)
    assert found.problem == "Old was withdrawn by its provider; choose another model"
    assert chosen("gone", {}, {}, NOW).problem == "there is no model 'gone'; see GET /api/models"


@pytest.mark.parametrize(
    ("never", "days", "word"),
    [(True, None, "never_offered"), (False, None, "listed"), (False, 1, "retiring"), (False, 0, "retired")],
)
def test_a_model_has_a_place_in_its_life(never: bool, days: int | None, word: str) -> None:
    ends_at = None if days is None else NOW + timedelta(days=days)
    assert lifecycle(never_offered=never, deprecated_at=ends_at, now=NOW) == word


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        *[("small", "small", 0), ("small", "standard", 1), ("small", "reasoning", 3)],
        *[("code", "standard", 1), ("search", "flagship", 1), ("embedding", "flagship", 2)],
        *[(None, None, 0), (None, "small", 9), ("small", "nobody's", 9)],
    ],
)
def test_classes_are_near_and_far(one: str | None, other: str | None, apart: int) -> None:
    assert class_distance(one, other) == class_distance(other, one) == apart


def test_a_refusal_has_words_of_its_own() -> None:
    with pytest.raises(NotImplementedError):
        _ = Refusal().message
