"""Plans for a schedule whose time has come: the run that is planned, and the time when it is next due."""

from datetime import datetime, timedelta

from msgspec import Struct

from stoa.domain.schedules.cadence import Cadence

# A run that begins later than this has been missed. The tick comes each minute; a few may fail without harm.
ON_TIME = timedelta(minutes=5)
RUN_ONCE = "run_once"  # of missed runs; the other word is skip

COMPLETED, MAX_RUNS, OWNER_BLOCKED = "completed", "max_runs", "owner_blocked"
UNREADABLE = "failing"  # as where its runs fail: its owner has to look at it


class Due(Struct, frozen=True):
    """A schedule whose `next_run` has come."""

    cadence: Cadence
    next_run: datetime
    missed_runs: str  # run_once | skip
    run_count: int
    max_runs: int | None
    owner_active: bool


class Plan(Struct, frozen=True):
    """The run to plan, by its time, or None; and the next time, or why there is none."""

    planned_at: datetime | None
    next_run: datetime | None
    inactive_reason: str | None = None


def plan(due: Due, now: datetime) -> Plan:
    """Returns the plan. At most one run comes of the times that were missed, and the next one keeps to the rhythm."""
    if not due.owner_active:
        return Plan(None, None, OWNER_BLOCKED)
    planned_at = due.next_run if due.missed_runs == RUN_ONCE else _on_time(due, now)
    if planned_at is not None and due.max_runs is not None and due.run_count + 1 >= due.max_runs:
        return Plan(planned_at, None, MAX_RUNS)
    next_run = due.cadence.next_after(now)
    return Plan(planned_at, next_run, None if next_run else COMPLETED)


def _on_time(due: Due, now: datetime) -> datetime | None:
    """Returns the planned time that has just come, where missed ones are skipped."""
    if due.next_run >= now - ON_TIME:
        return due.next_run
    latest = due.cadence.next_after(now - ON_TIME)
    return latest if latest is not None and latest <= now else None
