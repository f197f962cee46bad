"""Monthly periods that begin on an anchor day: from that day to the same day of the next month.

Days are those of a calendar; whose it is (the tenant's) and when its days begin is the caller's matter.
"""

from calendar import monthrange
from datetime import date
from typing import NamedTuple


class Period(NamedTuple):
    """`starts_on` is its first day, `ends_on` the first day of the next one."""

    starts_on: date
    ends_on: date


def period_of(day: date, anchor_day: int) -> Period:
    """Returns the period that holds `day`. In a month that is shorter than the anchor, its last day stands for it."""
    anchor = _anchor(day.year, day.month, anchor_day)
    if day >= anchor:
        return Period(anchor, _anchor(*_following(day.year, day.month), anchor_day))
    return Period(_anchor(*_before(day.year, day.month), anchor_day), anchor)


def _anchor(year: int, month: int, anchor_day: int) -> date:
    return date(year, month, min(anchor_day, monthrange(year, month)[1]))


def _following(year: int, month: int) -> tuple[int, int]:
    return (year + 1, 1) if month == 12 else (year, month + 1)


def _before(year: int, month: int) -> tuple[int, int]:
    return (year - 1, 12) if month == 1 else (year, month - 1)
