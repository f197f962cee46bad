"""Keeps every tenant's registry in step with what the providers say: read the feeds, compare, apply or propose.

The facts of the feeds are the same for all tenants and are learnt first (learn.py). Then each tenant that is due gets
one transaction of its own, in which everything that concerns it is written or nothing. If a run is killed anywhere, the
next one does what is left. A second run finds nothing to do.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import StoaError
from stoa.core.failures import failure
from stoa.core.observe import emit, logger
from stoa.database.pool import Connection, Database, RuleRefused, Scope, StatementFailed
from stoa.domain.pricing.price_book import SOURCE_SYNC
from stoa.domain.providers.provider import Provider
from stoa.domain.sync.change import PRICE
from stoa.domain.sync.diff import diff
from stoa.domain.sync.facts import Reading
from stoa.domain.sync.notice import notice
from stoa.domain.sync.review import Entry, review
from stoa.domain.sync.times import is_due
from stoa.store.members import users
from stoa.store.operations import mail_outbox
from stoa.store.pricing import pricing_configs
from stoa.store.pricing.pricing_configs import PricingSettings
from stoa.store.sync import changes
from stoa.store.sync import held as store
from stoa.store.sync.changes import FoundChange
from stoa.store.tenancy import tenants
from stoa.workflows.pricing.price_planning import replan
from stoa.workflows.sync.accept import Accepted, accept
from stoa.workflows.sync.learn import Learnt, known, learn

# Where a tenant named no addresses, this many of its admins who were active in these days are written to.
ADMIN_DAYS = 90
MOST_ADMINS = 20

# Reads all sources for these providers. The second argument holds how many models each source had the last time.
Read = Callable[[Sequence[Provider], Mapping[str, int]], Reading]
Clock = Callable[[], datetime]  # aware, UTC


class SyncReport(Struct):
    """The counts of a run, for its log line and its metrics."""

    tenants: int = 0
    tenants_synced: int = 0
    tenants_failed: int = 0
    feeds_incomplete: int = 0
    feed_unreadable: int = 0  # 1: the source of prices could not be read, so no tenant was looked at
    problems: int = 0
    models_added: int = 0
    models_changed: int = 0
    changes_proposed: int = 0
    changes_applied: int = 0
    changes_over: int = 0
    prices_replanned: int = 0


class _Run(NamedTuple):
    """The beginning of a run, by which tenants are due, and the clock by which it changes their prices.

    The two differ because reading the sources takes minutes at worst. A price that an admin announces meanwhile would
    otherwise come too soon.
    """

    began: datetime
    clock: Clock
    at_once: bool


class _Outcome(NamedTuple):
    entries: Sequence[Entry]
    over: int
    replanned: int


def sync(
    database: Database, read: Read, clock: Clock, *, at_once: bool = False, believe_fewer: bool = False
) -> SyncReport:
    """Brings the tenants that are due up to date, or with `at_once` all that want updates at all.

    A tenant that fails is counted and holds up no other. With `believe_fewer` a source that lost most of its models is
    not taken for a broken one.

    Raises Unavailable when the list of tenants cannot be read.
    """
    report, run = SyncReport(), _Run(clock(), clock, at_once)
    due = _due_tenants(database, run, report)
    if not due:
        return report
    providers, counts = known(database)
    reading = read(providers, dict.fromkeys(counts, 0) if believe_fewer else counts)
    learnt = learn(database, reading, clock())
    report.feeds_incomplete = sum(not part.complete for part in reading.parts)
    report.problems, report.models_added, report.models_changed = learnt.problems, learnt.added, learnt.changed
    if not reading.first.complete:
        report.feed_unreadable = 1
        return report  # nothing follows from a feed that could not be read; the next hour tries again
    for tenant_id, settings in due:
        _sync_safely(database, tenant_id, settings, learnt, run, report)
    return report


def _due_tenants(database: Database, run: _Run, report: SyncReport) -> list[tuple[UUID, PricingSettings]]:
    with database.autocommit(Scope(operator=True)) as connection:
        everyone = [tenant.id for tenant in tenants.all_tenants(connection)]
    report.tenants = len(everyone)
    due = []
    for tenant_id in everyone:
        with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            settings = pricing_configs.get(connection, tenant_id)
        if _wants(settings, run):
            due.append((tenant_id, settings))
    return due


def _wants(settings: PricingSettings, run: _Run) -> bool:
    due = run.at_once or is_due(settings.auto_update_frequency, settings.last_auto_update, run.began)
    return settings.auto_update_from_providers and due


def _sync_safely(
    database: Database, tenant_id: UUID, settings: PricingSettings, learnt: Learnt, run: _Run, report: SyncReport
) -> None:
    try:
        outcome = _sync_tenant(database, tenant_id, settings, learnt, run)
    except (StoaError, StatementFailed, RuleRefused) as error:
        report.tenants_failed += 1
        logger().error("a tenant was not synced", extra={"tenantId": str(tenant_id), **failure(error)})
        return
    if outcome is None:
        return
    report.tenants_synced += 1
    report.changes_over += outcome.over
    report.prices_replanned += outcome.replanned
    report.changes_applied += sum(entry.applies for entry in outcome.entries)
    report.changes_proposed += sum(not entry.applies for entry in outcome.entries)
    _tell_events(tenant_id, outcome.entries)


def _sync_tenant(
    database: Database, tenant_id: UUID, read: PricingSettings, learnt: Learnt, run: _Run
) -> _Outcome | None:
    """Does all that one tenant is due in one transaction. Returns None where another run has just done it."""
    # The operator's scope is needed only where a new model may come into the registry by itself.
    adds_models = read.sync_policy.get("newModel") == "agreed"
    with database.transaction(Scope(tenant_id=tenant_id, operator=adds_models)) as connection:
        settings = pricing_configs.lock(connection, tenant_id)
        if not _wants(settings, run) or settings.sync_policy != read.sync_policy:
            return None  # where the policy differs, an admin has just saved it, and the next hour uses it
        now = run.clock()
        held, filed = store.held(connection, tenant_id, now)
        found = review(
            [*learnt.new, *diff(held, learnt.matched, now)],
            filed,
            settings.sync_policy,
            settings.notify_threshold_percent,
            learnt.looked_at,
        )
        accepted = _file(connection, tenant_id, found.entries, found.withdrawn, now)
        taken = {model.model_id for model in held if model.is_taken}.union(accepted)
        replanned = replan(connection, tenant_id, sorted(taken), source=SOURCE_SYNC, actor_id=None, now=now)
        if settings.notify_on_price_change:
            _write_to_admins(connection, tenant_id, settings, found.entries, now)
        pricing_configs.synced(connection, tenant_id, run.began)
    return _Outcome(found.entries, len(found.withdrawn), len(replanned))


def _file(
    connection: Connection, tenant_id: UUID, entries: Sequence[Entry], withdrawn: Sequence[UUID], now: datetime
) -> list[str]:
    """Writes what became of each change. Returns the models of which a change was accepted."""
    applied = [entry for entry in entries if entry.applies]
    accepted = [_accepted(entry) for entry in applied]
    ids = accept(connection, tenant_id, accepted, None, now) if accepted else []
    models = {id(entry): model_id for entry, model_id in zip(applied, ids, strict=True)}
    superseded = [entry.replaces for entry in entries if entry.replaces is not None]
    if superseded:
        changes.end(connection, tenant_id, superseded, "superseded", now)
    if withdrawn:
        changes.end(connection, tenant_id, withdrawn, "withdrawn", now)
    if entries:
        found = [
            FoundChange(entry.change, models.get(id(entry)), "applied" if entry.applies else "open", entry.reason)
            for entry in entries
        ]
        changes.file(connection, tenant_id, found, now)
    return ids


def _accepted(entry: Entry) -> Accepted:
    change = entry.change
    return Accepted(change.provider_id, change.provider_model, change.model_id, change.after)


def _write_to_admins(
    connection: Connection, tenant_id: UUID, settings: PricingSettings, entries: Sequence[Entry], now: datetime
) -> None:
    """Puts a mail to each address in the outbox. The changes' digests keep it from being sent twice."""
    told = [entry for entry in entries if entry.told]
    if not told:
        return
    mail = notice(told)
    about = hashlib.sha256("".join(f"{entry.change.subject}{entry.change.digest}" for entry in told).encode())
    for address in settings.notice_emails or users.admin_emails(
        connection, tenant_id, days=ADMIN_DAYS, rows=MOST_ADMINS
    ):
        mail_outbox.put(
            connection,
            tenant_id=tenant_id,
            to=address,
            subject=mail.subject,
            text=mail.text,
            dedupe_key=f"registry:{now:%Y-%m-%d}:{about.hexdigest()[:32]}:{address}",
            now=now,
        )


def _tell_events(tenant_id: UUID, entries: Sequence[Entry]) -> None:
    for entry in entries:
        if entry.told and entry.change.kind == PRICE:
            emit(
                "provider_price_moved",
                tenantId=str(tenant_id),
                modelId=entry.change.model_id,
                percent=entry.change.percent and float(entry.change.percent),
                applied=entry.applies,
            )
    kinds = sorted({entry.change.kind for entry in entries if not entry.applies})
    for kind in kinds:
        count = sum(entry.change.kind == kind and not entry.applies for entry in entries)
        emit("registry_changes_proposed", tenantId=str(tenant_id), kind=kind, changes=count)
