"""Knowledge of personas: documents and the passages that they were cut into."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.ids import new_id
from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter, typed
from stoa.domain.personas.chunking import Passage

_DOCUMENTS = """
SELECT d.id, d.title, d.source, d.bytes, d.passages AS passage_count, d.created_at
FROM persona_documents d
WHERE d.persona_id = :persona_id AND (d.tenant_id IS NULL OR d.tenant_id = :tenant_id ::uuid)
ORDER BY d.created_at, d.id
"""

_DOCUMENT = """
SELECT d.id, d.title, d.source, d.bytes, d.passages AS passage_count, d.created_at
FROM persona_documents d
WHERE d.persona_id = :persona_id AND d.id = :document_id AND (d.tenant_id IS NULL OR d.tenant_id = :tenant_id ::uuid)
"""

_PASSAGES = """
SELECT s.id, s.heading, s.content, s.tokens
FROM persona_passages s
WHERE s.document_id = :document_id AND s.persona_id = :persona_id
    AND (s.tenant_id IS NULL OR s.tenant_id = :tenant_id ::uuid)
ORDER BY s.position
"""

_ADD_DOCUMENT = """
INSERT INTO persona_documents (id, tenant_id, persona_id, title, source, bytes, passages)
VALUES (:id, :tenant_id, :persona_id, :title, :source, :bytes, :passages)
"""

_ADD_PASSAGES = """
INSERT INTO persona_passages (id, tenant_id, persona_id, document_id, position, heading, content, tokens, search)
SELECT
    r.id, :tenant_id ::uuid, p.id, :document_id ::uuid, r.position, r.heading, r.content, r.tokens,
    setweight(searched_words(p.search_config, r.heading), 'A') || searched_words(p.search_config, r.content)
FROM jsonb_to_recordset(:rows ::jsonb)
    AS r (id uuid, position int, heading text, content text, tokens int)
JOIN personas p ON p.id = :persona_id ::text
"""

_REINDEX = """
UPDATE persona_passages s SET
    search = setweight(searched_words(p.search_config, s.heading), 'A') || searched_words(p.search_config, s.content)
FROM personas p
WHERE p.id = :persona_id ::text AND s.persona_id = p.id AND s.tenant_id = :tenant_id ::uuid
"""

_DELETE = """
DELETE FROM persona_documents d
WHERE d.tenant_id = :tenant_id ::uuid AND d.persona_id = :persona_id AND d.id = :document_id
RETURNING d.id
"""


class NewDocument(Private, frozen=True):
    """A document about to be saved, already cut. `size` is in bytes."""

    title: str
    source: str | None
    size: int
    passages: Sequence[Passage]


class Document(Private, frozen=True, kw_only=True):
    """A text that a persona knows. `bytes` is its size as it was sent, in UTF-8."""

    id: UUID
    title: str
    source: str | None
    bytes: int
    passage_count: int
    created_at: datetime


class DocumentPassage(Private, frozen=True):
    """A piece of a document under the headings above it. `tokens` is an estimate."""

    id: UUID
    heading: str
    content: str
    tokens: int


class WholeDocument(Document, frozen=True, kw_only=True):
    """A document with its passages in order."""

    passages: list[DocumentPassage]


def documents(connection: Connection, tenant_id: UUID, persona_id: str) -> list[Document]:
    """Returns the documents of a persona that the scope may see, the oldest first."""
    return connection.fetch(Document, _DOCUMENTS, tenant_id=tenant_id, persona_id=persona_id)


def document(connection: Connection, tenant_id: UUID, persona_id: str, document_id: UUID) -> WholeDocument | None:
    """Returns one document with its passages. None: the scope sees no such document."""
    which = {"tenant_id": tenant_id, "persona_id": persona_id, "document_id": document_id}
    found, passages = connection.run_all([(_DOCUMENT, which), (_PASSAGES, which)])
    return WholeDocument(**found[0], passages=typed(DocumentPassage, passages)) if found else None


def add(connection: Connection, tenant_id: UUID, persona_id: str, new: NewDocument) -> UUID:
    """Saves a document with its passages, searchable in the persona's language. Returns its id."""
    document_id = new_id()
    rows: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "position": position,
            "heading": passage.heading,
            "content": passage.content,
            "tokens": passage.tokens,
        }
        for position, passage in enumerate(new.passages, start=1)
    ]
    described = {"title": new.title, "source": new.source, "bytes": new.size, "passages": len(rows)}
    own = {"tenant_id": tenant_id, "persona_id": persona_id}
    connection.run_all(
        [
            (_ADD_DOCUMENT, {**own, **described, "id": document_id}),
            (_ADD_PASSAGES, {**own, "document_id": document_id, "rows": json_parameter(rows)}),
        ]
    )
    return document_id


def reindex(connection: Connection, tenant_id: UUID, persona_id: str) -> None:
    """Makes the passages searchable in the language that the persona has now."""
    connection.run(_REINDEX, tenant_id=tenant_id, persona_id=persona_id)


def delete(connection: Connection, tenant_id: UUID, persona_id: str, document_id: UUID) -> bool:
    """Deletes a document with its passages. Returns whether there was such a document."""
    rows = connection.run(_DELETE, tenant_id=tenant_id, persona_id=persona_id, document_id=document_id)
    return bool(rows)
