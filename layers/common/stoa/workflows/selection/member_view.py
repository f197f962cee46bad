"""Loads what one member sees at one instant, and raises refusals. For every workflow that selects or lists models."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from stoa.core.errors import StoaError
from stoa.database.pool import Connection, Database, Row, Scope, Statement
from stoa.domain.selection.refusals import Refusal
from stoa.identity.members import Member
from stoa.store.catalogue import catalogue
from stoa.store.catalogue.catalogue import Catalogue
from stoa.store.chat import ledger
from stoa.store.selection import snapshots
from stoa.store.selection.snapshots import MemberSnapshot

# A process that serves more tenants than this forgets all catalogues and reads them again.
KEPT_CATALOGUES = 1000
_catalogues: dict[UUID, Catalogue] = {}


def load_member_view(database: Database, member: Member, now: datetime) -> MemberSnapshot:
    """Returns the member's snapshot, in one round trip; counters never show what an expired reservation holds."""
    return load_with(database, member, now, ())[0]


def load_view_of(database: Database, tenant_id: UUID, user_id: UUID, now: datetime) -> MemberSnapshot:
    """Returns the same for scheduled work, which has no principal."""
    with database.autocommit(Scope(tenant_id=tenant_id, user_id=user_id)) as connection:
        return _read(connection, tenant_id, user_id, now, ())[0]


def load_with(
    database: Database, member: Member, now: datetime, further: Sequence[Statement]
) -> tuple[MemberSnapshot, list[list[Row]]]:
    """Returns the member's snapshot and the answers to `further` statements, all in one round trip.

    Only where a crash left a reservation behind that has expired since is it freed first, and the snapshot read again.
    """
    with database.autocommit(member.scope) as connection:
        tenant_id, user_id = member.tenant_id, member.user_id
        snapshot, others = _read(connection, tenant_id, user_id, now, further)
        if snapshot.has_expired_reservations:
            ledger.sweep(connection, tenant_id, user_id, now)
            snapshot, others = _read(connection, tenant_id, user_id, now, further)
    return snapshot, others


def _read(
    connection: Connection, tenant_id: UUID, user_id: UUID, now: datetime, further: Sequence[Statement]
) -> tuple[MemberSnapshot, list[list[Row]]]:
    known = _catalogues.get(tenant_id)
    own = snapshots.statement(tenant_id, user_id, now)
    offered, (row,), *others = connection.run_all([catalogue.statement(tenant_id, now, known), own, *further])
    present = catalogue.from_row(offered[0], known)
    if present is not known:
        if len(_catalogues) >= KEPT_CATALOGUES:
            _catalogues.clear()
        _catalogues[tenant_id] = present
    return snapshots.from_row(row, present, now), others


class Refused(StoaError):
    """A refusal of the rules, raised. Each door gives it its own shape."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, refusal.message)
        self.refusal = refusal


def refused(refusal: Refusal) -> Refused:
    """Returns the refusal as the error to raise."""
    return Refused(refusal)
