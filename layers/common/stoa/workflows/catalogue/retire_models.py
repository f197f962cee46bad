"""Tells the members who chose a model that it ends, and moves their choices to its successor when it has ended.

The daily function does it each hour. At the very instant a model ends, selection falls to the successor without it.
May run twice, at once, or late; killed anywhere, the next run does what is left: each member is moved in a transaction
of their own that holds their row, and each mail has a key under which it is queued once.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import StoaError
from stoa.core.failures import failure
from stoa.core.observe import emit, logger
from stoa.database.pool import Connection, Database, RuleRefused, Scope, StatementFailed
from stoa.domain.catalogue.lifecycle import FIRST_WARNING, Retirement, columns, moved_choices, retirements, warning_due
from stoa.store.catalogue import catalogue, model_choices
from stoa.store.catalogue.model_choices import ChoosingMember, EndingModel
from stoa.store.members import preferences
from stoa.store.operations import mail_outbox
from stoa.store.tenancy import audit, tenants
from stoa.store.tenancy.audit import Actor
from stoa.workflows.catalogue import retirement_words
from stoa.workflows.selection.member_view import load_view_of

STRETCH = 1000  # members that are looked through at once
# Somebody whose model has no successor keeps their choice, and is told so once; not again a year later.
TOLD_WITHIN = timedelta(days=30)
# Who still names a model that has ended, and knows it or it is long ago, has no successor they may use, or named it
# since. Once a day is enough for them: they may be many, and their messages find another model anyway.
HOUR_FOR_THE_LONG_OVER = 3


class RetirementReport(Struct):
    """Counts of one run."""

    members_warned: int = 0
    members_moved: int = 0
    tenants_failed: int = 0


def retire_models(database: Database, now: datetime) -> RetirementReport:
    """Does what is due for every tenant. A tenant that fails is counted and holds up no other.

    Raises Unavailable when the list of tenants cannot be read.
    """
    report = RetirementReport()
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.all_tenants(connection)
    for tenant in known:
        try:
            _retire_in(database, tenant.id, now, report)
        except (StoaError, StatementFailed, RuleRefused) as error:
            report.tenants_failed += 1
            logger().error("members were not moved", extra={"tenant": tenant.slug, **failure(error)})
    return report


def _retire_in(database: Database, tenant_id: UUID, now: datetime, report: RetirementReport) -> None:
    ending = _ending_models(database, tenant_id, now)
    for member in _who_chose(database, tenant_id, ending) if ending else ():
        view = load_view_of(database, tenant_id, member.user_id, now)
        concerned = retirements(view.offers, view.preferences, now, scheduled=member.scheduled)
        over = [one for one in concerned if one.ends_at <= now]
        if over:
            report.members_moved += _move(database, tenant_id, member, over, now)
        for one in concerned:
            if warning_due(one.ends_at, now) is not None:
                with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
                    report.members_warned += _tell(connection, tenant_id, member, one, now)


def _ending_models(database: Database, tenant_id: UUID, now: datetime) -> list[EndingModel]:
    """Returns the tenant's models that have ended, or will soon enough to be told."""
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        ((row,),) = connection.run_all([catalogue.statement(tenant_id, now, None)])
    offers = catalogue.from_row(row, None).offers_at(now)
    all_that_are_over = now.hour == HOUR_FOR_THE_LONG_OVER
    since = datetime.min.replace(tzinfo=UTC) if all_that_are_over else now - TOLD_WITHIN
    found = []
    for model_id, offer in sorted(offers.items()):
        ends_at = offer.deprecated_at
        if ends_at is not None and since <= ends_at <= now + FIRST_WARNING:
            is_over = ends_at <= now
            told_by = None if is_over and all_that_are_over else _told_by(model_id, ends_at, now)
            found.append(EndingModel(model_id, told_by, is_over))
    return found


def _told_by(model_id: str, ends_at: datetime, now: datetime) -> str:
    """Returns the beginning of the key of the mail that is due. The member's id follows it."""
    days = warning_due(ends_at, now)
    return f"retirement:{model_id}:{ends_at.date()}:{'over' if days is None else f'{days} days'}:"


def _who_chose(database: Database, tenant_id: UUID, models: list[EndingModel]) -> Iterator[ChoosingMember]:
    after: UUID | None = model_choices.BEFORE_ALL
    while after is not None:
        with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            end = model_choices.end_of_stretch(connection, tenant_id, after=after, members=STRETCH)
            until = end or model_choices.AFTER_ALL
            found = model_choices.who_chose(connection, tenant_id, models, after=after, until=until)
        yield from found
        after = end


def _move(database: Database, tenant_id: UUID, member: ChoosingMember, over: list[Retirement], now: datetime) -> bool:
    """Puts the heirs in the places of models that have ended, and returns whether anything had to be moved."""
    heirs = {one.offer.model_id: one.heir.model_id for one in over if one.heir is not None}
    user_id = member.user_id
    with database.transaction(Scope(tenant_id=tenant_id)) as connection:
        present = preferences.locked(connection, tenant_id, user_id)  # the member may be changing them just now
        changes = moved_choices(present, heirs)
        if changes:
            before = columns(present)
            overrides = changes.get("persona_overrides", {})
            others = {name: value for name, value in changes.items() if name != "persona_overrides"}
            preferences.save(connection, tenant_id, user_id, others, overrides)
            _record(connection, tenant_id, user_id, {name: before[name] for name in changes}, changes)
        moved = model_choices.move_schedules(connection, tenant_id, user_id, heirs, now) if heirs else []
        for schedule in moved:
            audit.record(
                connection,
                tenant_id,
                Actor(),
                "schedule.move_to_successor",
                str(schedule.id),
                before={"model_id": schedule.before},
                after={"model_id": schedule.after},
            )
        for one in over:
            if one.ends_at > now - TOLD_WITHIN:
                _tell(connection, tenant_id, member, one, now)
    if changes or moved:
        emit("member_moved_to_successor", userId=str(user_id), models=heirs)
    return bool(changes or moved)


def _record(
    connection: Connection, tenant_id: UUID, user_id: UUID, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    audit.record(
        connection, tenant_id, Actor(), "preferences.move_to_successor", str(user_id), before=before, after=after
    )


def _tell(
    connection: Connection, tenant_id: UUID, member: ChoosingMember, retirement: Retirement, now: datetime
) -> bool:
    """Queues the mail that is due, once. False: it was queued before, or nobody knows an address."""
    if member.email is None:
        return False
    is_over = retirement.ends_at <= now
    return mail_outbox.put(
        connection,
        tenant_id=tenant_id,
        to=member.email,
        subject=retirement_words.subject(retirement, is_over=is_over),
        text=retirement_words.text(retirement, is_over=is_over),
        dedupe_key=f"{_told_by(retirement.offer.model_id, retirement.ends_at, now)}{member.user_id}",
        now=now,
    )
