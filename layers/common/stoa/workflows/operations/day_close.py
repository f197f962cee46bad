"""The daily work of an installation, tenant by tenant. Nothing that members see depends on its having run.

A limit resets because a new day has a new counter (domain/quota.py), and an expired reservation is freed by the next
request of its member. So this may run twice, at once, late or never; killed anywhere, the next run does what is left.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import StoaError
from stoa.core.failures import failure
from stoa.core.observe import logger
from stoa.database.pool import Connection, Database, RuleRefused, Scope, StatementFailed
from stoa.domain.teams.periods import period_of
from stoa.store.billing import webhook_inbox
from stoa.store.chat import ledger
from stoa.store.operations import day_close
from stoa.store.teams import team_usage
from stoa.store.tenancy import tenants

KEYS_KEPT = timedelta(hours=48)
EVENTS_KEPT = timedelta(days=30)  # Stripe repeats an event for three days at most


class DayReport(Struct):
    """Counts of one run, for its log line and its metrics."""

    tenants: int = 0
    days_closed: int = 0
    days_waiting: int = 0  # a message of the day has not ended yet: the next run closes it
    reservations_expired: int = 0
    counters_removed: int = 0
    keys_removed: int = 0
    events_removed: int = 0
    periods_opened: int = 0  # of teams
    tenants_failed: int = 0


def close_days(database: Database, now: datetime) -> DayReport:
    """Does what is due for every tenant. A tenant that fails is counted and holds up no other.

    Raises Unavailable when the list of tenants cannot be read.
    """
    report = DayReport()
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.all_tenants(connection)
        report.events_removed = webhook_inbox.purge(connection, now - EVENTS_KEPT)
    for tenant in known:
        report.tenants += 1
        try:
            _close_tenant(database, tenant.id, now, report)
        except (StoaError, StatementFailed, RuleRefused) as error:
            report.tenants_failed += 1
            logger().error("the day of a tenant was not closed", extra={"tenant": tenant.slug, **failure(error)})
    return report


def _close_tenant(database: Database, tenant_id: UUID, now: datetime, report: DayReport) -> None:
    # Each statement below is a transaction of its own, so what was done stays done whatever comes after it.
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        report.reservations_expired += _until_none(lambda: ledger.sweep(connection, tenant_id, None, now))
        _close_due_days(connection, tenant_id, now, report)
        report.counters_removed += _until_none(lambda: day_close.remove_counters(connection, tenant_id, now))
        report.counters_removed += _until_none(lambda: day_close.remove_persona_counters(connection, tenant_id, now))
        before = now - KEYS_KEPT
        report.keys_removed += _until_none(lambda: day_close.forget_keys(connection, tenant_id, before))
        report.periods_opened += _open_periods(connection, tenant_id, now)


def _close_due_days(connection: Connection, tenant_id: UUID, now: datetime, report: DayReport) -> None:
    for day in day_close.due_days(connection, tenant_id, now):
        if not day_close.close(connection, tenant_id, day, now):
            report.days_waiting += 1
            return  # days are closed in order, so that none is ever left out
        report.days_closed += 1


def _open_periods(connection: Connection, tenant_id: UUID, now: datetime) -> int:
    """Begins the token periods of teams that are due, for whoever looks. A team's first message would do it, too."""
    opened = 0
    for team in team_usage.active_teams(connection, tenant_id, now):
        period = period_of(team.local_day, team.anchor_day)
        if team.begun_on != period.starts_on:
            opened += team_usage.open_period(connection, tenant_id, team.id, *period)
    return opened


def _until_none(do_some: Callable[[], int]) -> int:
    """Repeats a piece of work until it finds nothing to do, and returns how much it did."""
    done = 0
    while some := do_some():
        done += some
    return done
