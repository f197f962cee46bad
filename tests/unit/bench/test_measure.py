"""Tests the figures that the bench makes of its rounds."""

from bench.measure import Rounds, Spread, at_least, at_most, in_rounds, in_turn, told


def test_a_ratio_is_taken_round_by_round_and_keeps_its_spread() -> None:
    rounds = Rounds({"ours": [2.0, 30.0, 4.0], "theirs": [1.0, 10.0, 4.0]})
    assert rounds.ratio("ours", "theirs") == Spread(2.0, 1.0, 3.0)
    assert rounds.medians == {"ours": 4.0, "theirs": 4.0}


def test_all_take_their_turn_in_every_round_after_one_to_warm_up() -> None:
    order: list[str] = []

    def action(name: str) -> float:
        order.append(name)
        return float(len(order))

    rounds = in_turn({"a": lambda: action("a"), "b": lambda: action("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert rounds.samples == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_calls_in_turn_are_cut_into_rounds() -> None:
    samples = {"a": [1.0, 3.0, 2.0, 5.0, 6.0, 7.0], "b": [1.0] * 6}
    assert in_rounds(samples, rounds=2).samples == {"a": [2.0, 6.0], "b": [1.0, 1.0]}


def test_the_median_is_judged_and_the_spread_is_shown() -> None:
    spread = Spread(1.0, 0.5, 9.0)
    low = at_most("row", spread, 1.0, "")
    assert (low.met, low.goal, low.value, low.low, low.high) == (True, "≤ 1", 1.0, 0.5, 9.0)
    assert at_least("row", spread, 1.5, "").met is False
    assert told("row", 3.0, "").met is None
