"""The changes on file at a tenant: proposals, and what became of them."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct, field

from stoa.core.ids import new_id
from stoa.database.pool import Connection, Rows, json_parameter
from stoa.domain.sync.agreement import Agreement
from stoa.domain.sync.change import Change, Kind, Side, Status, from_stored, to_stored
from stoa.domain.sync.facts import Price
from stoa.domain.sync.moves import Move, price_moves

_END = """
UPDATE registry_changes c SET status = :status, decided_at = :now ::timestamptz
WHERE c.tenant_id = :tenant_id ::uuid AND c.id = ANY (:ids ::uuid[]) AND c.status = 'open'
"""

_FILE = """
INSERT INTO registry_changes (
    id, tenant_id, kind, subject, provider_id, provider_model, model_id, before, after, digest, percent, agreement,
    status, reason, created_at, decided_at
)
SELECT
    r.id, :tenant_id ::uuid, r.kind, r.subject, r.provider_id, r.provider_model, r.model_id, r.before, r.after,
    r.digest, r.percent, r.agreement, r.status, r.reason, :now ::timestamptz,
    CASE WHEN r.status <> 'open' THEN :now END
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id uuid, kind text, subject text, provider_id text, provider_model text, model_id text, before jsonb, after jsonb,
    digest text, percent numeric, agreement text, status text, reason text
)
"""

_SELECT = """
SELECT
    c.id, c.kind, c.subject, c.provider_id, c.provider_model, c.model_id, c.before, c.after, c.percent, c.agreement,
    c.status, c.reason, c.created_at, c.decided_at, m.display_name AS model_name, u.email AS decided_by_email
FROM registry_changes c
LEFT JOIN models m ON m.id = c.model_id
LEFT JOIN users u ON u.tenant_id = :tenant_id ::uuid AND u.id = c.decided_by
"""

_PAGE = f"""{_SELECT}
WHERE c.tenant_id = :tenant_id
    AND (:status ::text IS NULL OR c.status = :status)
    AND (:kind ::text IS NULL OR c.kind = :kind)
    AND (:provider_id ::text IS NULL OR c.provider_id = :provider_id)
    AND (:before ::uuid IS NULL OR c.id < :before)
ORDER BY c.id DESC
LIMIT :rows
"""

_GET = f"{_SELECT} WHERE c.tenant_id = :tenant_id AND c.id = :id ::uuid"

_LOCK = f"{_GET} FOR UPDATE OF c"

_DECIDE = """
UPDATE registry_changes c SET
    status = :status, reason = coalesce(:reason ::text, c.reason), model_id = coalesce(:model_id ::text, c.model_id),
    decided_by = :actor_id ::uuid, decided_at = :now ::timestamptz
WHERE c.tenant_id = :tenant_id ::uuid AND c.id = :id ::uuid
"""

_NEWER = """
SELECT EXISTS (
    SELECT FROM registry_changes c
    WHERE c.tenant_id = :tenant_id ::uuid AND c.kind = :kind AND c.subject = :subject AND c.id > :id ::uuid
        AND c.status IN ('applied', 'approved')
) AS newer
"""


class FoundChange(Struct, frozen=True):
    """A change to put on file. `model_id` is the model's where the change itself does not know it yet."""

    change: Change
    model_id: str | None
    status: Status
    reason: str
    id: UUID = field(default_factory=new_id)


class FiledChange(Struct, frozen=True):
    """A change on file. `model_id` is None for a model that is not offered yet."""

    id: UUID
    kind: Kind
    subject: str
    provider_id: str
    provider_model: str
    model_id: str | None
    before: Side | None
    after: Side
    percent: Decimal | None
    agreement: Agreement | None
    status: Status
    reason: str
    created_at: datetime
    decided_at: datetime | None
    model_name: str | None
    decided_by_email: str | None

    @property
    def moves(self) -> tuple[Move, ...]:
        """The moves of each price. Empty for other changes, and where no price was known before."""
        if isinstance(self.before, Price) and isinstance(self.after, Price):
            return price_moves(self.before, self.after)
        return ()


class ChangeFilter(Struct, frozen=True):
    """The changes that a list shows. None: any."""

    status: Status | None = None
    kind: Kind | None = None
    provider_id: str | None = None


class Verdict(Struct, frozen=True):
    """An admin's decision. `reason` and `model_id` stay as they are on file where they are None."""

    status: Status
    actor_id: UUID | None
    reason: str | None = None
    model_id: str | None = None


def end(connection: Connection, tenant_id: UUID, ids: Iterable[UUID], status: Status, now: datetime) -> None:
    """Ends open changes: newer values `superseded` them, or nothing asks for them any more (`withdrawn`)."""
    connection.run(_END, tenant_id=tenant_id, ids=[str(one) for one in ids], status=status, now=now)


def file(connection: Connection, tenant_id: UUID, found: Sequence[FoundChange], now: datetime) -> None:
    """Puts changes on file, open or applied."""
    connection.run(_FILE, tenant_id=tenant_id, rows=json_parameter([_row(one) for one in found]), now=now)


def page(
    connection: Connection, tenant_id: UUID, wanted: ChangeFilter, *, before: UUID | None, rows: int
) -> list[FiledChange]:
    """Returns the newest changes that match. `before` is the last one of the previous page."""
    found = connection.run(
        _PAGE,
        tenant_id=tenant_id,
        status=wanted.status,
        kind=wanted.kind,
        provider_id=wanted.provider_id,
        before=before,
        rows=rows,
    )
    return [_filed(row) for row in found]


def get(connection: Connection, tenant_id: UUID, change_id: UUID) -> FiledChange | None:
    """Returns a change. None: the tenant has no such change."""
    return _first(connection.run(_GET, tenant_id=tenant_id, id=change_id))


def locked(connection: Connection, tenant_id: UUID, change_id: UUID) -> FiledChange | None:
    """Returns a change as `get` does, and lets nobody else decide on it until the transaction ends."""
    return _first(connection.run(_LOCK, tenant_id=tenant_id, id=change_id))


def was_followed(connection: Connection, tenant_id: UUID, change: FiledChange) -> bool:
    """Returns whether a newer change of the kind about the same subject was accepted since."""
    asked = {"kind": change.kind, "subject": change.subject, "id": change.id}
    return bool(connection.run(_NEWER, tenant_id=tenant_id, **asked)[0]["newer"])


def decide(connection: Connection, tenant_id: UUID, change_id: UUID, verdict: Verdict, now: datetime) -> None:
    """Writes an admin's decision."""
    connection.run(
        _DECIDE,
        tenant_id=tenant_id,
        id=change_id,
        status=verdict.status,
        reason=verdict.reason,
        model_id=verdict.model_id,
        actor_id=verdict.actor_id,
        now=now,
    )


def _first(rows: Rows) -> FiledChange | None:
    return _filed(rows[0]) if rows else None


def _filed(row: Mapping[str, Any]) -> FiledChange:
    before = None if row["before"] is None else from_stored(row["kind"], row["before"])
    return FiledChange(**{**row, "before": before, "after": from_stored(row["kind"], row["after"])})


def _row(found: FoundChange) -> dict[str, Any]:
    change = found.change
    return {
        "id": found.id,
        "kind": change.kind,
        "subject": change.subject,
        "provider_id": change.provider_id,
        "provider_model": change.provider_model,
        "model_id": found.model_id or change.model_id,
        "before": None if change.before is None else to_stored(change.before),
        "after": to_stored(change.after),
        "digest": change.digest,
        "percent": change.percent,
        "agreement": change.agreement,
        "status": found.status,
        "reason": found.reason,
    }
