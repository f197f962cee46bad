"""Prove that the counters say what the ledger says, or make them say it."""

from datetime import date, datetime, timedelta

from msgspec import Struct

from stoa.database.pool import Database, Scope
from stoa.store.operations import counters
from stoa.store.operations.counters import DifferingCounter
from stoa.store.operations.day_close import DAYS_KEPT
from stoa.store.tenancy import tenants
from stoa.store.tenancy.tenants import Tenant


class Difference(Struct, frozen=True):
    """A tenant's counter that does not say what the ledger says. `kind` is one of `counters.KINDS`."""

    tenant: str
    kind: str
    counter: DifferingCounter

    def __str__(self) -> str:
        found = self.counter
        day = f" on {found.day}" if found.day else ""
        if self.kind in ("share", "pool"):
            whose = f" of member {found.user_id}" if found.user_id else ""
            return (
                f"{self.tenant}: tokens{whose} from team {found.model_id} in the period of {found.day} are counted "
                f"as {found.counted}, the ledger says {found.on_ledger}"
            )
        return (
            f"{self.tenant}: {self.kind} counter of member {found.user_id} for {found.model_id}{day} "
            f"says {found.counted}, the ledger {found.on_ledger}"
        )


def check_counters(database: Database, now: datetime) -> list[Difference]:
    """Returns every counter of every tenant that differs from the ledger. Exact also while members chat."""
    found: list[Difference] = []
    for tenant in _tenants(database):
        with database.autocommit(Scope(tenant_id=tenant.id)) as connection:
            for kind in counters.KINDS:
                differing = counters.differences(connection, tenant.id, kind, _since(now))
                found += [Difference(tenant.slug, kind, counter) for counter in differing]
    return found


def rebuild_counters(database: Database, now: datetime) -> int:
    """Puts every counter right and returns how many differed. Members may chat meanwhile."""
    repaired = 0
    for tenant in _tenants(database):
        with database.autocommit(Scope(tenant_id=tenant.id)) as connection:
            for kind in counters.KINDS:
                repaired += counters.repair(connection, tenant.id, kind, _since(now))
    return repaired


def _tenants(database: Database) -> list[Tenant]:
    with database.autocommit(Scope(operator=True)) as connection:
        return tenants.all_tenants(connection)


def _since(now: datetime) -> date:
    # The first day that no tenant's counters can have been removed of: the latest today there is, anywhere, decides.
    return (now + timedelta(hours=14)).date() - timedelta(days=DAYS_KEPT)
