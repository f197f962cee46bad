"""The ends of a tenant's day: by its own clock, through every change of it, with or without the function."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from stoa.core.errors import StoaError
from stoa.identity.caller import Caller
from stoa.store.tenancy.audit import Actor
from stoa.workflows.tenancy.tenant_settings import change_settings
from tests.door import shown
from tests.integration.daily_reset.support import MODEL, Town, at

MakeTown = Callable[[str, datetime], Town]

# Zone, a moment of a day, the last second of that day, and the first of the next. All days here are 23, 24, 24.5 and 25
# hours long, or begin at no full hour of UTC.
DAYS = [
    ("America/New_York", "2026-06-10T12:00", "2026-06-11T03:59:59", "2026-06-11T04:00"),
    ("America/New_York", "2026-03-08T05:00", "2026-03-09T03:59:59", "2026-03-09T04:00"),  # spring: 23 hours
    ("America/New_York", "2026-11-01T04:00", "2026-11-02T04:59:59", "2026-11-02T05:00"),  # autumn: 25 hours
    ("Asia/Kathmandu", "2026-06-10T18:15", "2026-06-11T18:14:59", "2026-06-11T18:15"),
    ("Australia/Lord_Howe", "2026-04-04T13:00", "2026-04-05T13:29:59", "2026-04-05T13:30"),  # 24 1/2 hours
    ("Australia/Lord_Howe", "2026-10-03T13:30", "2026-10-04T12:59:59", "2026-10-04T13:00"),  # 23 1/2 hours
]


def refusal(town: Town, moment: datetime) -> StoaError:
    with pytest.raises(StoaError) as refused:
        town.send(moment, model_id=MODEL)
    return refused.value


@pytest.mark.parametrize(("zone", "first", "last", "next_day"), DAYS)
def test_trap_a_limit_is_reset_by_the_tenants_day_and_not_by_older_than_24_hours(
    town: Callable[..., Town], zone: str, first: str, last: str, next_day: str
) -> None:
    here = town(zone, at(first) - timedelta(days=2))
    # Two messages at the day's beginning: up to its end nothing resets, however long the day is …
    here.send(at(first), model_id=MODEL)
    here.send(at(first), model_id=MODEL)
    for moment in (at(first) + timedelta(hours=1), at(last)):
        assert refusal(here, moment).code == "RATE_LIMIT_EXCEEDED"
    # … and a second later the whole limit is there again, though the last messages are younger than 24 hours.
    assert at(next_day) - at(last) == timedelta(seconds=1)
    here.send(at(next_day), model_id=MODEL)
    here.send(at(next_day), model_id=MODEL)
    assert refusal(here, at(next_day)).code == "RATE_LIMIT_EXCEEDED"


@pytest.mark.parametrize(("zone", "first", "last", "next_day"), DAYS)
def test_trap_reset_at_is_never_in_the_past(
    town: Callable[..., Town], zone: str, first: str, last: str, next_day: str
) -> None:
    here = town(zone, at(first) - timedelta(days=2))
    here.send(at(first), model_id=MODEL)
    here.send(at(first), model_id=MODEL)
    for moment in (at(first), at(last)):
        _, details, headers = shown(refusal(here, moment))
        assert datetime.fromisoformat(details["resetAt"]) == at(next_day) > moment
        assert headers["Retry-After"] == str(round((at(next_day) - moment).total_seconds()))


@pytest.mark.parametrize(("zone", "first", "last", "next_day"), DAYS)
def test_a_day_is_closed_once_it_is_over_and_its_messages_have_ended(
    town: Callable[..., Town], zone: str, first: str, last: str, next_day: str
) -> None:
    here = town(zone, at(first))
    here.send(at(first), model_id=MODEL)
    here.send(at(last), model_id=MODEL)
    here.close(at(next_day))
    here.close(at(next_day) + timedelta(minutes=14, seconds=59))
    assert here.closes() == []
    here.close(at(next_day) + timedelta(minutes=15))
    assert [close[1:] for close in here.closes()] == [(1, 2)]


def test_every_missed_day_is_closed_late_and_once(town: MakeTown) -> None:
    here = town("Asia/Kathmandu", at("2026-03-01T12:00"))
    here.send(at("2026-03-01T13:00"))
    here.send(at("2026-03-03T19:00"))  # the 4th there
    for _ in range(2):
        here.close(at("2026-03-05T19:00"))
        assert here.closes() == [
            ("2026-03-01", 1, 1),
            ("2026-03-02", 0, 0),
            ("2026-03-03", 0, 0),
            ("2026-03-04", 1, 1),
            ("2026-03-05", 0, 0),
        ]


def test_a_day_is_archived_by_model(town: MakeTown) -> None:
    here = town("America/New_York", at("2026-03-08T12:00"))
    here.send(at("2026-03-08T13:00"), model_id=MODEL)
    here.send(at("2026-03-08T14:00"), model_id=MODEL)
    here.send(at("2026-03-08T14:00"), model_id="gpt-4o")
    here.close(at("2026-03-09T12:00"))
    assert here.rows("SELECT day::text, model_id, members, messages FROM daily_totals ORDER BY model_id") == [
        {"day": "2026-03-08", "model_id": "gpt-4o", "members": 1, "messages": 1},
        {"day": "2026-03-08", "model_id": MODEL, "members": 1, "messages": 2},
    ]


def test_a_message_under_way_keeps_its_day_and_those_after_it_open(town: MakeTown) -> None:
    here = town("UTC", at("2026-03-01T12:00"))
    here.send(at("2026-03-01T12:00"))
    late = here.rows("UPDATE usage SET status = 'reserved', settled_at = NULL, expires_at = '2026-03-05' RETURNING id")
    here.close(at("2026-03-04T12:00"))
    assert here.closes() == []
    assert len(late) == 1
    here.close(at("2026-03-05T12:00"))  # it has expired: its message goes back, and then its day is over
    assert [close[0] for close in here.closes()] == ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04"]
    assert here.closes()[0] == ("2026-03-01", 0, 0)


def test_a_zone_further_west_opens_the_day_again(town: MakeTown) -> None:
    here = town("Pacific/Auckland", at("2026-06-09T12:00"))  # the 10th there
    here.send(at("2026-06-10T02:00"), model_id=MODEL)
    moment = at("2026-06-10T12:30")
    here.close(moment)
    assert here.closes() == [("2026-06-10", 1, 1)]
    admin = Caller(here.desk.database, here.desk.member, Actor(), moment)
    change_settings(admin, {"time_zone": "America/New_York"}, version=None)
    assert here.closes() == []
    assert here.rows("SELECT * FROM daily_totals") == []
    here.send(moment, model_id=MODEL)  # still the 10th in New York: the same day, the same limit
    assert refusal(here, moment).code == "RATE_LIMIT_EXCEEDED"
    here.close(at("2026-06-11T04:15"))
    assert here.closes()[-1] == ("2026-06-10", 1, 2)
