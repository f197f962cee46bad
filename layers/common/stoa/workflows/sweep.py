"""Free what a crash left reserved: lines past their expiry give message and trial back."""

from datetime import datetime

from stoa.db import Database, Scope
from stoa.observe import logger
from stoa.store import ledger, tenants


def sweep_all(database: Database, now: datetime) -> int:
    """Sweep every tenant; returns how many lines expired. Idempotent: may run twice, at once, or late."""
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.ids(connection)
    expired = 0
    for tenant in known:
        with database.autocommit(Scope(tenant_id=tenant["id"])) as connection:
            while freed := ledger.sweep(connection, tenant["id"], None, now):
                expired += freed
    if expired:
        logger().warning("reservations expired", extra={"lines": expired})
    return expired
