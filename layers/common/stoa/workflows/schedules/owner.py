"""What a member does with their own schedules."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.ids import new_id
from stoa.database.pool import Connection, Database, Row
from stoa.domain.schedules.cadence import Cadence, read_cadence
from stoa.identity.members import Member
from stoa.store.schedules import schedule_runs
from stoa.store.schedules import schedules as store
from stoa.store.schedules.schedules import WEBHOOK
from stoa.workflows.schedules.fields import (
    CADENCE_FIELDS,
    DEFAULTS,
    check_delivery,
    check_model,
    joined,
    new_secret,
)
from stoa.workflows.schedules.views import cadence_of, described_preview, described_schedule

PAUSED, COMPLETED, MAX_RUNS = "paused", "completed", "max_runs"


def preview(fields: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A rhythm in words with its next times; nothing is saved. Raises InvalidFields."""
    return described_preview(read_cadence({**DEFAULTS, **fields}, now), now)


def list_schedules(database: Database, member: Member) -> list[dict[str, Any]]:
    """The member's schedules, the oldest first."""
    with database.autocommit(member.scope) as connection:
        return [described_schedule(row) for row in store.of_member(connection, member.tenant_id, member.user_id)]


def read_schedule(database: Database, member: Member, schedule_id: UUID) -> dict[str, Any]:
    """One schedule. Raises NotFound, also for somebody else's."""
    with database.autocommit(member.scope) as connection:
        row = store.get(connection, member.tenant_id, member.user_id, schedule_id)
    return described_schedule(_found(row))


def create_schedule(database: Database, member: Member, given: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Save a new, active schedule. A webhook's secret is in the answer, this once.

    Raises InvalidFields, what chat would refuse the prompt with, or Conflict when the member has too many.
    """
    fields = {**DEFAULTS, **given}
    cadence = read_cadence(fields, now)
    fields["run_at"] = cadence.run_at
    next_run = _next_run(cadence, now)
    check_delivery(fields, member)
    check_model(database, member, fields, given, now)
    secret = new_secret() if fields["output_destination"] == WEBHOOK else None
    ours = {"id": new_id(), "tenant_id": member.tenant_id, "user_id": member.user_id}
    with database.transaction(member.scope) as connection:
        store.lock_owner(connection, member.tenant_id, member.user_id)
        if store.count(connection, member.tenant_id, member.user_id) >= store.MOST_A_MEMBER:
            raise Conflict(
                "TOO_MANY_SCHEDULES",
                f"You have {store.MOST_A_MEMBER} schedules. Delete one before you make another.",
                details={"limit": store.MOST_A_MEMBER},
            )
        fields |= {"webhook_secret": secret and secret.encode(), "anchor": now, "next_run": next_run, **ours}
        store.insert(connection, fields, now)
        row = store.get(connection, member.tenant_id, member.user_id, ours["id"])
    return {**described_schedule(_found(row)), "webhookSecret": secret}


def change_schedule(
    database: Database, member: Member, schedule_id: UUID, given: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """Change what `given` names. A new rhythm is counted from now; one that had come to its end begins again.

    Raises NotFound, InvalidFields, or what chat would refuse the prompt with.
    """
    with database.autocommit(member.scope) as connection:
        before = _found(store.get(connection, member.tenant_id, member.user_id, schedule_id))
    check_model(database, member, joined(before, given), given, now)  # asks the database, so not under the lock
    secret = None
    with database.transaction(member.scope) as connection:
        row = joined(_locked(connection, member, schedule_id), given)
        check_delivery(row, member)
        if row["output_destination"] == WEBHOOK and row["webhook_secret"] is None:
            secret = new_secret()
            row["webhook_secret"] = secret.encode()
        if not CADENCE_FIELDS.isdisjoint(given):
            _begin_anew(row, now)
        if row["is_active"] and row["max_runs"] is not None and row["run_count"] >= row["max_runs"]:
            _end(row, MAX_RUNS)
        store.update(connection, row, now)
        changed = store.get(connection, member.tenant_id, member.user_id, schedule_id)
    return {**described_schedule(_found(changed)), "webhookSecret": secret}


def delete_schedule(database: Database, member: Member, schedule_id: UUID) -> None:
    """Delete a schedule with its runs. What was metered and charged stays on the ledger. Raises NotFound."""
    with database.autocommit(member.scope) as connection:
        if not store.delete(connection, member.tenant_id, member.user_id, schedule_id):
            raise NotFound("schedule")


def pause(database: Database, member: Member, schedule_id: UUID, now: datetime) -> dict[str, Any]:
    """Plan no more runs, and drop those that no worker has taken up. Pausing twice is pausing."""
    with database.transaction(member.scope) as connection:
        row = _locked(connection, member, schedule_id)
        if row["is_active"]:
            _end(row, PAUSED)
            row["updated_at"] = now
            store.update(connection, row, now)
            schedule_runs.cancel_queued(connection, member.tenant_id, schedule_id, now)
    return described_schedule(row)


def resume(database: Database, member: Member, schedule_id: UUID, now: datetime) -> dict[str, Any]:
    """Go on from the next time of the rhythm; what fell into the pause is not made up for.

    Raises Conflict when nothing can come any more.
    """
    with database.transaction(member.scope) as connection:
        row = _locked(connection, member, schedule_id)
        if not row["is_active"]:
            if row["max_runs"] is not None and row["run_count"] >= row["max_runs"]:
                raise Conflict("SCHEDULE_ENDED", "All its runs have been planned. Raise maxRuns before you resume it.")
            next_run = cadence_of(row).next_after(now)
            if next_run is None:
                raise Conflict("SCHEDULE_ENDED", "Its time has passed. Set a new runAt, and it will run again.")
            row |= {"is_active": True, "inactive_reason": None, "next_run": next_run, "failures_in_row": 0}
            row["updated_at"] = now
            store.update(connection, row, now)
    return described_schedule(row)


def rotate_secret(database: Database, member: Member, schedule_id: UUID, now: datetime) -> dict[str, Any]:
    """A new secret for the webhook, shown this once; the old one signs nothing any more."""
    secret = new_secret()
    with database.transaction(member.scope) as connection:
        row = _locked(connection, member, schedule_id)
        if row["output_destination"] != WEBHOOK:
            raise Conflict("NO_WEBHOOK", "This schedule delivers to no webhook, so it has no secret.")
        store.update(connection, {**row, "webhook_secret": secret.encode()}, now)
    return {"webhookSecret": secret}


def _begin_anew(row: Row, now: datetime) -> None:
    row["anchor"] = now
    cadence = read_cadence(row, now)
    row["run_at"] = cadence.run_at
    if row["inactive_reason"] == COMPLETED:
        row |= {"is_active": True, "inactive_reason": None}
    if row["is_active"]:
        row["next_run"] = _next_run(cadence, now)


def _end(row: Row, reason: str) -> None:
    row |= {"is_active": False, "inactive_reason": reason, "next_run": None}


def _next_run(cadence: Cadence, now: datetime) -> datetime:
    next_run = cadence.next_after(now)
    if next_run is None:
        raise InvalidFields([FieldProblem("runAt", "it must lie in the future")])
    return next_run


def _locked(connection: Connection, member: Member, schedule_id: UUID) -> Row:
    return _found(store.lock(connection, member.tenant_id, member.user_id, schedule_id))


def _found(row: Row | None) -> Row:
    if row is None:
        raise NotFound("schedule")
    return row
