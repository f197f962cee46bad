"""Personas: the system's, the tenant's public ones, and a member's own."""

from uuid import UUID

from stoa.db import Connection, Row

# A prompt is its author's: others are given the persona, never the text behind it.
_USABLE = """
SELECT
    p.id, p.name, p.display_name, CASE WHEN p.owner_id = :user_id ::uuid THEN p.system_prompt END AS system_prompt,
    p.avatar_url, p.voice_id, p.traits, p.domains, p.style, p.is_public, p.usage_count, p.created_at, p.updated_at,
    p.tenant_id IS NULL AS is_system, coalesce(p.owner_id = :user_id, false) AS is_own,
    CASE WHEN p.tenant_id IS NULL THEN 0 WHEN p.owner_id = :user_id THEN 1 ELSE 2 END AS rank
FROM personas p
WHERE (p.tenant_id IS NULL OR p.tenant_id = :tenant_id ::uuid AND (p.is_public OR p.owner_id = :user_id))
"""

_LIST = f"""
SELECT u.* FROM ({_USABLE}) AS u
WHERE :rank ::int IS NULL OR (u.rank, u.name, u.id) > (:rank, :name ::text, :id ::text)
ORDER BY u.rank, u.name, u.id
LIMIT :rows ::int
"""  # noqa: S608 - a constant of this file, no input

_GET = f"{_USABLE} AND p.id = :persona_id"


def usable(
    connection: Connection, tenant_id: UUID, user_id: UUID, *, after: tuple[int, str, str] | None, rows: int
) -> list[Row]:
    """A page of the personas that a member may use: the system's, own, then others' public ones, each by name.

    `after` is (rank, name, id) of the last one of the previous page.
    """
    rank, name, last_id = after or (None, None, None)
    return connection.run(_LIST, tenant_id=tenant_id, user_id=user_id, rank=rank, name=name, id=last_id, rows=rows)


def get(connection: Connection, tenant_id: UUID, user_id: UUID, persona_id: str) -> Row | None:
    """One persona that the member may use, or None."""
    rows = connection.run(_GET, tenant_id=tenant_id, user_id=user_id, persona_id=persona_id)
    return rows[0] if rows else None
