"""An outage is not multiplied: failovers are a share of the calls."""

from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.providers.retry_budget import FLOOR_A_SECOND, MOST, SHARE, RetryBudget


def test_a_process_begins_with_a_few_and_then_a_share_of_its_calls_is_all() -> None:
    budget = RetryBudget()
    taken = 0
    for _ in range(1000):  # all in one instant
        budget.call(50.0)
        taken += budget.take(50.0)
    assert taken == MOST + 1000 * SHARE - 1  # what the first call earned found the bucket full


def test_time_fills_it_slowly_and_not_without_end() -> None:
    budget = RetryBudget(left=0.0, as_of=100.0)
    assert not budget.take(100.0)
    assert not budget.take(104.9)
    assert budget.take(105.0)
    assert sum(budget.take(1e6) for _ in range(20)) == MOST


def test_a_clock_that_stands_still_or_goes_back_gives_nothing() -> None:
    budget = RetryBudget(left=0.5, as_of=100.0)
    assert [budget.take(at) for at in (100.0, 90.0, 100.0)] == [False, False, False]


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=200))
def test_never_more_failovers_than_saved_earned_and_waited_for(steps: list[tuple[bool, float]]) -> None:
    budget, now, calls, taken = RetryBudget(), 0.0, 0, 0
    for is_call, passed in steps:
        now += passed
        if is_call:
            budget.call(now)
            calls += 1
        else:
            taken += budget.take(now)
    assert taken <= MOST + calls * SHARE + now * FLOOR_A_SECOND + 1e-6
