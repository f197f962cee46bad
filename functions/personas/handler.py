"""Whom members talk to, and the modes of their messages: personas, their knowledge, focus and domain modes."""

from datetime import UTC, datetime
from typing import Any

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.http.api import Api, Request
from stoa.http.cursors import paged, read_place
from stoa.http.preconditions import expected_version
from stoa.store.personas.personas import Wanted
from stoa.workflows.personas import persona_knowledge, personas

from . import mode_routes

api = Api(__name__)
handler = api
mode_routes.add_to(api)

USAGE_DAYS = 30
MOST_USAGE_DAYS = 366
MOST_SEARCH_CHARACTERS = 100


@api.route(
    "GET",
    "/api/personas",
    summary="Personas to talk to",
    answer="PersonaListAnswer",
    parameters="PersonaParameters",
    paged=True,
    tags=("personas",),
)
def get_personas(request: Request) -> dict[str, Any]:
    """The system's personas, own ones, then colleagues' public ones."""
    member = request.member()
    after = read_place(request.cursor(), _rank, str, str)
    wanted = Wanted(_kind(request), request.text("search", MOST_SEARCH_CHARACTERS))
    page = personas.list_personas(request.database, member, wanted, after=after, limit=request.limit())  # type: ignore[arg-type]
    return paged(page)


@api.route(
    "POST",
    "/api/personas",
    summary="Make a persona",
    body="NewPersona",
    answer="PersonaAnswer",
    status=201,
    errors=(409,),
    tags=("personas",),
)
def post_persona(request: Request) -> dict[str, Any]:
    """A persona of the member's own: private, unless `isPublic` shows it to the whole tenant."""
    member, body = request.member(), request.body()
    fields = {**body.model_dump(), **{name: getattr(body, name) or [] for name in ("traits", "domains")}}
    return {"data": personas.create_persona(request.database, member, {**fields, "style": body.style or {}})}


@api.route("GET", "/api/personas/{personaId}", summary="One persona", answer="PersonaAnswer", tags=("personas",))
def get_persona(request: Request) -> dict[str, Any]:
    """One persona that the member may talk to, with its prompt."""
    return {"data": personas.read_persona(request.database, request.member(), request.path["personaId"])}


@api.route(
    "PATCH",
    "/api/personas/{personaId}",
    summary="Change an own persona",
    body="PersonaChange",
    answer="PersonaAnswer",
    parameters="EditParameters",
    errors=(409,),
    tags=("personas",),
)
def patch_persona(request: Request) -> dict[str, Any]:
    """What is sent is written, null clears, what is not sent is kept. With `version` (or `If-Match`) a persona that was
    changed meanwhile answers 409. The system's cannot be changed (403): clone one."""
    member, given = request.member(), request.body().given()
    version = expected_version(request.event, given.pop("version", None))
    return {
        "data": personas.change_persona(request.database, member, request.path["personaId"], given, version=version)
    }


@api.route(
    "DELETE",
    "/api/personas/{personaId}",
    summary="Delete an own persona",
    answer="PersonaDeletedAnswer",
    tags=("personas",),
)
def delete_persona(request: Request) -> dict[str, Any]:
    """Delete it with its knowledge. Conversations with it stay."""
    personas.delete_persona(request.database, request.member(), request.path["personaId"])
    return {"data": {"deleted": True}}


@api.route(
    "POST",
    "/api/personas/{personaId}/clone",
    summary="Copy a persona",
    answer="PersonaAnswer",
    status=201,
    errors=(409,),
    tags=("personas",),
)
def post_clone(request: Request) -> dict[str, Any]:
    """A private copy of any persona that the member may talk to, prompt and knowledge included."""
    return {"data": personas.clone_persona(request.database, request.member(), request.path["personaId"])}


@api.route(
    "GET",
    "/api/personas/{personaId}/usage",
    summary="How often a persona answered",
    answer="PersonaUsageAnswer",
    parameters="PersonaUsageParameters",
    tags=("personas",),
)
def get_persona_usage(request: Request) -> dict[str, Any]:
    """Messages and how many people sent them, by the tenant's day, of an own persona or one of the system's. Who they
    are is not told."""
    member = request.member()
    days = request.number("days", USAGE_DAYS, MOST_USAGE_DAYS)
    persona_id, now = request.path["personaId"], datetime.now(UTC)
    return {"data": personas.read_usage(request.database, member, persona_id, now, days=days)}


@api.route(
    "GET",
    "/api/personas/{personaId}/knowledge",
    summary="What a persona knows",
    answer="KnowledgeAnswer",
    tags=("personas",),
)
def get_knowledge(request: Request) -> dict[str, Any]:
    """The texts that a persona knows, the oldest first; there are fifty at most."""
    member = request.member()
    return {"data": persona_knowledge.list_documents(request.database, member, request.path["personaId"])}


@api.route(
    "POST",
    "/api/personas/{personaId}/knowledge",
    summary="Give an own persona a text to know",
    body="NewDocument",
    answer="KnownDocumentAnswer",
    status=201,
    errors=(409,),
    tags=("personas",),
)
def post_knowledge(request: Request) -> dict[str, Any]:
    """Plain text or Markdown. It is cut into passages; those that fit a message go into its prompt, and an answer that
    rests on them cites them."""
    member, body = request.member(), request.body()
    return {
        "data": persona_knowledge.add_document(request.database, member, request.path["personaId"], **body.model_dump())
    }


@api.route(
    "GET",
    "/api/personas/{personaId}/knowledge/{documentId}",
    summary="One text that a persona knows",
    answer="KnownDocumentAnswer",
    tags=("personas",),
)
def get_document(request: Request) -> dict[str, Any]:
    """The text in its passages, as they are cited."""
    member, document_id = request.member(), request.identifier("documentId", "document")
    persona_id = request.path["personaId"]
    return {"data": persona_knowledge.read_document(request.database, member, persona_id, document_id)}


@api.route(
    "DELETE",
    "/api/personas/{personaId}/knowledge/{documentId}",
    summary="Take a text from an own persona",
    answer="PersonaDeletedAnswer",
    tags=("personas",),
)
def delete_document(request: Request) -> dict[str, Any]:
    """Saved citations keep their quotes."""
    member, document_id = request.member(), request.identifier("documentId", "document")
    persona_knowledge.delete_document(request.database, member, request.path["personaId"], document_id)
    return {"data": {"deleted": True}}


def _kind(request: Request) -> str | None:
    text = request.query.get("kind")
    if text not in (None, "mine", "public", "system"):
        raise InvalidFields([FieldProblem("kind", "mine, public or system")])
    return text


def _rank(text: str) -> int:
    if text not in ("0", "1", "2"):
        raise ValueError("not a rank of the list of personas")
    return int(text)
