"""The use cases of a member's own schedules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.ids import new_id
from stoa.database.pool import Connection
from stoa.domain.schedules.cadence import Cadence, read_cadence
from stoa.identity.caller import Caller
from stoa.store.schedules import schedule_runs
from stoa.store.schedules import schedules as store
from stoa.store.schedules.schedules import WEBHOOK, Schedule
from stoa.workflows.schedules.fields import (
    CADENCE_FIELDS,
    DEFAULTS,
    changed,
    check_delivery,
    check_model,
    new_secret,
    rhythm_given,
)
from stoa.workflows.schedules.views import Preview, ShownSchedule, cadence_of, preview_of, shown_schedule

PAUSED, COMPLETED, MAX_RUNS = "paused", "completed", "max_runs"


def preview(given: Mapping[str, Any], now: datetime) -> Preview:
    """Returns a rhythm in words with its next times; nothing is saved. Raises InvalidFields."""
    return preview_of(read_cadence(rhythm_given(given), now), now)


def list_schedules(caller: Caller) -> list[ShownSchedule]:
    """Returns the member's schedules, the oldest first."""
    with caller.database.autocommit(caller.own_scope) as connection:
        found = store.of_member(connection, caller.tenant_id, caller.user_id)
    return [shown_schedule(schedule) for schedule in found]


def read_schedule(caller: Caller, schedule_id: UUID) -> ShownSchedule:
    """Returns one schedule. Raises NotFound, also for somebody else's."""
    with caller.database.autocommit(caller.own_scope) as connection:
        return shown_schedule(_own(connection, caller, schedule_id))


def create_schedule(caller: Caller, given: Mapping[str, Any]) -> ShownSchedule:
    """Saves a new, active schedule. A webhook's secret is in the answer, this once.

    Raises InvalidFields, the error with which chat would refuse the prompt, or Conflict when the member has too many.
    """
    now = caller.now
    cadence = read_cadence(rhythm_given(given), now)
    secret = new_secret() if given["output_destination"] == WEBHOOK else None
    fields = {**DEFAULTS, **given, "run_at": cadence.run_at}
    schedule = Schedule(
        id=new_id(),
        tenant_id=caller.tenant_id,
        user_id=caller.user_id,
        anchor=now,
        next_run=_next_run(cadence, now),
        webhook_secret=secret.encode() if secret else None,
        created_at=now,
        updated_at=now,
        **fields,
    )
    check_delivery(schedule, caller.member)
    check_model(caller, schedule, given)
    with caller.database.transaction(caller.own_scope) as connection:
        store.lock_owner(connection, caller.tenant_id, caller.user_id)
        if store.count(connection, caller.tenant_id, caller.user_id) >= store.MOST_A_MEMBER:
            raise Conflict(
                "TOO_MANY_SCHEDULES",
                f"You have {store.MOST_A_MEMBER} schedules. Delete one before you make another.",
                details={"limit": store.MOST_A_MEMBER},
            )
        store.insert(connection, schedule)
        return shown_schedule(_own(connection, caller, schedule.id), secret)


def change_schedule(caller: Caller, schedule_id: UUID, given: Mapping[str, Any]) -> ShownSchedule:
    """Changes the fields in `given`. A new rhythm is counted from now; one that had come to its end begins again.

    Raises NotFound, InvalidFields, or the error with which chat would refuse the prompt.
    """
    now = caller.now
    with caller.database.autocommit(caller.own_scope) as connection:
        before = _own(connection, caller, schedule_id)
    check_model(caller, changed(before, given), given)  # asks the database, so not under the lock
    secret = None
    with caller.database.transaction(caller.own_scope) as connection:
        schedule = changed(_locked(connection, caller, schedule_id), given)
        check_delivery(schedule, caller.member)
        if schedule.output_destination == WEBHOOK and schedule.webhook_secret is None:
            secret = new_secret()
            schedule = replace(schedule, webhook_secret=secret.encode())
        if not CADENCE_FIELDS.isdisjoint(given):
            schedule = _begun_anew(schedule, now)
        if schedule.is_active and _has_had_all_runs(schedule):
            schedule = _ended(schedule, MAX_RUNS)
        store.update(connection, replace(schedule, updated_at=now))
        return shown_schedule(_own(connection, caller, schedule_id), secret)


