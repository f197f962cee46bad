"""Free what a crash left reserved, message and trial, once its time is over; forget how calls of long ago ended."""

from datetime import datetime, timedelta
from uuid import UUID

from stoa.core.failures import failure
from stoa.core.observe import logger
from stoa.database.pool import Database, Scope, StatementFailed
from stoa.store.chat import ledger
from stoa.store.providers import circuits
from stoa.store.tenancy import tenants

OUTCOMES_KEPT = timedelta(minutes=10)  # circuits look at the last two
CIRCUITS_KEPT = timedelta(days=7)  # for the operators to see what happened


def sweep_all(database: Database, now: datetime) -> int:
    """Sweep every tenant; returns how many lines expired. Idempotent: may run twice, at once, or late.

    A tenant that fails holds up no other; its error is raised after everything else is done.
    """
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.all_tenants(connection)
    expired = 0
    failed: StatementFailed | None = None
    for tenant in known:
        try:
            expired += _sweep(database, tenant.id, now)
        except StatementFailed as error:
            failed = error
            logger().error("a tenant was not swept", extra={"tenant": tenant.slug, **failure(error)})
    if expired:
        logger().warning("reservations expired", extra={"lines": expired})
    if failed is not None:
        raise failed
    return expired


def _sweep(database: Database, tenant_id: UUID, now: datetime) -> int:
    expired = 0
    with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
        circuits.purge(connection, outcomes_before=now - OUTCOMES_KEPT, circuits_before=now - CIRCUITS_KEPT)
        while freed := ledger.sweep(connection, tenant_id, None, now):
            expired += freed
    return expired
