"""Entitlements that a purchase gives. Taking one back keeps the row. (Grants by admins: store/members/grants.py.)"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from stoa.core.ids import new_id
from stoa.database.pool import Connection, json_parameter

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


def unlock(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    purchase_id: UUID,
    model_ids: Sequence[str],
    now: datetime,
) -> None:
    """Unlocks the models of a purchase: one entitlement each, however often it is called."""
    rows = [{"id": new_id(), "model_id": model_id} for model_id in model_ids]
    connection.run(
        _UNLOCK, tenant_id=tenant_id, user_id=user_id, purchase_id=purchase_id, rows=json_parameter(rows), now=now
    )


def lock_again(connection: Connection, tenant_id: UUID, purchase_id: UUID, now: datetime) -> None:
    """Takes back what a purchase unlocked, because its money was taken back."""
    connection.run(_LOCK_AGAIN, tenant_id=tenant_id, purchase_id=purchase_id, now=now)
