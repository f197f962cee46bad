"""The audit log: changes with their author, before and after. Rows are only ever added."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter

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


class Actor(Struct, frozen=True):
    """The author of a change: an admin, or Stoa itself (no id) for scheduled work."""

    user_id: UUID | None = None
    email: str | None = None
    request_id: str | None = None


class AuditedChange(Private, frozen=True):
    """A change by an admin. `before` and `after` hold the values that it touched, as JSON."""

    id: UUID
    actor_id: UUID | None
    actor_email: str | None
    action: str
    target: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    request_id: str | None
    created_at: datetime


class Filter(Struct, frozen=True):
    """The changes to list. None: all. `actor` is a user's id or e-mail."""

    actor: str | None = None
    action: str | None = None
    target: str | None = None


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
    """Adds one row, in the same transaction as the change that it tells of. None: there was, or is, nothing."""
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
    connection: Connection, tenant_id: UUID, wanted: Filter, *, before: UUID | None, rows: int
) -> list[AuditedChange]:
    """Returns the newest changes that match. `before` is the last one of the previous page."""
    return connection.fetch(
        AuditedChange,
        _PAGE,
        tenant_id=tenant_id,
        actor=wanted.actor,
        action=wanted.action,
        target=wanted.target,
        before=before,
        rows=rows,
    )
