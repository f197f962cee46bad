"""The personas that a member may talk to: the system's coaches, own ones, and the public ones of the tenant."""

from typing import Any

from stoa.answers import iso
from stoa.db import Database, Row
from stoa.errors import NotFound
from stoa.identity import Member
from stoa.pages import Page
from stoa.store import personas as store


def list_personas(database: Database, member: Member, *, after: tuple[int, str, str] | None, limit: int) -> Page:
    """A page of personas: the system's first, then own, then others' public ones; its cursor is (rank, name, id)."""
    with database.autocommit(member.scope) as connection:
        rows = store.usable(connection, member.tenant_id, member.user_id, after=after, rows=limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = (last["rank"], last["name"], last["id"]) if last else None
    return Page([_persona(row) for row in rows[:limit]], cursor)


def read_persona(database: Database, member: Member, persona_id: str) -> dict[str, Any]:
    """One persona. Raises NotFound, also for somebody else's private one."""
    with database.autocommit(member.scope) as connection:
        row = store.get(connection, member.tenant_id, member.user_id, persona_id)
    if row is None:
        raise NotFound("persona")
    return _persona(row)


def _persona(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "name": row["name"],
        "displayName": row["display_name"] or row["name"],
        "systemPrompt": row["system_prompt"],
        "avatarUrl": row["avatar_url"],
        "voiceId": row["voice_id"],
        "traits": row["traits"],
        "domains": row["domains"],
        "style": row["style"],
        "isPublic": row["is_public"],
        "isSystem": row["is_system"],
        "isOwn": row["is_own"],
        "usageCount": row["usage_count"],
        "createdAt": iso(row["created_at"]),
        "updatedAt": iso(row["updated_at"]),
    }
