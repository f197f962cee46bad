"""A schedule's time has come: one run is planned at most, and the next time keeps to the rhythm."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from stoa.domain.schedules.cadence import Rhythm, read_cadence
from stoa.domain.schedules.run_plan import Due, Plan, plan

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOURLY = read_cadence(Rhythm("cron", "UTC", cron_expression="0 * * * *"), NOON)
ONCE = read_cadence(Rhythm("once", "UTC", run_at=NOON), NOON)
EACH_MINUTE = read_cadence(Rhythm("cron", "UTC", cron_expression="* * * * *"), NOON)
DUE = Due(HOURLY, NOON, "run_once", run_count=3, max_runs=None, owner_active=True)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


@pytest.mark.parametrize(
    ("due", "late", "planned"),
    [
        (DUE, 0.5, Plan(NOON, NOON + minutes(60))),
        (DUE, 59, Plan(NOON, NOON + minutes(60))),
        (DUE, 60, Plan(NOON, NOON + minutes(120))),  # two have come: one run
        (DUE, 600, Plan(NOON, NOON + minutes(660))),
        (replace(DUE, missed_runs="skip"), 5, Plan(NOON, NOON + minutes(60))),
        (replace(DUE, missed_runs="skip"), 5.5, Plan(None, NOON + minutes(60))),
        (replace(DUE, missed_runs="skip"), 62, Plan(NOON + minutes(60), NOON + minutes(120))),
        (replace(DUE, missed_runs="skip", cadence=ONCE), 30, Plan(None, None, "completed")),
        (replace(DUE, missed_runs="skip", cadence=EACH_MINUTE), 7.5, Plan(NOON + minutes(3), NOON + minutes(8))),
        (replace(DUE, cadence=ONCE), 30, Plan(NOON, None, "completed")),
        (replace(DUE, max_runs=5), 1, Plan(NOON, NOON + minutes(60))),
        (replace(DUE, max_runs=4), 1, Plan(NOON, None, "max_runs")),
        (replace(DUE, max_runs=4, missed_runs="skip"), 30, Plan(None, NOON + minutes(60))),
        (replace(DUE, owner_active=False), 1, Plan(None, None, "owner_blocked")),
    ],
)
def test_plan(due: Due, late: float, planned: Plan) -> None:
    assert plan(due, NOON + minutes(late)) == planned


def test_trap_a_failed_run_does_not_stay_due_forever() -> None:
    """Whatever becomes of the run: the time that is due next lies ahead before it has even begun."""
    for late in (0, 1, 59, 60, 61, 10_000):
        for missed_runs in ("run_once", "skip"):
            next_run = plan(replace(DUE, missed_runs=missed_runs), NOON + minutes(late)).next_run
            assert next_run is not None
            assert next_run > NOON + minutes(late)
