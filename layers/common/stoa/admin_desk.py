"""What every use case of an admin is given, and the one check that keeps two admins from overwriting each other."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from stoa.api import Request
from stoa.db import Database, Scope
from stoa.errors import Conflict
from stoa.identity import Member
from stoa.store.audit import Actor


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


def desk_of(request: Request) -> Desk:
    """The desk of the admin who asks, now. Raises Forbidden for anybody else."""
    return _desk_of(request, request.admin())


def operators_desk_of(request: Request) -> Desk:
    """The desk of the operator who asks, now: their tenant's, since operators are members, too. Raises Forbidden."""
    return _desk_of(request, request.operator())


def _desk_of(request: Request, member: Member) -> Desk:
    return Desk(request.database, member.tenant_id, request.actor(member), _now())


def _now() -> datetime:
    return datetime.now(UTC)


def check_version(present: int, read: int | None, what: str) -> None:
    """Raises Conflict when the version that the admin read is no longer the present one. None: they did not say."""
    if read is not None and read != present:
        raise Conflict(
            "STALE_EDIT",
            f"Somebody changed {what} since you read it. Read it again, then repeat your change.",
            details={"version": present},
        )
