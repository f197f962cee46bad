"""Runs as their owner starts them and looks back on them."""

from collections.abc import Callable, Sequence
from uuid import UUID

from msgspec.structs import replace

from stoa.clients.aws import storage
from stoa.core.errors import Conflict, NotFound
from stoa.core.ids import new_id
from stoa.core.pages import Page, page_of
from stoa.identity.caller import Caller
from stoa.store.operations import mail_outbox
from stoa.store.operations.mail_outbox import MailStanding
from stoa.store.schedules import own_runs, schedule_runs, schedules
from stoa.store.schedules.deliveries import mail_key
from stoa.store.schedules.own_runs import OwnRun
from stoa.store.schedules.schedule_runs import PlannedRun
from stoa.workflows.schedules.views import SHOWN_CHARACTERS, ShownRun, is_by_mail, shown_run

LINK_SECONDS = 900


def run_now(caller: Caller, schedule_id: UUID, send: Callable[[UUID, UUID], None]) -> ShownRun:
    """Plans a run for this moment, beside those of the clock, and hands it to the workers by `send(tenant, run)`.

    Raises NotFound, or Conflict while another run of the schedule has not ended.
    """
    run = PlannedRun(new_id(), caller.user_id, schedule_id, caller.now, "owner")
    own = (caller.tenant_id, caller.user_id, schedule_id)
    with caller.database.transaction(caller.own_scope) as connection:
        if schedules.lock(connection, *own) is None:
            raise NotFound("schedule")
        if schedule_runs.has_open(connection, caller.tenant_id, schedule_id):
            raise Conflict("RUN_IN_PROGRESS", "A run of this schedule has not ended yet. Wait for it.")
        lease_until = caller.now + schedule_runs.UNSENT_LEASE
        if not schedule_runs.plan(connection, caller.tenant_id, [run], lease_until):
            raise Conflict("RUN_IN_PROGRESS", "A run of this schedule is planned for this very moment.")
        schedules.note_start_by_hand(connection, *own, caller.now)
        planned = own_runs.get(connection, *own, run.id)
        assert planned is not None
    send(caller.tenant_id, run.id)
    return shown_run(planned)


def list_runs(caller: Caller, schedule_id: UUID, *, before: UUID | None, limit: int) -> Page[ShownRun]:
    """Returns a page of a schedule's runs, the newest first, with the beginning of each output; its cursor is (id).

    Raises NotFound for a schedule of somebody else's.
    """
    own = (caller.tenant_id, caller.user_id, schedule_id)
    with caller.database.autocommit(caller.own_scope) as connection:
        if schedules.get(connection, *own) is None:
            raise NotFound("schedule")
        found = own_runs.page(connection, *own, before=before, rows=limit + 1, characters=SHOWN_CHARACTERS)
    page = page_of(found, limit, lambda run: (run.id,))
    return Page(_shown(caller, page.rows), page.cursor)


def read_run(caller: Caller, schedule_id: UUID, run_id: UUID) -> ShownRun:
    """Returns one run with its whole output, and a link to the file where it was stored. Raises NotFound."""
    with caller.database.autocommit(caller.own_scope) as connection:
        run = own_runs.get(connection, caller.tenant_id, caller.user_id, schedule_id, run_id)
    if run is None:
        raise NotFound("run")
    (shown,) = _shown(caller, [run])
    if run.storage_key is None or shown.delivery is None:
        return shown
    link = storage.link(run.storage_key, LINK_SECONDS, f"{run_id}.md")
    return replace(shown, delivery=replace(shown.delivery, link=link))


def _shown(caller: Caller, runs: Sequence[OwnRun]) -> list[ShownRun]:
    """Returns runs as they are shown. The outbox knows how a mail stands, and only the tenant's scope sees it."""
    keys = {run.id: mail_key(run.id) for run in runs if is_by_mail(run)}
    mails: dict[str, MailStanding] = {}
    if keys:
        with caller.database.autocommit(caller.tenant_scope) as connection:
            mails = mail_outbox.standing(connection, caller.tenant_id, list(keys.values()))
    return [shown_run(run, mails.get(keys.get(run.id, ""))) for run in runs]
