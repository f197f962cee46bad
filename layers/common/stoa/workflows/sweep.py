"""Free what a crash left reserved, message and trial, once its time is over; forget how calls of long ago ended."""

from datetime import datetime, timedelta

from stoa.db import Database, Scope
from stoa.observe import logger
from stoa.store import circuits, ledger, tenants

OUTCOMES_KEPT = timedelta(minutes=10)  # circuits look at the last two
CIRCUITS_KEPT = timedelta(days=7)  # for the operators to see what happened


def sweep_all(database: Database, now: datetime) -> int:
    """Sweep every tenant; returns how many lines expired. Idempotent: may run twice, at once, or late."""
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.ids(connection)
    expired = 0
    for tenant in known:
        with database.autocommit(Scope(tenant_id=tenant["id"])) as connection:
            circuits.purge(connection, outcomes_before=now - OUTCOMES_KEPT, circuits_before=now - CIRCUITS_KEPT)
            while freed := ledger.sweep(connection, tenant["id"], None, now):
                expired += freed
    if expired:
        logger().warning("reservations expired", extra={"lines": expired})
    return expired
