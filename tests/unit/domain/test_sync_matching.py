"""Matching of a feed's models with ours."""

from dataclasses import dataclass

import pytest

from stoa.domain.sync.matching import counterparts, match
from tests.unit.domain.feed_models import feed_model


@dataclass
class Ours:
    """A model of the registry."""

    provider_model: str
    provider_id: str = "acme"
    id: str = "ours"


FEED = [
    feed_model("GPT-4o", names=frozenset({"gpt-4o-2024-08-06"})),
    feed_model("grok-3"),
    feed_model("sonnet-latest", stems=frozenset({"sonnet-4", "us.sonnet-4"})),
    feed_model("sonnet-4-5-latest", stems=frozenset({"sonnet-4-5"})),
    feed_model("twin-1", names=frozenset({"twin"})),
    feed_model("twin-2", names=frozenset({"twin"})),
    feed_model("owner"),
    feed_model("borrower", names=frozenset({"owner"})),
    feed_model("left", stems=frozenset({"both"})),
    feed_model("right", stems=frozenset({"both"})),
    feed_model("haiku", stems=frozenset({"haiku-3-2025", "haiku-3@", "haiku-small-"})),
    feed_model("elsewhere", provider_id="other"),
]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("GPT-4o", "GPT-4o"),
        ("gpt-4o", "GPT-4o"),
        ("gpt-4o-2024-08-06", "GPT-4o"),
        ("gpt-4o-2024-05-13", None),  # a snapshot that the feed does not name may have other prices
        ("grok-3-fast", None),
        ("sonnet-4", "sonnet-latest"),
        ("sonnet-4-20250514", "sonnet-latest"),
        ("sonnet-4@20250514", "sonnet-latest"),
        ("us.sonnet-4-20250514-v1:0", "sonnet-latest"),
        ("sonnet-4-5-20250929", "sonnet-4-5-latest"),
        ("sonnet-4-5-2025-09-29", "sonnet-4-5-latest"),
        ("sonnet-4-5-latest", "sonnet-4-5-latest"),
        ("sonnet-4-fast", None),
        ("sonnet-45", None),
        ("haiku-3-20250514", "haiku"),
        ("haiku-3-2025-05-14", "haiku"),
        ("haiku-3@20260514", "haiku"),
        ("haiku-small-2507", "haiku"),
        ("haiku-3-20260514", None),
        ("haiku-3-2025fast", None),
        ("owner", "owner"),  # its own name is surer than another's alias
        ("elsewhere", None),
        ("nowhere", None),
    ],
)
def test_names_decide(ours: str, theirs: str | None) -> None:
    found, problems = match([Ours(ours)], FEED)
    assert {id_: model.provider_model for id_, model in found.items()} == ({"ours": theirs} if theirs else {})
    assert problems == ()


@pytest.mark.parametrize(
    ("ours", "reason"), [("twin", "could be any of twin-1, twin-2"), ("both-0807", "could be any of left, right")]
)
def test_what_two_models_could_be_is_a_problem_and_no_guess(ours: str, reason: str) -> None:
    found, problems = match([Ours(ours)], FEED)
    assert not found
    assert [(problem.entry, problem.reason) for problem in problems] == [(f"acme/{ours}", reason)]


def test_several_of_ours_may_be_one_of_theirs() -> None:
    found, _ = match([Ours("grok-3", id="a"), Ours("GROK-3", id="b")], FEED)
    assert found == {"a": FEED[1], "b": FEED[1]}


def test_counterparts_in_a_second_source() -> None:
    second = [
        feed_model("gpt-4o-2024-08-06"),
        feed_model("grok-3"),
        feed_model("sonnet-a", names=frozenset({"sonnet-x"})),
        feed_model("sonnet-b", names=frozenset({"sonnet-y"})),
    ]
    unsure = feed_model("sonnet", names=frozenset({"sonnet-x", "sonnet-y"}))
    pairs = counterparts([*FEED, unsure], second)
    assert pairs == {("acme", "GPT-4o"): second[0], ("acme", "grok-3"): second[1]}
