"""Saved conversations and their messages."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.values import Private
from stoa.database.pool import Connection, Rows, Statement, json_parameter, typed

# More turns than any window holds of messages a person would write; the rules then fit them into the model's window.
HISTORY_MESSAGES = 400

_HISTORY = """
SELECT m.role, m.content
FROM messages m
WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id AND m.conversation_id = :conversation_id
ORDER BY m.id DESC
LIMIT :messages
"""

_EXISTS = """
SELECT c.persona_id
FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.user_id = :user_id AND c.id = :conversation_id
"""

# The conversation is made with its first answer, so that a failed first message leaves no empty one behind.
_SAVE = """
INSERT INTO conversations AS c (
    id, tenant_id, user_id, title, persona_id, message_count, created_at, updated_at
)
VALUES (:conversation_id, :tenant_id, :user_id, :title, :persona_id, 2, :now, :now)
ON CONFLICT (id) DO UPDATE SET message_count = c.message_count + 2, updated_at = excluded.updated_at
    WHERE c.tenant_id = excluded.tenant_id AND c.user_id = excluded.user_id
"""

_SAVE_MESSAGES = """
INSERT INTO messages (
    id, tenant_id, user_id, conversation_id, role, content, model_id, usage_id, metadata, citations, is_partial,
    created_at
)
VALUES
    (:question_id, :tenant_id, :user_id, :conversation_id, 'user', :question, NULL, NULL, NULL, '[]', false, :asked_at),
    (
        :answer_id, :tenant_id, :user_id, :conversation_id, 'assistant', :answer, :model_id, :usage_id,
        :metadata ::jsonb, :citations ::jsonb, :is_partial, :now
    )
"""

_LIST = """
SELECT c.id, c.title, c.persona_id, c.message_count, c.created_at, c.updated_at
FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.user_id = :user_id
    AND (:before ::timestamptz IS NULL OR (c.updated_at, c.id) < (:before, :before_id ::uuid))
ORDER BY c.updated_at DESC, c.id DESC
LIMIT :rows
"""

_GET = """
SELECT c.id, c.title, c.persona_id, c.message_count, c.created_at, c.updated_at
FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.user_id = :user_id AND c.id = :conversation_id
"""

_MESSAGES = """
SELECT m.id, m.role, m.content, m.model_id, m.citations, m.metadata, m.is_partial, m.created_at, l.charge
FROM messages m
LEFT JOIN usage l ON l.id = m.usage_id
WHERE m.tenant_id = :tenant_id AND m.user_id = :user_id AND m.conversation_id = :conversation_id
    AND (:before ::uuid IS NULL OR m.id < :before)
ORDER BY m.id DESC
LIMIT :rows ::int
"""

_DELETE = """
DELETE FROM conversations c
WHERE c.tenant_id = :tenant_id AND c.user_id = :user_id AND c.id = :conversation_id
RETURNING c.id
"""


class Exchange(Struct, frozen=True):
    """A member's message and the answer to it, as they are saved together."""

    conversation_id: UUID
    title: str
    persona_id: str | None
    question_id: UUID
    question: str
    asked_at: datetime
    answer_id: UUID
    answer: str
    model_id: str
    usage_id: UUID
    metadata: dict[str, Any]
    citations: list[dict[str, Any]]
    is_partial: bool
    now: datetime


class SavedConversation(Struct, frozen=True):
    """A conversation as lists show it."""

    id: UUID
    title: str
    persona_id: str | None
    message_count: int
    created_at: datetime
    updated_at: datetime


class SavedMessage(Private, frozen=True):
    """A turn of a conversation. `metadata` is what came with the answer. `charge` in USD."""

    id: UUID
    role: str
    content: str
    model_id: str | None
    citations: list[dict[str, Any]]
    metadata: dict[str, Any] | None
    is_partial: bool
    created_at: datetime
    charge: Decimal | None

    @property
    def model_name(self) -> str | None:
        """The display name that the model had when it answered."""
        return (self.metadata or {}).get("modelName")


def history_statements(tenant_id: UUID, user_id: UUID, conversation_id: UUID | None) -> list[Statement]:
    """Returns two queries to send together: the member's own conversation, and its turns, the newest first."""
    if conversation_id is None:
        return []
    own = {"tenant_id": tenant_id, "user_id": user_id, "conversation_id": conversation_id}
    return [(_EXISTS, own), (_HISTORY, {**own, "messages": HISTORY_MESSAGES})]


class SavedTurn(Private, frozen=True):
    """An earlier turn, as it is sent to the model."""

    role: str
    content: str


def turns(rows: Rows) -> list[SavedTurn]:
    """Returns the turns that `history_statements` was answered with, newest first."""
    return typed(SavedTurn, rows)


def save_statements(tenant_id: UUID, user_id: UUID, exchange: Exchange) -> list[Statement]:
    """Returns the statements that save a message and its answer, to be sent with the settlement in one transaction."""
    own = {"tenant_id": tenant_id, "user_id": user_id, "conversation_id": exchange.conversation_id, "now": exchange.now}
    messages = {
        name: getattr(exchange, name)
        for name in ("question_id", "question", "asked_at", "answer_id", "answer", "model_id", "usage_id", "is_partial")
    }
    documents = {
        "metadata": json_parameter(exchange.metadata),
        "citations": json_parameter(exchange.citations),
    }
    return [
        (_SAVE, {**own, "title": exchange.title, "persona_id": exchange.persona_id}),
        (_SAVE_MESSAGES, {**own, **messages, **documents}),
    ]


def newest(
    connection: Connection, tenant_id: UUID, user_id: UUID, *, before: tuple[datetime, UUID] | None, rows: int
) -> list[SavedConversation]:
    """Returns a page of a member's conversations, last used first. `before` is the last one of the previous page."""
    moment, last_id = before or (None, None)
    return connection.fetch(
        SavedConversation,
        _LIST,
        tenant_id=tenant_id,
        user_id=user_id,
        before=moment,
        before_id=last_id,
        rows=rows,
    )


def get(
    connection: Connection, tenant_id: UUID, user_id: UUID, conversation_id: UUID, *, before: UUID | None, rows: int
) -> tuple[SavedConversation, list[SavedMessage]] | None:
    """Returns one of the member's own conversations with a page of its messages, newest first, or None.

    `before` is the last message of the previous page.
    """
    own = {"tenant_id": tenant_id, "user_id": user_id, "conversation_id": conversation_id}
    found, messages = connection.run_all([(_GET, own), (_MESSAGES, {**own, "before": before, "rows": rows})])
    return (typed(SavedConversation, found)[0], typed(SavedMessage, messages)) if found else None


def delete(connection: Connection, tenant_id: UUID, user_id: UUID, conversation_id: UUID) -> bool:
    """Deletes one of the member's own conversations with its messages. The ledger keeps its lines."""
    return bool(connection.run(_DELETE, tenant_id=tenant_id, user_id=user_id, conversation_id=conversation_id))
