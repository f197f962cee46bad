"""Cron expressions: read strictly, refused by the field's name, and due when cron(8) says, also when clocks change."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stoa.domain.schedules.cron import InvalidCron, parse_cron

NEW_YORK, LONDON = ZoneInfo("America/New_York"), ZoneInfo("Europe/London")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def due(expression: str, zone: ZoneInfo, after: str, count: int) -> list[str]:
    cron, instant, found = parse_cron(expression), at(after), []
    for _ in range(count):
        instant = cron.next_after(instant, zone)
        found.append(instant.astimezone(zone).isoformat(timespec="minutes"))
    return found


@pytest.mark.parametrize(
    ("expression", "after", "expected"),
    [
        ("*/7 * * * *", "2026-01-01T00:50+00:00", ["2026-01-01T00:56+00:00", "2026-01-01T01:00+00:00"]),
        ("0 9 * * MON-FRI", "2026-01-02T09:00+00:00", ["2026-01-05T09:00+00:00", "2026-01-06T09:00+00:00"]),
        ("0 9 * * 1-5", "2026-01-02T09:00+00:00", ["2026-01-05T09:00+00:00", "2026-01-06T09:00+00:00"]),
        ("0 9 * * 7", "2026-01-01T00:00+00:00", ["2026-01-04T09:00+00:00", "2026-01-11T09:00+00:00"]),
        ("0 9 * * sun", "2026-01-01T00:00+00:00", ["2026-01-04T09:00+00:00", "2026-01-11T09:00+00:00"]),
        ("0 0 31 * *", "2026-01-31T00:00+00:00", ["2026-03-31T00:00+00:00", "2026-05-31T00:00+00:00"]),
        ("30 6 29 2 *", "2026-01-01T00:00+00:00", ["2028-02-29T06:30+00:00", "2032-02-29T06:30+00:00"]),
        ("30 6 29 FEB *", "2096-03-01T00:00+00:00", ["2104-02-29T06:30+00:00", "2108-02-29T06:30+00:00"]),
        ("0 9 13 * FRI", "2026-01-09T09:00+00:00", ["2026-01-13T09:00+00:00", "2026-01-16T09:00+00:00"]),
        ("0 9 13 * 0-6", "2026-01-01T00:00+00:00", ["2026-01-13T09:00+00:00", "2026-02-13T09:00+00:00"]),
        ("0 9 1-31 * 5", "2026-01-01T00:00+00:00", ["2026-01-02T09:00+00:00", "2026-01-09T09:00+00:00"]),
        ("0 8-18/5 1,15 JAN,JUL *", "2026-01-01T08:00+00:00", ["2026-01-01T13:00+00:00", "2026-01-01T18:00+00:00"]),
    ],
)
def test_it_is_due_when_the_calendar_says(expression: str, after: str, expected: list[str]) -> None:
    assert due(expression, ZoneInfo("UTC"), after, 2) == expected


def test_a_skipped_time_is_due_once_right_after_the_gap() -> None:
    assert due("30 2 * * *", NEW_YORK, "2026-03-07T12:00-05:00", 2) == [
        "2026-03-08T03:00-04:00",
        "2026-03-09T02:30-04:00",
    ]
    # Three skipped times and the one on the gap's end are one.
    assert due("0,20,40 2,3 * * *", NEW_YORK, "2026-03-08T01:59-05:00", 2) == [
        "2026-03-08T03:00-04:00",
        "2026-03-08T03:20-04:00",
    ]


def test_a_time_that_comes_twice_is_due_the_first_time_only() -> None:
    assert due("30 1 * * *", NEW_YORK, "2026-10-31T12:00-04:00", 2) == [
        "2026-11-01T01:30-04:00",
        "2026-11-02T01:30-05:00",
    ]
    # Asked between the two.
    assert due("30 1 * * *", NEW_YORK, "2026-11-01T01:10-05:00", 1) == ["2026-11-02T01:30-05:00"]


def test_every_hour_goes_on_through_both_changes() -> None:
    assert due("30 * * * *", LONDON, "2026-10-25T00:00+01:00", 4) == [
        "2026-10-25T00:30+01:00",
        "2026-10-25T01:30+01:00",
        "2026-10-25T01:30+00:00",
        "2026-10-25T02:30+00:00",
    ]
    assert due("30 * * * *", LONDON, "2026-03-29T00:00+00:00", 2) == [
        "2026-03-29T00:30+00:00",
        "2026-03-29T02:30+01:00",
    ]
    # An earlier minute of the second pass is ahead of every later hour.
    assert due("15 * * * *", LONDON, "2026-10-25T01:45+01:00", 1) == ["2026-10-25T01:15+00:00"]


def test_a_day_that_a_country_left_out_is_made_up_for_at_its_end() -> None:
    # Samoa went from the 29th of December 2011 to the 31st.
    assert due("0 9 30 12 *", ZoneInfo("Pacific/Apia"), "2011-12-01T00:00+00:00", 1) == ["2011-12-31T00:00+14:00"]


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("", "five fields are needed (minute, hour, day of the month, month, weekday), here are 0"),
        ("* * * *", "here are 4"),
        ("0 0 9 * * *", "here are 6; there is no field for seconds or years"),
        ("0 9 * * * 2026", "there is no field for seconds or years"),
        ("@daily", "write the five fields instead of an alias such as @daily"),
        ("60 * * * *", "minute: 60 is not between 0 and 59"),
        ("0 24 * * *", "hour: 24 is not between 0 and 23"),
        ("0 0 0 * *", "day of the month: 0 is not between 1 and 31"),
        ("0 0 * 13 *", "month: 13 is not between 1 and 12"),
        ("0 0 * * 8", "weekday: 8 is not between 0 and 7"),
        ("0 0 * FOO *", "month: 'FOO' is not a number; its names are JAN"),
        ("x 0 * * *", "minute: 'x' is not a number"),
        ("MON 0 * * *", "minute: 'MON' is not a number"),
        ("0 0 L * *", "day of the month: 'L' is not a number"),
        ("0 0 ? * *", "day of the month: '?' is none of"),
        ("0 0 * * 5#2", "weekday: '5#2' is none of"),
        ("0 0 * * 5L", "weekday: '5L' is not a number"),
        ("0 0 15W * *", "day of the month: '15W' is not a number"),
        ("H 0 * * *", "minute: 'H' is not a number"),
        ("-1 0 * * *", "minute: '-1' is none of"),
        ("1,,2 0 * * *", "minute: '' is none of"),
        ("*/0 * * * *", "minute: a step of 0 finds no second value in *"),
        ("*/60 * * * *", "minute: a step of 60 finds no second value in *"),
        ("5/15 * * * *", "minute: a step needs a range, such as 5-59/15"),
        ("0 0 * * 7/2", "weekday: a step needs a range, such as 1-5/2"),
        ("0 22-2 * * *", "hour: the range 22-2 runs backwards"),
        ("0 0 * * FRI-MON", "weekday: the range FRI-MON runs backwards"),
        ("0 0 30 2 *", "this combination of day and month never comes"),
        ("0 0 31 2,4,6,9,11 *", "this combination of day and month never comes"),
        ("٣ 0 * * *", "minute: '٣' is none of"),
        ("0 " * 150, "at most 200 characters"),
    ],
)
def test_a_refusal_says_what_is_wrong(expression: str, says: str) -> None:
    with pytest.raises(InvalidCron, match=re.escape(says)):
        parse_cron(expression)


def test_a_day_that_never_comes_is_no_matter_where_a_weekday_is_enough() -> None:
    assert due("0 0 30 2 MON", ZoneInfo("UTC"), "2026-02-01T00:00+00:00", 1) == ["2026-02-02T00:00+00:00"]


def test_after_the_calendars_end_nothing_comes() -> None:
    with pytest.raises(InvalidCron):
        parse_cron("0 0 29 2 *").next_after(at("9999-01-01T00:00+00:00"), ZoneInfo("UTC"))


# ---- An independent reckoning: every minute of a year, by zoneinfo alone ----

YEAR_START, YEAR_END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 3, tzinfo=UTC)
HALF_HOUR = timedelta(minutes=30)  # the clocks of these zones change on a half hour of UTC
MINUTES = [timedelta(minutes=minute) for minute in range(30)]
ZONES = ["America/New_York", "Europe/London", "Asia/Kathmandu", "Australia/Lord_Howe"]
EXPRESSIONS = [
    "30 2 * * *",
    "0 9 * * MON-FRI",
    "15,45 1,2 * * *",
    "*/7 * * 3,4,10,11 SUN",
    "10 * 1,25 3,4,10,11 *",
    "0 0 31 * *",
    "59 23 28-31 * 1",
    "5 */3 * 3,4,10,11 *",
    "*/20 1-3 * * SAT,SUN",
]


def allowed(text: str, low: int, high: int) -> set[int]:
    names = {name: number for number, name in enumerate(["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"])}
    found: set[int] = set()
    for part in text.split(","):
        body, _, step = part.partition("/")
        first, _, last = body.partition("-")
        if body == "*":
            found.update(range(low, high + 1, int(step or 1)))
        else:
            begin, end = (names[one] if one in names else int(one) for one in (first, last or first))
            found.update(range(begin, end + 1, int(step or 1)))
    return found


def by_brute_force(expression: str, zone: str) -> list[datetime]:
    minute, hour, day, month, weekday = expression.split()
    minutes, hours = allowed(minute, 0, 59), allowed(hour, 0, 23)
    days, months, weekdays = allowed(day, 1, 31), allowed(month, 1, 12), allowed(weekday, 0, 6)

    @cache
    def matches_day(wall: date) -> bool:
        by_day, by_weekday = wall.day in days, wall.isoweekday() % 7 in weekdays
        either = len(days) < 31 and len(weekdays) < 7
        return wall.month in months and (by_day or by_weekday if either else by_day and by_weekday)

    def matches(wall: datetime) -> bool:
        return wall.minute in minutes and wall.hour in hours and matches_day(wall.date())

    found, seen, instant, expected_wall = [], set(), YEAR_START, None
    while instant < YEAR_END:
        first_wall = instant.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)
        gap = int((first_wall - (expected_wall or first_wall)).total_seconds() // 60)
        skipped = any(matches(first_wall - timedelta(minutes=back)) for back in range(1, gap + 1))
        for place, minute_later in enumerate(MINUTES):
            wall = first_wall + minute_later
            matching = matches(wall)
            once = (matching and wall not in seen) or (skipped and place == 0)
            if matching:
                seen.add(wall)
            if matching if hour == "*" else once:
                found.append(instant + minute_later)
        instant, expected_wall = instant + HALF_HOUR, first_wall + HALF_HOUR
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_agrees_with_an_independent_reckoning(zone: str) -> None:
    for expression in EXPRESSIONS:
        cron, instant, found = parse_cron(expression), YEAR_START - timedelta(minutes=1), []
        while (instant := cron.next_after(instant, ZoneInfo(zone))) < YEAR_END:
            found.append(instant)
        assert found == by_brute_force(expression, zone), expression


@settings(max_examples=25, deadline=None)
@given(
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=3),
    hours=st.one_of(st.just(set(range(24))), st.sets(st.integers(0, 4), min_size=1)),
    zone=st.sampled_from(ZONES),
    change=st.sampled_from(["2026-03-08", "2026-11-01", "2026-03-29", "2026-10-25", "2026-04-04", "2026-10-03"]),
    seconds=st.integers(0, 2 * 86_400),
)
def test_around_a_change_of_the_clocks_nothing_is_lost_or_doubled(
    minutes: set[int], hours: set[int], zone: str, change: str, seconds: int
) -> None:
    """From wherever one asks, the next instant is the next of the one sequence."""
    expression = f"{','.join(map(str, minutes))} {','.join(map(str, hours))} * * *"
    cron, place = parse_cron(expression), ZoneInfo(zone)
    start = at(f"{change}T00:00+00:00")
    instant, sequence = start, []
    while instant < start + timedelta(days=3):
        instant = cron.next_after(instant, place)
        sequence.append(instant)
    asked = start + timedelta(seconds=seconds)
    assert cron.next_after(asked, place) == next(one for one in sequence if one > asked)
