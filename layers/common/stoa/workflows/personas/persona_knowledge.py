"""What a persona knows: texts that its owner gives it, cut into passages that its answers draw on and cite."""

from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.text import iso
from stoa.database.pool import Database, Row
from stoa.domain.personas.chunking import cut
from stoa.identity.members import Member
from stoa.store.personas import knowledge as store
from stoa.store.personas.knowledge import NewDocument
from stoa.workflows.personas.persona_view import own_locked, usable

MOST_DOCUMENTS = 50
MOST_BYTES = 200_000  # of one document
# Of all documents of a persona: some 900 passages, each of which is looked at for every message (docs/decisions/0014).
MOST_BYTES_TOGETHER = 1_000_000


def list_documents(database: Database, member: Member, persona_id: str) -> list[dict[str, Any]]:
    """The documents of a persona that the member may use. Raises NotFound, also for somebody else's private one."""
    with database.autocommit(member.scope) as connection:
        usable(connection, member, persona_id)
        return [_described(row) for row in store.documents(connection, member.tenant_id, persona_id)]


def read_document(database: Database, member: Member, persona_id: str, document_id: UUID) -> dict[str, Any]:
    """One document with its passages in order. Raises NotFound."""
    with database.autocommit(member.scope) as connection:
        usable(connection, member, persona_id)
        found = store.document(connection, member.tenant_id, persona_id, document_id)
    if found is None:
        raise NotFound("document")
    row, passages = found
    return {**_described(row), "passages": [_passage(passage) for passage in passages]}


def add_document(
    database: Database, member: Member, persona_id: str, *, title: str, content: str, source: str | None
) -> dict[str, Any]:
    """Give a persona of the member's own a text to know, plain or Markdown.

    Raises NotFound for somebody else's, Forbidden for the system's, InvalidFields for a text that is too long, Conflict
    when the persona knows too much already.
    """
    size = len(content.encode())
    if size > MOST_BYTES:
        raise InvalidFields([FieldProblem("content", f"at most {MOST_BYTES:,} bytes; it has {size:,}")])
    passages = cut(content)
    if not passages:
        raise InvalidFields([FieldProblem("content", "there is no word in it")])
    new = NewDocument(title, source, size, passages)
    with database.transaction(member.scope) as connection:
        own_locked(connection, member, persona_id)
        _check_room(store.documents(connection, member.tenant_id, persona_id), size)
        document_id = store.add(connection, member.tenant_id, persona_id, new)
    return read_document(database, member, persona_id, document_id)


def delete_document(database: Database, member: Member, persona_id: str, document_id: UUID) -> None:
    """Take a document from a persona of the member's own. Saved citations keep their quotes.

    Raises NotFound for somebody else's and for a document that is not there, Forbidden for the system's.
    """
    with database.transaction(member.scope) as connection:
        own_locked(connection, member, persona_id)
        if not store.delete(connection, member.tenant_id, persona_id, document_id):
            raise NotFound("document")


def _check_room(present: list[Row], size: int) -> None:
    together = sum(row["bytes"] for row in present)
    if len(present) >= MOST_DOCUMENTS or together + size > MOST_BYTES_TOGETHER:
        raise Conflict(
            "TOO_MUCH_KNOWLEDGE",
            f"A persona knows at most {MOST_DOCUMENTS} documents and {MOST_BYTES_TOGETHER:,} bytes together. "
            "Delete a document first.",
            details={"documents": len(present), "bytes": together},
        )


def _described(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "source": row["source"],
        "bytes": row["bytes"],
        "passageCount": row["passages"],
        "createdAt": iso(row["created_at"]),
    }


def _passage(row: Row) -> dict[str, Any]:
    return {"id": str(row["id"]), "heading": row["heading"], "content": row["content"], "tokens": row["tokens"]}
