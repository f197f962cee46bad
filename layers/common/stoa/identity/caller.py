"""What every use case of an admin is given, and the one check that keeps two admins from overwriting each other."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from stoa.core.errors import Conflict
from stoa.database.pool import Database, Scope
from stoa.store.tenancy.audit import Actor


@dataclass(frozen=True, slots=True)
class Desk:
    """Where an admin works: on which tenant's rows, as whom, and when."""

    database: Database
    tenant_id: UUID
    actor: Actor
    now: datetime

    @property
    def scope(self) -> Scope:
        """The whole tenant."""
        return Scope(tenant_id=self.tenant_id)


def check_version(present: int, read: int | None, what: str) -> None:
    """Raises Conflict when the version that the admin read is no longer the present one. None: they did not say."""
    if read is not None and read != present:
        raise Conflict(
            "STALE_EDIT",
            f"Somebody changed {what} since you read it. Read it again, then repeat your change.",
            details={"version": present},
        )
