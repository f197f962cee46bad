"""What one member sees at one instant, and refusals as errors. For every workflow that selects or lists models."""

from collections.abc import Sequence
from datetime import datetime

from stoa.db import Database, Row, Statement
from stoa.domain.offers import Refusal
from stoa.errors import StoaError
from stoa.identity import Member
from stoa.store import ledger, snapshots
from stoa.store.snapshots import MemberSnapshot


def load_member_view(database: Database, member: Member, now: datetime) -> MemberSnapshot:
    """The member's snapshot, in one round trip; counters never show what an expired reservation holds."""
    return load_with(database, member, now, ())[0]


def load_with(
    database: Database, member: Member, now: datetime, further: Sequence[Statement]
) -> tuple[MemberSnapshot, list[list[Row]]]:
    """The member's snapshot and the answers to `further` statements, all in one round trip.

    Only where a crash left a reservation behind that has expired since is it freed first, and the snapshot read again.
    """
    statements = [snapshots.statement(member.tenant_id, member.user_id, now), *further]
    with database.autocommit(member.scope) as connection:
        first, *others = connection.run_all(statements)
        snapshot = snapshots.from_row(first[0])
        if snapshot.has_expired_reservations:
            ledger.sweep(connection, member.tenant_id, member.user_id, now)
            first, *others = connection.run_all(statements)
            snapshot = snapshots.from_row(first[0])
    return snapshot, others


def refused(refusal: Refusal) -> StoaError:
    """A refusal of the rules as the error that the client is told."""
    return StoaError(
        refusal.code,
        refusal.message,
        status=refusal.status,
        details=dict(refusal.details),
        headers=refusal.headers,
    )
