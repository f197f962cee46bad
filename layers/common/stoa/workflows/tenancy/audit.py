"""The audit log as admins read it: who changed what, before and after."""

from typing import Any
from uuid import UUID

from stoa.core.pages import Page, place_after
from stoa.core.text import iso
from stoa.database.pool import Row
from stoa.identity.caller import Caller
from stoa.store.tenancy import audit as store


def list_changes(
    caller: Caller, *, actor: str | None, action: str | None, target: str | None, before: UUID | None, limit: int
) -> Page[dict[str, Any]]:
    """A page of the tenant's changes that match, newest first; its cursor is the last one's id."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = store.page(
            connection, caller.tenant_id, actor=actor, action=action, target=target, before=before, rows=limit + 1
        )
    return Page([_described(row) for row in rows[:limit]], place_after(rows, limit, "id"))


def _described(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "actorId": row["actor_id"] and str(row["actor_id"]),
        "actorEmail": row["actor_email"],
        "action": row["action"],
        "target": row["target"],
        "before": row["before"],
        "after": row["after"],
        "requestId": row["request_id"],
        "createdAt": iso(row["created_at"]),
    }