def delete_schedule(caller: Caller, schedule_id: UUID) -> None:
    """Deletes a schedule with its runs. What was metered and charged stays on the ledger. Raises NotFound."""
    with caller.database.autocommit(caller.own_scope) as connection:
        if not store.delete(connection, caller.tenant_id, caller.user_id, schedule_id):
            raise NotFound("schedule")


def pause(caller: Caller, schedule_id: UUID) -> ShownSchedule:
    """Stops planning runs, and cancels those that no worker has taken up. Pausing twice is pausing."""
    with caller.database.transaction(caller.own_scope) as connection:
        schedule = _locked(connection, caller, schedule_id)
        if schedule.is_active:
            schedule = replace(_ended(schedule, PAUSED), updated_at=caller.now)
            store.update(connection, schedule)
            schedule_runs.cancel_queued(connection, caller.tenant_id, schedule_id, caller.now)
    return shown_schedule(schedule)


def resume(caller: Caller, schedule_id: UUID) -> ShownSchedule:
    """Goes on from the next time of the rhythm; what fell into the pause is not made up for.

    Raises Conflict when nothing can come any more.
    """
    now = caller.now
    with caller.database.transaction(caller.own_scope) as connection:
        schedule = _locked(connection, caller, schedule_id)
        if not schedule.is_active:
            if _has_had_all_runs(schedule):
                raise Conflict("SCHEDULE_ENDED", "All its runs have been planned. Raise maxRuns before you resume it.")
            next_run = cadence_of(schedule).next_after(now)
            if next_run is None:
                raise Conflict("SCHEDULE_ENDED", "Its time has passed. Set a new runAt, and it will run again.")
            schedule = replace(_active(schedule), next_run=next_run, failures_in_row=0, updated_at=now)
            store.update(connection, schedule)
    return shown_schedule(schedule)


def rotate_secret(caller: Caller, schedule_id: UUID) -> str:
    """Returns a new secret for the webhook, shown this once; the old one signs nothing any more."""
    secret = new_secret()
    with caller.database.transaction(caller.own_scope) as connection:
        schedule = _locked(connection, caller, schedule_id)
        if schedule.output_destination != WEBHOOK:
            raise Conflict("NO_WEBHOOK", "This schedule delivers to no webhook, so it has no secret.")
        store.update(connection, replace(schedule, webhook_secret=secret.encode(), updated_at=caller.now))
    return secret


def _begun_anew(schedule: Schedule, now: datetime) -> Schedule:
    cadence = read_cadence(schedule.rhythm, now)
    schedule = replace(schedule, anchor=now, run_at=cadence.run_at)
    if schedule.inactive_reason == COMPLETED:
        schedule = _active(schedule)
    return replace(schedule, next_run=_next_run(cadence, now)) if schedule.is_active else schedule


def _active(schedule: Schedule) -> Schedule:
    return replace(schedule, is_active=True, inactive_reason=None)


def _ended(schedule: Schedule, reason: str) -> Schedule:
    return replace(schedule, is_active=False, inactive_reason=reason, next_run=None)


def _has_had_all_runs(schedule: Schedule) -> bool:
    return schedule.max_runs is not None and schedule.run_count >= schedule.max_runs


def _next_run(cadence: Cadence, now: datetime) -> datetime:
    next_run = cadence.next_after(now)
    if next_run is None:
        raise InvalidFields([FieldProblem("runAt", "it must lie in the future")])
    return next_run


def _own(connection: Connection, caller: Caller, schedule_id: UUID) -> Schedule:
    return _found(store.get(connection, caller.tenant_id, caller.user_id, schedule_id))


def _locked(connection: Connection, caller: Caller, schedule_id: UUID) -> Schedule:
    return _found(store.lock(connection, caller.tenant_id, caller.user_id, schedule_id))


def _found(schedule: Schedule | None) -> Schedule:
    if schedule is None:
        raise NotFound("schedule")
    return schedule
