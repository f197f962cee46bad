"""Local days and resets across time zones, and how a limit is told."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.core.errors import InvalidFields
from stoa.domain.selection.quota import (
    day_begins,
    limit_reached,
    local_day,
    next_reset,
    remaining,
    seconds_until,
    utc_text,
    zone_named,
)
from stoa.domain.selection.refusals import rate_limit_exceeded
from stoa.http.headers import rate_limit_headers
from stoa.http.refusals import refusal_headers
from tests.unit.domain.builders import offer


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("zone", "now", "day", "reset"),
    [
        ("UTC", "2026-11-21T10:00", date(2026, 11, 21), "2026-11-22T00:00"),
        ("UTC", "2026-11-21T00:00", date(2026, 11, 21), "2026-11-22T00:00"),
        ("UTC", "2026-12-31T23:59:59", date(2026, 12, 31), "2027-01-01T00:00"),
        ("Europe/Berlin", "2026-11-21T22:59", date(2026, 11, 21), "2026-11-21T23:00"),
        ("Europe/Berlin", "2026-11-21T23:00", date(2026, 11, 22), "2026-11-22T23:00"),
        # The days on which Berlin's clocks change have 23 and 25 hours.
        ("Europe/Berlin", "2026-03-28T23:00", date(2026, 3, 29), "2026-03-29T22:00"),
        ("Europe/Berlin", "2026-10-24T22:00", date(2026, 10, 25), "2026-10-25T23:00"),
        ("Asia/Kolkata", "2026-11-21T18:29", date(2026, 11, 21), "2026-11-21T18:30"),
        ("Pacific/Kiritimati", "2026-11-21T09:59", date(2026, 11, 21), "2026-11-21T10:00"),
        ("Pacific/Kiritimati", "2026-11-21T10:00", date(2026, 11, 22), "2026-11-22T10:00"),
        # Cairo jumps from 00:00 to 01:00, so that day begins at one o'clock.
        ("Africa/Cairo", "2026-04-23T21:59", date(2026, 4, 23), "2026-04-23T22:00"),
        ("Africa/Cairo", "2026-04-23T22:00", date(2026, 4, 24), "2026-04-24T21:00"),
        ("America/Sao_Paulo", "2018-11-04T02:59", date(2018, 11, 3), "2018-11-04T03:00"),
        # Havana sets its clocks back from 01:00 to 00:00: the day begins at the first midnight only.
        ("America/Havana", "2026-11-01T03:59", date(2026, 10, 31), "2026-11-01T04:00"),
        ("America/Havana", "2026-11-01T04:30", date(2026, 11, 1), "2026-11-02T05:00"),
        # St. John's went from 00:01 back to 23:01 of the day before: midnight came twice.
        ("America/St_Johns", "2010-11-07T02:29", date(2010, 11, 6), "2010-11-07T02:30"),
        ("America/St_Johns", "2010-11-07T02:45", date(2010, 11, 6), "2010-11-07T03:30"),
        # Samoa skipped the 30th of December 2011 altogether.
        ("Pacific/Apia", "2011-12-30T09:59", date(2011, 12, 29), "2011-12-30T10:00"),
        # Where clocks jump over midnight, one reading of it is still today: 13:30 would be half an hour early.
        ("Australia/Lord_Howe", "1981-02-28T13:15", date(1981, 2, 28), "1981-02-28T14:00"),
    ],
)
def test_day_and_reset(zone: str, now: str, day: date, reset: str) -> None:
    assert local_day(at(now), zone) == day
    assert next_reset(at(now), zone) == at(reset)


def test_the_reset_is_told_in_utc() -> None:
    assert next_reset(at("2026-11-21T10:00"), "Asia/Tokyo").tzinfo is UTC


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../etc/passwd", "Europe", "Europe/Berlin\0"])
def test_an_unknown_zone_is_named(name: str) -> None:
    with pytest.raises(InvalidFields) as caught:
        zone_named(name)
    assert caught.value.problems[0].path == "timezone"


ZONES = [
    "UTC", "Europe/Berlin", "Africa/Cairo", "America/Sao_Paulo", "America/Havana", "America/St_Johns", "Asia/Beirut",
    "Pacific/Apia", "Australia/Lord_Howe", "America/Nuuk", "Asia/Kathmandu", "Pacific/Chatham", "America/Asuncion",
]  # fmt: skip


@given(st.sampled_from(ZONES), st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC)))
def test_trap_the_reset_is_never_in_the_past_and_begins_the_next_day(zone: str, now: datetime) -> None:
    reset = next_reset(now, zone)
    assert now < reset <= now + timedelta(hours=26)
    assert local_day(reset, zone) > local_day(now, zone)
    assert local_day(max(now, reset - timedelta(microseconds=1)), zone) == local_day(now, zone)


@given(st.sampled_from(ZONES), st.dates(date(2000, 1, 1), date(2037, 1, 1)))
def test_a_day_begins_at_the_first_instant_that_shows_it(zone: str, day: date) -> None:
    begins = day_begins(day, zone)
    assert begins.tzinfo is UTC
    assert local_day(begins, zone) >= day  # later where the zone jumped over the whole day (Apia, 2011)
    assert local_day(begins - timedelta(microseconds=1), zone) < day


@given(st.sampled_from(ZONES), st.integers(0, 23))
def test_trap_a_limit_resets_at_midnight_and_not_after_24_hours(zone: str, hour: int) -> None:
    local = datetime(2026, 7, 14, hour, 30, tzinfo=ZoneInfo(zone))
    midnight = datetime(2026, 7, 15, tzinfo=ZoneInfo(zone))
    assert next_reset(local, zone) == midnight.astimezone(UTC)


@pytest.mark.parametrize(
    ("limit", "used", "left", "reached"),
    [
        (50, 0, 50, False),
        (50, 49, 1, False),
        (50, 50, 0, True),
        (50, 60, 0, True),
        (0, 0, 0, True),
        (None, 9, None, False),
    ],
)
def test_remaining(limit: int | None, used: int, left: int | None, reached: bool) -> None:
    assert remaining(limit, used) == left
    assert limit_reached(limit, used) is reached


def test_headers_of_an_answer_and_of_a_refusal() -> None:
    now, reset = at("2026-11-21T23:58:30"), at("2026-11-22T00:00")
    assert rate_limit_headers(50, 3, seconds_until(reset, now)) == {
        "RateLimit-Limit": "50",
        "RateLimit-Remaining": "47",
        "RateLimit-Reset": "90",
    }
    refusal = rate_limit_exceeded(offer(), limit=50, reset_at=reset, now=now)
    assert refusal_headers(refusal) == {
        "RateLimit-Limit": "50",
        "RateLimit-Remaining": "0",
        "RateLimit-Reset": "90",
        "Retry-After": "90",
    }


@pytest.mark.parametrize(("milliseconds", "seconds"), [(0, 0), (1, 1), (1000, 1), (1001, 2), (-5000, 0)])
def test_waiting_the_seconds_told_is_enough(milliseconds: int, seconds: int) -> None:
    now = at("2026-11-21T10:00")
    assert seconds_until(now + timedelta(milliseconds=milliseconds), now) == seconds


def test_an_instant_is_written_in_utc_with_a_z() -> None:
    assert utc_text(datetime(2026, 11, 22, 0, 0, 0, 999, tzinfo=ZoneInfo("Europe/Berlin"))) == "2026-11-21T23:00:00Z"
