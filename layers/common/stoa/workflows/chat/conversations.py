"""A member's saved conversations: listed, read, deleted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import NotFound
from stoa.core.pages import Page, place_after
from stoa.core.text import iso
from stoa.database.pool import Database, Row
from stoa.domain.pricing.markup import money_text
from stoa.identity.members import Member
from stoa.store.chat import conversations as store


def list_conversations(database: Database, member: Member, *, before: tuple[datetime, UUID] | None, limit: int) -> Page:
    """A page of the member's conversations, the last used first; its cursor is (last used, id)."""
    with database.autocommit(member.scope) as connection:
        rows = store.newest(connection, member.tenant_id, member.user_id, before=before, rows=limit + 1)
    return Page([_conversation(row) for row in rows[:limit]], place_after(rows, limit, "updated_at", "id"))


def read_conversation(
    database: Database, member: Member, conversation_id: UUID, *, before: UUID | None, limit: int
) -> tuple[dict[str, Any], tuple[UUID] | None]:
    """One conversation with its newest messages in the order they were said, and the cursor to the ones before them.

    Raises NotFound, also for somebody else's.
    """
    with database.autocommit(member.scope) as connection:
        found = store.get(connection, member.tenant_id, member.user_id, conversation_id, before=before, rows=limit + 1)
    if found is None:
        raise NotFound("conversation")
    row, newest_first = found
    page = newest_first[:limit]
    cursor = (page[-1]["id"],) if len(newest_first) > limit else None
    return {**_conversation(row), "messages": [_message(message) for message in reversed(page)]}, cursor


def delete_conversation(database: Database, member: Member, conversation_id: UUID) -> None:
    """Delete one conversation with its messages. Raises NotFound, also for somebody else's."""
    with database.autocommit(member.scope) as connection:
        if not store.delete(connection, member.tenant_id, member.user_id, conversation_id):
            raise NotFound("conversation")


def _conversation(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "personaId": row["persona_id"],
        "messageCount": row["message_count"],
        "createdAt": iso(row["created_at"]),
        "updatedAt": iso(row["updated_at"]),
    }


def _message(row: Row) -> dict[str, Any]:
    metadata: Mapping[str, Any] = row["metadata"] or {}
    return {
        "id": str(row["id"]),
        "role": row["role"],
        "content": row["content"],
        "modelId": row["model_id"],
        "modelName": metadata.get("modelName"),
        "charge": None if row["charge"] is None else money_text(row["charge"]),
        "citations": row["citations"],
        "isPartial": row["is_partial"],
        "metadata": row["metadata"],
        "createdAt": iso(row["created_at"]),
    }
