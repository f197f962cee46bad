"""Personas that members talk to, and their knowledge."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from functions.personas.app import app
from functions.personas.models import (
    KnowledgeAnswer,
    KnownDocumentAnswer,
    NewDocument,
    NewPersona,
    PersonaAnswer,
    PersonaChange,
    PersonaDeletedAnswer,
    PersonaListAnswer,
    PersonaUsageAnswer,
)
from stoa.http.cursors import parts_of, read_place
from stoa.http.dependencies import AsMember
from stoa.http.errors import errors
from stoa.http.parameters import (
    DEFAULT_DAYS,
    DEFAULT_PAGE,
    Cursor,
    Days,
    IfMatch,
    Limit,
    UuidText,
    expected_version,
    one_of,
    short_text,
)
from stoa.store.personas.personas import Wanted
from stoa.workflows.personas import persona_knowledge, personas

MOST_SEARCH_CHARACTERS = 100

KindFilter = Annotated[
    str | None,
    BeforeValidator(one_of(("mine", "public", "system"), "mine, public or system")),
    WithJsonSchema({"type": "string", "enum": ["mine", "public", "system"]}),
    Query(
        alias="kind",
        description="Own ones, those that are public in the tenant (own ones among them), or the system's.",
    ),
]
SearchFilter = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_SEARCH_CHARACTERS)),
    WithJsonSchema({"type": "string"}),
    Query(alias="search", description="Part of a name, a trait or a domain."),
]
PersonaId = Annotated[str, Path(alias="personaId")]
DocumentId = Annotated[UuidText, Path(alias="documentId")]


@app.get("/api/personas", summary="Personas to talk to", tags=["personas"])
def get_personas(
    caller: AsMember,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
    kind: KindFilter = None,
    search: SearchFilter = None,
) -> PersonaListAnswer:
    """The system's personas, own ones, then colleagues' public ones."""
    place = read_place(parts_of(cursor), _rank, str, str)
    after = None if place is None else (place[0], place[1], place[2])
    page = personas.list_personas(caller, Wanted(kind, search), after=after, limit=limit)
    return PersonaListAnswer.of(page)


@app.post("/api/personas", summary="Make a persona", tags=["personas"], status_code=201, responses=errors(409))
def post_persona(caller: AsMember, body: NewPersona) -> PersonaAnswer:
    """A persona of the member's own: private, unless `isPublic` shows it to the whole tenant."""
    return PersonaAnswer.of(personas.create_persona(caller, body.fields()))


@app.get("/api/personas/<personaId>", summary="One persona", tags=["personas"])
def get_persona(caller: AsMember, persona_id: PersonaId) -> PersonaAnswer:
    """Returns a persona that the member may talk to, with its prompt."""
    return PersonaAnswer.of(personas.read_persona(caller, persona_id))


@app.patch("/api/personas/<personaId>", summary="Change an own persona", tags=["personas"], responses=errors(409))
def patch_persona(
    caller: AsMember, persona_id: PersonaId, body: PersonaChange, if_match: IfMatch = None
) -> PersonaAnswer:
    """Writes the fields that are sent, null clears, the others are kept. With `version` (or `If-Match`) a persona
    that was changed meanwhile answers 409. The system's cannot be changed (403): clone one."""
    given = body.given()
    version = expected_version(if_match, given.pop("version", None))
    return PersonaAnswer.of(personas.change_persona(caller, persona_id, given, version=version))


@app.delete("/api/personas/<personaId>", summary="Delete an own persona", tags=["personas"])
def delete_persona(caller: AsMember, persona_id: PersonaId) -> PersonaDeletedAnswer:
    """Delete it with its knowledge. Conversations with it stay."""
    personas.delete_persona(caller, persona_id)
    return PersonaDeletedAnswer.of({"deleted": True})


@app.post(
    "/api/personas/<personaId>/clone",
    summary="Copy a persona",
    tags=["personas"],
    status_code=201,
    responses=errors(409),
)
def post_clone(caller: AsMember, persona_id: PersonaId) -> PersonaAnswer:
    """A private copy of any persona that the member may talk to, prompt and knowledge included."""
    return PersonaAnswer.of(personas.clone_persona(caller, persona_id))


@app.get("/api/personas/<personaId>/usage", summary="How often a persona answered", tags=["personas"])
def get_persona_usage(caller: AsMember, persona_id: PersonaId, days: Days = DEFAULT_DAYS) -> PersonaUsageAnswer:
    """Messages and how many people sent them, by the tenant's day, of an own persona or one of the system's. Who they
    are is not told."""
    return PersonaUsageAnswer.of(personas.read_usage(caller, persona_id, days=days))


@app.get("/api/personas/<personaId>/knowledge", summary="What a persona knows", tags=["personas"])
def get_knowledge(caller: AsMember, persona_id: PersonaId) -> KnowledgeAnswer:
    """The texts that a persona knows, the oldest first; there are fifty at most."""
    return KnowledgeAnswer.of(persona_knowledge.list_documents(caller, persona_id))


@app.post(
    "/api/personas/<personaId>/knowledge",
    summary="Give an own persona a text to know",
    tags=["personas"],
    status_code=201,
    responses=errors(409),
)
def post_knowledge(caller: AsMember, persona_id: PersonaId, body: NewDocument) -> KnownDocumentAnswer:
    """Plain text or Markdown. It is cut into passages; those that fit a message go into its prompt, and an answer that
    rests on them cites them."""
    return KnownDocumentAnswer.of(persona_knowledge.add_document(caller, persona_id, **body.model_dump()))


@app.get("/api/personas/<personaId>/knowledge/<documentId>", summary="One text that a persona knows", tags=["personas"])
def get_document(caller: AsMember, persona_id: PersonaId, document_id: DocumentId) -> KnownDocumentAnswer:
    """The text in its passages, as they are cited."""
    return KnownDocumentAnswer.of(persona_knowledge.read_document(caller, persona_id, document_id))


@app.delete(
    "/api/personas/<personaId>/knowledge/<documentId>", summary="Take a text from an own persona", tags=["personas"]
)
def delete_document(caller: AsMember, persona_id: PersonaId, document_id: DocumentId) -> PersonaDeletedAnswer:
    """Saved citations keep their quotes."""
    persona_knowledge.delete_document(caller, persona_id, document_id)
    return PersonaDeletedAnswer.of({"deleted": True})


def _rank(text: str) -> int:
    if text not in ("0", "1", "2"):
        raise ValueError("not a rank of the list of personas")
    return int(text)
