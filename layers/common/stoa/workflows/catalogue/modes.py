"""The focus and domain modes that a member may choose from. Their prompts stay on the server."""

from typing import Any

from stoa.database.pool import Database
from stoa.identity.members import Member
from stoa.store.catalogue import modes as store


def list_focus_modes(database: Database, member: Member) -> list[dict[str, Any]]:
    """The system's focus modes and the tenant's own, in order."""
    with database.autocommit(member.scope) as connection:
        rows = store.focus_modes(connection, member.tenant_id)
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "icon": row["icon"],
            "defaultModelId": row["default_model_id"],
            "temperature": row["temperature"],
            "isSystem": row["is_system"],
        }
        for row in rows
    ]


def list_domain_modes(database: Database, member: Member) -> list[dict[str, Any]]:
    """The domain modes that the tenant has switched on, in order."""
    with database.autocommit(member.scope) as connection:
        rows = store.domain_modes(connection, member.tenant_id)
    return [
        {
            "id": row["id"],
            "name": row["name"],
            "description": row["description"],
            "defaultModelId": row["default_model"],
            "temperature": row["temperature"],
        }
        for row in rows
    ]
