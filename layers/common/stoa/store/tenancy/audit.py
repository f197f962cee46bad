"""The audit log: who changed what, before and after. Rows are only ever added."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from stoa.core.ids import new_id
from stoa.database.pool import Connection, Row, json_parameter

_RECORD = """
INSERT INTO audit_log (id, tenant_id, actor_id, actor_email, action, target, before, after, request_id)
VALUES (
    :id, :tenant_id, :actor_id ::uuid, :actor_email, :action, :target, :before ::jsonb, :after ::jsonb, :request_id
)
"""

_PAGE = """
SELECT a.id, a.actor_id, a.actor_email, a.action, a.target, a.before, a.after, a.request_id, a.created_at
FROM audit_log a
WHERE a.tenant_id = :tenant_id
    AND (:actor ::text IS NULL OR a.actor_id::text = :actor OR lower(a.actor_email) = lower(:actor))
    AND (:action ::text IS NULL OR a.action = :action)
    AND (:target ::text IS NULL OR a.target = :target)
    AND (:before ::uuid IS NULL OR a.id < :before)
ORDER BY a.id DESC
LIMIT :rows
"""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a change: an admin, or Stoa itself (no id) for scheduled work."""

    user_id: UUID | None = None
    email: str | None = None
    request_id: str | None = None


def record(
    connection: Connection,
    tenant_id: UUID,
    actor: Actor,
    action: str,
    target: str,
    *,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any] | None,
) -> None:
    """Add one row, in the same transaction as the change it tells of. None: there was, or is, nothing."""
    connection.run(
        _RECORD,
        id=new_id(),
        tenant_id=tenant_id,
        actor_id=actor.user_id,
        actor_email=actor.email,
        action=action,
        target=target,
        before=None if before is None else json_parameter(before),
        after=None if after is None else json_parameter(after),
        request_id=actor.request_id,
    )


def page(
    connection: Connection,
    tenant_id: UUID,
    *,
    actor: str | None,
    action: str | None,
    target: str | None,
    before: UUID | None,
    rows: int,
) -> list[Row]:
    """The newest rows that match; `actor` is a user id or an e-mail, `before` the last row of the previous page."""
    return connection.run(
        _PAGE, tenant_id=tenant_id, actor=actor, action=action, target=target, before=before, rows=rows
    )
