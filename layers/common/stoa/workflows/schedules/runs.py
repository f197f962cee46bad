"""Runs as their owner starts them and looks back on them."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.clients.aws import storage
from stoa.core.errors import Conflict, NotFound
from stoa.core.ids import new_id
from stoa.core.pages import Page, place_after
from stoa.database.pool import Database, Row, Scope
from stoa.identity.members import Member
from stoa.store.operations import mail_outbox
from stoa.store.operations.mail_outbox import MailStanding
from stoa.store.schedules import schedule_runs, schedules
from stoa.workflows.schedules.views import SHOWN_CHARACTERS, described_run, is_by_mail

LINK_SECONDS = 900


def run_now(
    database: Database, member: Member, schedule_id: UUID, now: datetime, send: Callable[[UUID, UUID], None]
) -> dict[str, Any]:
    """Plan a run for this moment, beside those of the clock, and hand it to the workers by `send(tenant, run)`.

    Raises NotFound, or Conflict while another run of the schedule has not ended.
    """
    run_id = new_id()
    with database.transaction(member.scope) as connection:
        if schedules.lock(connection, member.tenant_id, member.user_id, schedule_id) is None:
            raise NotFound("schedule")
        if schedule_runs.has_open(connection, member.tenant_id, schedule_id):
            raise Conflict("RUN_IN_PROGRESS", "A run of this schedule has not ended yet. Wait for it.")
        run = {"id": run_id, "user_id": member.user_id, "schedule_id": schedule_id, "planned_at": now}
        planned = schedule_runs.plan(
            connection, member.tenant_id, [{**run, "trigger": "owner"}], now + schedule_runs.UNSENT_LEASE
        )
        if not planned:
            raise Conflict("RUN_IN_PROGRESS", "A run of this schedule is planned for this very moment.")
        schedules.note_start_by_hand(connection, member.tenant_id, member.user_id, schedule_id, now)
        row = schedule_runs.get(connection, member.tenant_id, member.user_id, schedule_id, run_id)
        assert row is not None
    send(member.tenant_id, run_id)
    return described_run(row)


def list_runs(
    database: Database, member: Member, schedule_id: UUID, *, before: UUID | None, limit: int
) -> Page[dict[str, Any]]:
    """A page of a schedule's runs, the newest first, with the beginning of each output; its cursor is (id).

    Raises NotFound for a schedule of somebody else's.
    """
    with database.autocommit(member.scope) as connection:
        if schedules.get(connection, member.tenant_id, member.user_id, schedule_id) is None:
            raise NotFound("schedule")
        rows = schedule_runs.page(
            connection,
            member.tenant_id,
            member.user_id,
            schedule_id,
            before=before,
            rows=limit + 1,
            characters=SHOWN_CHARACTERS,
        )
    return Page(_described(database, member, rows[:limit]), place_after(rows, limit, "id"))


def read_run(database: Database, member: Member, schedule_id: UUID, run_id: UUID) -> dict[str, Any]:
    """One run with its whole output, and a link to the file where it was stored. Raises NotFound."""
    with database.autocommit(member.scope) as connection:
        row = schedule_runs.get(connection, member.tenant_id, member.user_id, schedule_id, run_id)
    if row is None:
        raise NotFound("run")
    (described,) = _described(database, member, [row])
    if row["storage_key"] is not None and described["delivery"] is not None:
        described["delivery"]["link"] = storage.link(row["storage_key"], LINK_SECONDS, f"{run_id}.md")
    return described


def _described(database: Database, member: Member, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """A mail's delivery is the outbox's, which is in no member's scope: how it stands is asked for in the tenant's."""
    keys = {row["id"]: schedule_runs.mail_key(row["id"]) for row in rows if is_by_mail(row)}
    mails: dict[str, MailStanding] = {}
    if keys:
        with database.autocommit(Scope(tenant_id=member.tenant_id)) as connection:
            mails = mail_outbox.standing(connection, member.tenant_id, list(keys.values()))
    return [described_run(row, mails.get(keys.get(row["id"], ""))) for row in rows]
