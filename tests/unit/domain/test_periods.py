"""Monthly periods: literal examples first, then what holds for every day and anchor."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.domain.teams.periods import period_of

EXAMPLES = [
    # day, anchor day, first day of its period, first day of the next
    ("2026-03-10", 5, "2026-03-05", "2026-04-05"),
    ("2026-03-05", 5, "2026-03-05", "2026-04-05"),
    ("2026-03-04", 5, "2026-02-05", "2026-03-05"),
    ("2026-01-04", 5, "2025-12-05", "2026-01-05"),
    ("2026-12-31", 1, "2026-12-01", "2027-01-01"),
]

PAST_THE_28TH = [
    ("2026-01-31", 31, "2026-01-31", "2026-02-28"),
    ("2026-02-27", 31, "2026-01-31", "2026-02-28"),
    ("2026-02-28", 31, "2026-02-28", "2026-03-31"),
    ("2026-03-30", 31, "2026-02-28", "2026-03-31"),
    ("2026-04-30", 31, "2026-04-30", "2026-05-31"),
    ("2028-02-28", 31, "2028-01-31", "2028-02-29"),
    ("2028-02-29", 31, "2028-02-29", "2028-03-31"),
    ("2028-02-29", 29, "2028-02-29", "2028-03-29"),
    ("2026-02-28", 30, "2026-02-28", "2026-03-30"),
    ("2025-12-31", 31, "2025-12-31", "2026-01-31"),
]


@pytest.mark.parametrize(("day", "anchor", "starts_on", "ends_on"), EXAMPLES)
def test_a_period_runs_from_the_anchor_to_the_same_day_of_the_next_month(
    day: str, anchor: int, starts_on: str, ends_on: str
) -> None:
    assert period_of(date.fromisoformat(day), anchor) == (date.fromisoformat(starts_on), date.fromisoformat(ends_on))


@pytest.mark.parametrize(("day", "anchor", "starts_on", "ends_on"), PAST_THE_28TH)
def test_trap_month_arithmetic_holds_past_the_28th(day: str, anchor: int, starts_on: str, ends_on: str) -> None:
    assert period_of(date.fromisoformat(day), anchor) == (date.fromisoformat(starts_on), date.fromisoformat(ends_on))


DAYS = st.dates(date(1999, 1, 1), date(2199, 12, 31))
ANCHORS = st.integers(1, 31)


@given(DAYS, ANCHORS)
def test_every_day_is_in_its_period_and_periods_follow_each_other(day: date, anchor: int) -> None:
    starts_on, ends_on = period_of(day, anchor)

    assert starts_on <= day < ends_on
    assert 28 <= (ends_on - starts_on).days <= 31
    assert period_of(starts_on, anchor) == (starts_on, ends_on)
    assert period_of(ends_on - timedelta(days=1), anchor) == (starts_on, ends_on)
    assert period_of(ends_on, anchor).starts_on == ends_on


@given(DAYS, ANCHORS)
def test_a_period_begins_on_its_anchor_or_on_the_last_day_of_a_shorter_month(day: date, anchor: int) -> None:
    starts_on = period_of(day, anchor).starts_on

    is_last_of_month = (starts_on + timedelta(days=1)).day == 1
    assert starts_on.day == anchor or (starts_on.day < anchor and is_last_of_month)
