"""A persona as clients are shown it, and finding one that a member may use or change."""

from typing import Any

from stoa.core.errors import Forbidden, NotFound
from stoa.core.text import iso
from stoa.database.pool import Connection, Row
from stoa.identity.members import Member
from stoa.store.personas import personas as store


def usable(connection: Connection, member: Member, persona_id: str) -> Row:
    """A persona that the member may talk to. Raises NotFound, also for somebody else's private one."""
    row = store.get(connection, member.tenant_id, member.user_id, persona_id)
    if row is None:
        raise NotFound("persona")
    return row


def own_locked(connection: Connection, member: Member, persona_id: str) -> Row:
    """One of the member's own, held until the transaction ends.

    Raises NotFound for somebody else's, a public one included, and Forbidden for the system's, which everybody knows.
    """
    row = store.own_locked(connection, member.tenant_id, member.user_id, persona_id)
    if row is not None:
        return row
    if usable(connection, member, persona_id)["is_system"]:
        raise Forbidden("The system's personas cannot be changed. Clone it to make one of your own.", "SYSTEM_PERSONA")
    raise NotFound("persona")


def described(row: Row, usage_count: int, *, with_prompt: bool) -> dict[str, Any]:
    """A persona as JSON."""
    return {
        "id": row["id"],
        "name": row["name"],
        "displayName": row["display_name"] or row["name"],
        "systemPrompt": row["system_prompt"] if with_prompt else None,
        "avatarUrl": row["avatar_url"],
        "voiceId": row["voice_id"],
        "traits": row["traits"],
        "domains": row["domains"],
        "style": row["style"],
        "language": row["language"],
        "isPublic": row["is_public"],
        "isSystem": row["is_system"],
        "isOwn": row["is_own"],
        "usageCount": usage_count,
        "version": row["version"],
        "createdAt": iso(row["created_at"]),
        "updatedAt": iso(row["updated_at"]),
    }
