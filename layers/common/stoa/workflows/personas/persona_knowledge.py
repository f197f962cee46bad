"""Knowledge of a persona: texts that its owner gives it, cut into passages that its answers draw on and cite."""

from uuid import UUID

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.domain.personas.chunking import cut
from stoa.identity.caller import Caller
from stoa.store.personas import knowledge as store
from stoa.store.personas.knowledge import Document, NewDocument, WholeDocument
from stoa.workflows.personas.persona_view import own_locked, usable

MOST_DOCUMENTS = 50
MOST_BYTES = 200_000  # of one document
# Of all documents of a persona: some 900 passages, each of which is looked at for every message (docs/decisions/0014).
MOST_BYTES_TOGETHER = 1_000_000


def list_documents(caller: Caller, persona_id: str) -> list[Document]:
    """Returns the documents of a persona that the caller may use.

    Raises NotFound, also for somebody else's private one.
    """
    with caller.database.autocommit(caller.own_scope) as connection:
        usable(connection, caller, persona_id)
        return store.documents(connection, caller.tenant_id, persona_id)


def read_document(caller: Caller, persona_id: str, document_id: UUID) -> WholeDocument:
    """Returns one document with its passages in order. Raises NotFound."""
    with caller.database.autocommit(caller.own_scope) as connection:
        usable(connection, caller, persona_id)
        found = store.document(connection, caller.tenant_id, persona_id, document_id)
    if found is None:
        raise NotFound("document")
    return found


def add_document(caller: Caller, persona_id: str, *, title: str, content: str, source: str | None) -> WholeDocument:
    """Gives a persona of the caller's own a text to know, plain or Markdown.

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
    with caller.database.transaction(caller.own_scope) as connection:
        own_locked(connection, caller, persona_id)
        _check_room(store.documents(connection, caller.tenant_id, persona_id), size)
        document_id = store.add(connection, caller.tenant_id, persona_id, new)
    return read_document(caller, persona_id, document_id)


def delete_document(caller: Caller, persona_id: str, document_id: UUID) -> None:
    """Takes a document from a persona of the caller's own. Saved citations keep their quotes.

    Raises NotFound for somebody else's and for a document that is not there, Forbidden for the system's.
    """
    with caller.database.transaction(caller.own_scope) as connection:
        own_locked(connection, caller, persona_id)
        if not store.delete(connection, caller.tenant_id, persona_id, document_id):
            raise NotFound("document")


def _check_room(present: list[Document], size: int) -> None:
    together = sum(document.bytes for document in present)
    if len(present) >= MOST_DOCUMENTS or together + size > MOST_BYTES_TOGETHER:
        raise Conflict(
            "TOO_MUCH_KNOWLEDGE",
            f"A persona knows at most {MOST_DOCUMENTS} documents and {MOST_BYTES_TOGETHER:,} bytes together. "
            "Delete a document first.",
            details={"documents": len(present), "bytes": together},
        )
