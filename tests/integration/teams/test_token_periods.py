"""A team's tokens by the month: full again on its day, of the tenant's calendar, and nothing carried over."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.door import shown
from tests.integration.chat.support import Desk, overlay
from tests.integration.teams.support import MODEL, Team, metadata, refusal


def test_a_new_period_begins_full_without_any_scheduled_function(team: Team, ada: Desk) -> None:
    team.set(total_tokens_monthly=30)
    team.rows("UPDATE team_members SET allotment = 30 RETURNING id")
    overlay(ada, MODEL, trial_messages=0)
    ada.send(model_id=MODEL)
    assert refusal(ada).code == "TEAM_POOL_EXHAUSTED"

    ada.clock = lambda: datetime(2026, 4, 5, 0, 0, 1, tzinfo=UTC)
    assert metadata(ada.send(model_id=MODEL))["access"] == "team"
    periods = team.rows("SELECT starts_on, ends_on, tokens_used FROM team_periods ORDER BY starts_on")
    assert [(str(row["starts_on"]), str(row["ends_on"]), row["tokens_used"]) for row in periods] == [
        ("2026-03-05", "2026-04-05", 30),
        ("2026-04-05", "2026-05-05", 30),
    ]


@pytest.mark.parametrize(
    ("zone", "minutes"),  # how many before the month's last day begins in UTC it begins there
    [("Pacific/Kiritimati", 14 * 60), ("America/St_Johns", -210), ("Asia/Kathmandu", 345)],
)
def test_a_period_that_begins_on_the_31st_begins_with_the_tenants_last_day(
    team: Team, ada: Desk, zone: str, minutes: int
) -> None:
    team.set(total_tokens_monthly=30, anchor_day=31)
    ada.change("UPDATE tenants SET time_zone = :zone WHERE id = :tenant_id", zone=zone)
    overlay(ada, MODEL, trial_messages=0)
    begins = datetime(2026, 2, 28, tzinfo=UTC) - timedelta(minutes=minutes)
    ada.clock = lambda: begins - timedelta(seconds=1)
    ada.send(model_id=MODEL)
    assert shown(refusal(ada))[1]["resetAt"] == begins.isoformat().replace("+00:00", "Z")

    ada.clock = lambda: begins
    assert metadata(ada.send(model_id=MODEL))["access"] == "team"
    periods = team.rows("SELECT starts_on, ends_on FROM team_periods ORDER BY starts_on")
    assert [(str(row["starts_on"]), str(row["ends_on"])) for row in periods] == [
        ("2026-01-31", "2026-02-28"),
        ("2026-02-28", "2026-03-31"),
    ]


def test_what_is_left_of_a_period_is_not_carried_over(team: Team, ada: Desk) -> None:
    overlay(ada, MODEL, trial_messages=0)
    team.set(total_tokens_monthly=60)
    ada.send(model_id=MODEL)
    ada.clock = lambda: datetime(2026, 4, 5, 12, tzinfo=UTC)
    ada.send(model_id=MODEL)
    ada.send(model_id=MODEL)

    assert refusal(ada).code == "TEAM_POOL_EXHAUSTED"
