"""Prove that the counters say what the ledger says, or make them say it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from stoa.database.pool import Database, Row, Scope
from stoa.store.operations import counters
from stoa.store.operations.day_close import DAYS_KEPT
from stoa.store.tenancy import tenants
from stoa.store.tenancy.tenants import Tenant


@dataclass(frozen=True, slots=True)
class Difference:
    """One counter that does not say what the ledger says. `kind` is one of store/counters.py's; `day` of daily ones,
    and the first day of the period where tokens of teams are counted."""

    tenant: str
    kind: str
    row: Row

    def __str__(self) -> str:
        row = self.row
        day = f" on {row['day']}" if row["day"] else ""
        if self.kind in ("share", "pool"):
            whose = f" of member {row['user_id']}" if row["user_id"] else ""
            return (
                f"{self.tenant}: tokens{whose} from team {row['model_id']} in the period of {row['day']} are counted "
                f"as {row['counted']}, the ledger says {row['on_ledger']}"
            )
        return (
            f"{self.tenant}: {self.kind} counter of member {row['user_id']} for {row['model_id']}{day} "
            f"says {row['counted']}, the ledger {row['on_ledger']}"
        )


def check_counters(database: Database, now: datetime) -> list[Difference]:
    """Every counter of every tenant that differs from the ledger. Exact also while members chat."""
    found: list[Difference] = []
    for tenant in _tenants(database):
        with database.autocommit(Scope(tenant_id=tenant.id)) as connection:
            for kind in counters.KINDS:
                rows = counters.differences(connection, tenant.id, kind, _since(now))
                found += [Difference(tenant.slug, kind, row) for row in rows]
    return found


def rebuild_counters(database: Database, now: datetime) -> int:
    """Put every counter right; how many differed. Members may chat meanwhile."""
    repaired = 0
    for tenant in _tenants(database):
        with database.autocommit(Scope(tenant_id=tenant.id)) as connection:
            for kind in counters.KINDS:
                repaired += counters.repair(connection, tenant.id, kind, _since(now))
    return repaired


def _tenants(database: Database) -> list[Tenant]:
    with database.autocommit(Scope(operator=True)) as connection:
        return tenants.all_tenants(connection)


def _since(now: datetime) -> Any:
    # The first day that no tenant's counters can have been removed of: the latest today there is, anywhere, decides.
    return (now + timedelta(hours=14)).date() - timedelta(days=DAYS_KEPT)
