"""Entitlements: why a member may use a premium model. Revoking keeps the row."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.db import Connection, Row, json_parameter
from stoa.ids import new_id

# What an admin took away stays away, also when a dispute over the purchase is won.
_UNLOCK = """
INSERT INTO entitlements AS e (id, tenant_id, user_id, model_id, source, purchase_id, created_at)
SELECT r.id, :tenant_id ::uuid, :user_id ::uuid, r.model_id, 'purchase', :purchase_id ::uuid, :now
FROM jsonb_to_recordset(:rows ::jsonb) AS r (id uuid, model_id text)
ON CONFLICT (purchase_id, model_id) WHERE purchase_id IS NOT NULL
    DO UPDATE SET revoked_at = NULL WHERE e.revoked_by IS NULL
"""

_LOCK_AGAIN = """
UPDATE entitlements e SET revoked_at = :now
WHERE e.tenant_id = :tenant_id AND e.purchase_id = :purchase_id AND e.revoked_at IS NULL
"""

_GRANT = """
INSERT INTO entitlements (id, tenant_id, user_id, model_id, source, notes, granted_by, expires_at)
VALUES (:id, :tenant_id, :user_id, :model_id, :source, :notes, :granted_by ::uuid, :expires_at ::timestamptz)
RETURNING id, user_id, model_id, source, notes, granted_by, expires_at, revoked_at, revoked_by, purchase_id, created_at
"""

_REVOKE = """
UPDATE entitlements e SET revoked_at = :now, revoked_by = :revoked_by ::uuid
WHERE e.tenant_id = :tenant_id AND e.id = :id AND e.revoked_at IS NULL
RETURNING e.id, e.user_id, e.model_id, e.source, e.notes, e.granted_by, e.expires_at, e.revoked_at, e.revoked_by,
    e.purchase_id, e.created_at
"""


def unlock(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    purchase_id: UUID,
    model_ids: Sequence[str],
    now: datetime,
) -> None:
    """Let a purchase unlock its models; one entitlement each, however often it is told."""
    rows = [{"id": new_id(), "model_id": model_id} for model_id in model_ids]
    connection.run(
        _UNLOCK, tenant_id=tenant_id, user_id=user_id, purchase_id=purchase_id, rows=json_parameter(rows), now=now
    )


def lock_again(connection: Connection, tenant_id: UUID, purchase_id: UUID, now: datetime) -> None:
    """Take back what a purchase unlocked, because its money was."""
    connection.run(_LOCK_AGAIN, tenant_id=tenant_id, purchase_id=purchase_id, now=now)


def grant(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    model_id: str,
    *,
    source: str,
    notes: str | None = None,
    granted_by: UUID | None = None,
    expires_at: datetime | None = None,
) -> Row:
    """Entitle a member without a purchase; the new row."""
    return connection.run(
        _GRANT,
        id=new_id(),
        tenant_id=tenant_id,
        user_id=user_id,
        model_id=model_id,
        source=source,
        notes=notes,
        granted_by=granted_by,
        expires_at=expires_at,
    )[0]


def revoke(connection: Connection, tenant_id: UUID, entitlement_id: UUID, revoked_by: Any, now: datetime) -> Row | None:
    """Take an entitlement away by hand; the row, or None where it is not there or was revoked before."""
    rows = connection.run(_REVOKE, tenant_id=tenant_id, id=entitlement_id, revoked_by=revoked_by, now=now)
    return rows[0] if rows else None
