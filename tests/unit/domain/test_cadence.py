"""A schedule's rhythm: its fields checked, its next times, and the same in plain words."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.core.errors import InvalidFields
from stoa.domain.schedules.cadence import Rhythm, read_cadence
from stoa.domain.schedules.cron import parse_cron
from stoa.domain.schedules.cron_words import cron_words

ANCHOR = datetime(2026, 1, 1, 10, 3, tzinfo=UTC)


def fields(kind: str, *, time_zone: str = "UTC", **given: Any) -> Rhythm:
    return Rhythm(kind, time_zone, **given)


def test_once_comes_once() -> None:
    moment = datetime(2026, 7, 3, 9, 0, tzinfo=UTC)
    cadence = read_cadence(fields("once", run_at=moment, time_zone="America/New_York"), ANCHOR)
    assert cadence.upcoming(ANCHOR) == [moment]
    assert cadence.next_after(moment) is None
    assert cadence.words() == "Once, on Friday 3 July 2026 at 05:00 (New York time)"


def test_once_without_an_offset_is_what_clocks_in_the_zone_show() -> None:
    cadence = read_cadence(fields("once", run_at=datetime(2026, 7, 3, 9, 0), time_zone="America/New_York"), ANCHOR)
    assert cadence.run_at == datetime(2026, 7, 3, 13, 0, tzinfo=UTC)


def test_an_interval_is_counted_from_its_anchor_and_not_from_when_it_ran() -> None:
    cadence = read_cadence(fields("interval", interval_minutes=90), ANCHOR)
    assert cadence.next_after(ANCHOR - timedelta(days=1)) == ANCHOR + timedelta(minutes=90)
    assert cadence.next_after(ANCHOR + timedelta(minutes=89)) == ANCHOR + timedelta(minutes=90)
    assert cadence.next_after(ANCHOR + timedelta(minutes=90)) == ANCHOR + timedelta(minutes=180)
    assert cadence.next_after(ANCHOR + timedelta(minutes=97)) == ANCHOR + timedelta(minutes=180)


def test_cron_follows_the_zone() -> None:
    cadence = read_cadence(fields("cron", cron_expression="0 9 * * MON-FRI", time_zone="Asia/Kathmandu"), ANCHOR)
    assert cadence.upcoming(ANCHOR, 2) == [
        datetime(2026, 1, 2, 3, 15, tzinfo=UTC),
        datetime(2026, 1, 5, 3, 15, tzinfo=UTC),
    ]
    assert cadence.words() == "Every weekday at 09:00 (Kathmandu time)"


def test_trap_cron_without_time_zone_is_read_in_utc_and_says_so() -> None:
    cadence = read_cadence(fields("cron", cron_expression="0 9 * * *"), ANCHOR)
    assert cadence.next_after(ANCHOR) == datetime(2026, 1, 2, 9, 0, tzinfo=UTC)
    assert cadence.words() == "Every day at 09:00 (UTC)"


def test_at_the_calendars_end_nothing_comes() -> None:
    cadence = read_cadence(fields("cron", cron_expression="0 0 29 2 *"), ANCHOR)
    assert cadence.next_after(datetime(9999, 6, 1, tzinfo=UTC)) is None
    assert len(cadence.upcoming(datetime(9990, 6, 1, tzinfo=UTC))) == 2


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        (fields("cron"), {"cronExpression": 'a schedule of type "cron" needs it'}),
        (fields("once"), {"runAt": 'a schedule of type "once" needs it'}),
        (fields("interval"), {"intervalMinutes": 'a schedule of type "interval" needs it'}),
        (
            fields("once", run_at=ANCHOR, interval_minutes=5, cron_expression="* * * * *"),
            {
                "cronExpression": 'it belongs to type "cron", not to "once"',
                "intervalMinutes": 'it belongs to type "interval", not to "once"',
            },
        ),
        (fields("interval", interval_minutes=4), {"intervalMinutes": "5 to 527040 minutes"}),
        (
            fields("once", run_at=datetime(9999, 12, 31, tzinfo=UTC)),
            {"runAt": "a date between the years 2000 and 2200"},
        ),
        (fields("interval", interval_minutes=600_000), {"intervalMinutes": "5 to 527040 minutes"}),
        (fields("cron", cron_expression="61 * * * *"), {"cronExpression": "minute: 61 is not between 0 and 59"}),
        (
            fields("cron", cron_expression="* * * * *", time_zone="Mars/Olympus"),
            {"timezone": "'Mars/Olympus' is no IANA time zone; send one such as Europe/Berlin."},
        ),
        (
            fields("cron", cron_expression="* * * * *", time_zone="localtime"),
            {"timezone": "'localtime' is no IANA time zone; send one such as Europe/Berlin."},
        ),
    ],
)
def test_a_refusal_names_the_field(given: Rhythm, problems: dict[str, str]) -> None:
    with pytest.raises(InvalidFields) as refused:
        read_cadence(given, ANCHOR)
    assert {problem.path: problem.reason for problem in refused.value.problems} == problems


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("0 9 * * 1-5", "Every weekday at 09:00"),
        ("0 9,17 * * *", "Every day at 09:00 and 17:00"),
        ("* * * * *", "Every minute"),
        ("*/15 * * * *", "Every 15 minutes"),
        ("0 * * * *", "Every hour"),
        ("7 * * * *", "Every hour at 7 minutes past"),
        ("*/7 * * * *", "Every hour at 0, 7, 14, 21, 28, 35, 42, 49 and 56 minutes past"),
        ("*/15 9-17 * * MON-FRI", "Every 15 minutes, from 09:00 to 17:59, every weekday"),
        ("* 9 * * *", "Every minute, from 09:00 to 09:59"),
        ("*/30 1,3,7,20 * * *", "Every 30 minutes, in the hours 1, 3, 7 and 20"),
        ("0 */2 * * *", "Every 2 hours"),
        ("30 */2 * * SAT,SUN", "Every 2 hours at 30 minutes past, every Saturday and Sunday"),
        ("0 1-8 * 5 *", "Every hour, from 01:00 to 08:59, every day in May"),
        ("0 0 1,15 * *", "On the 1st and 15th of every month at 00:00"),
        (
            "0 0 2,3,11,12,13,22,23,31 * *",
            "On the 2nd, 3rd, 11th to 13th, 22nd, 23rd and 31st of every month at 00:00",
        ),
        ("10-52 * * * *", "Every hour at 10 to 52 minutes past"),
        (
            "0 6-9,12,17-19 1-15 4-10 *",
            "Every hour, in the hours 6 to 9, 12 and 17 to 19, on the 1st to 15th of April to October",
        ),
        ("0 9 * * 4-7,1", "Every Monday and Thursday to Sunday at 09:00"),
        ("30 6 29 2 *", "On the 29th of February at 06:30"),
        ("0 9 13 * FRI", "On the 13th of every month, and every Friday at 09:00"),
        ("0 9 13 6 FRI", "On the 13th of June, and every Friday in June at 09:00"),
        ("0 8 * 1,7 *", "Every day in January and July at 08:00"),
        ("0 8 * 1 MON", "Every Monday in January at 08:00"),
        ("0 0 * * SUN,MON", "Every Monday and Sunday at 00:00"),
        ("* * 1 * *", "Every minute, on the 1st of every month"),
    ],
)
def test_cron_in_plain_words(expression: str, words: str) -> None:
    assert cron_words(parse_cron(expression)) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (5, "Every 5 minutes"),
        (60, "Every hour"),
        (90, "Every 90 minutes"),
        (120, "Every 2 hours"),
        (1440, "Every 24 hours"),
        (4320, "Every 72 hours"),
    ],
)
def test_an_interval_in_plain_words(minutes: int, words: str) -> None:
    assert read_cadence(fields("interval", interval_minutes=minutes), ANCHOR).words() == words


@pytest.mark.parametrize(
    ("zone", "words"),
    [
        ("America/Argentina/Buenos_Aires", "Buenos Aires time"),
        ("UTC", "UTC"),
        ("Etc/GMT+3", "Etc/GMT+3"),
        ("CET", "CET"),
    ],
)
def test_a_zone_in_plain_words(zone: str, words: str) -> None:
    cadence = read_cadence(fields("cron", cron_expression="0 9 * * *", time_zone=zone), ANCHOR)
    assert cadence.words() == f"Every day at 09:00 ({words})"


def values(low: int, high: int) -> st.SearchStrategy[str]:
    some = st.sets(st.integers(low, high), min_size=1, max_size=12).map(lambda found: ",".join(map(str, found)))
    return st.one_of(st.just("*"), some)


@given(st.tuples(values(0, 59), values(0, 23), values(1, 28), values(1, 12), values(0, 7)))
def test_every_expression_has_words_and_a_next_time(parts: tuple[str, ...]) -> None:
    cadence = read_cadence(fields("cron", cron_expression=" ".join(parts), time_zone="Europe/London"), ANCHOR)
    assert cadence.words()
    upcoming = cadence.upcoming(ANCHOR)
    assert len(upcoming) == 5
    assert upcoming == sorted(set(upcoming))
