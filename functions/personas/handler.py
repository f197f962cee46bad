"""Whom members talk to, and the modes of their messages: personas, their knowledge, focus and domain modes."""

from datetime import UTC, datetime
from typing import Any

from stoa.admin_desk import Desk
from stoa.api import Api, Request, make_cursor
from stoa.domain.text import storable
from stoa.errors import InvalidFields
from stoa.pages import Page, read_place
from stoa.preconditions import expected_version
from stoa.store.personas import Wanted
from stoa.workflows import domain_mode_admin, focus_mode_admin, persona_knowledge, personas

api = Api(__name__)
handler = api

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
    wanted = Wanted(_kind(request), _search(request))
    page = personas.list_personas(request.database, member, wanted, after=after, limit=request.limit())  # type: ignore[arg-type]
    return _paged(page)


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
    parameters="PersonaEditParameters",
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
    summary="How often an own persona answered",
    answer="PersonaUsageAnswer",
    parameters="PersonaUsageParameters",
    tags=("personas",),
)
def get_persona_usage(request: Request) -> dict[str, Any]:
    """Messages and how many people sent them, by the tenant's day. Who they are is not told."""
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


@api.route(
    "GET",
    "/api/admin/focus-modes",
    summary="All focus modes with their prompts",
    answer="TenantFocusModeListAnswer",
    tags=("admin",),
)
def get_focus_modes(request: Request) -> dict[str, Any]:
    """The system's, those that take the place of one, and the tenant's own, in order; disabled ones included."""
    return {"data": focus_mode_admin.list_modes(_desk(request))}


@api.route(
    "POST",
    "/api/admin/focus-modes",
    summary="Make a focus mode",
    body="NewFocusMode",
    answer="TenantFocusModeAnswer",
    status=201,
    errors=(409,),
    tags=("admin",),
)
def post_focus_mode(request: Request) -> dict[str, Any]:
    """A focus mode of the tenant's own, or one in the place of the system's with the same id."""
    desk, body = _desk(request), request.body()
    return {"data": focus_mode_admin.create_mode(desk, body.model_dump())}


@api.route(
    "GET",
    "/api/admin/focus-modes/{modeId}",
    summary="One focus mode",
    answer="TenantFocusModeAnswer",
    tags=("admin",),
)
def get_focus_mode(request: Request) -> dict[str, Any]:
    """One focus mode as it holds for the tenant."""
    return {"data": focus_mode_admin.read_mode(_desk(request), request.path["modeId"])}


@api.route(
    "PATCH",
    "/api/admin/focus-modes/{modeId}",
    summary="Change a focus mode",
    body="FocusModeChange",
    answer="TenantFocusModeAnswer",
    parameters="PersonaEditParameters",
    errors=(409,),
    tags=("admin",),
)
def patch_focus_mode(request: Request) -> dict[str, Any]:
    """What is sent is written, null clears, what is not sent is kept. One of the system's is changed for this tenant
    alone."""
    desk, given = _desk(request), request.body().given()
    version = expected_version(request.event, given.pop("version", None))
    return {"data": focus_mode_admin.change_mode(desk, request.path["modeId"], given, version=version)}


@api.route(
    "DELETE",
    "/api/admin/focus-modes/{modeId}",
    summary="Delete an own focus mode",
    answer="FocusModeDeletedAnswer",
    errors=(409,),
    tags=("admin",),
)
def delete_focus_mode(request: Request) -> dict[str, Any]:
    """The system's mode of the same id, where there is one, is in force again."""
    focus_mode_admin.delete_mode(_desk(request), request.path["modeId"])
    return {"data": {"deleted": True}}


@api.route(
    "GET",
    "/api/admin/thinktank/domain-modes",
    summary="What holds for the domain modes",
    answer="DomainModesAnswer",
    tags=("admin",),
)
def get_domain_modes(request: Request) -> dict[str, Any]:
    """The seven domain modes as they hold for the tenant."""
    return domain_mode_admin.read_modes(_desk(request))


@api.route(
    "PUT",
    "/api/admin/thinktank/domain-modes",
    summary="Set the domain modes",
    body="DomainModesUpdate",
    answer="DomainModesAnswer",
    parameters="PersonaEditParameters",
    errors=(409,),
    tags=("admin",),
)
def put_domain_modes(request: Request) -> dict[str, Any]:
    """What is sent is written, by mode and field; what is not is kept; null gives a field back to the system."""
    desk, body = _desk(request), request.body()
    version = expected_version(request.event, body.version)
    given = {mode_id: setting.given() for mode_id, setting in body.modes.items()}
    return domain_mode_admin.put_modes(desk, given, version=version)


def _desk(request: Request) -> Desk:
    admin = request.admin()
    return Desk(request.database, admin.tenant_id, request.actor(admin), datetime.now(UTC))


def _kind(request: Request) -> str | None:
    text = request.query.get("kind")
    if text not in (None, "mine", "public", "system"):
        raise InvalidFields([{"path": "kind", "reason": "mine, public or system"}])
    return text


def _search(request: Request) -> str | None:
    text = request.query.get("search")
    if text and len(text) > MOST_SEARCH_CHARACTERS:
        raise InvalidFields([{"path": "search", "reason": f"at most {MOST_SEARCH_CHARACTERS} characters"}])
    try:
        return storable(text) if text else None
    except ValueError as error:
        raise InvalidFields([{"path": "search", "reason": "it holds characters that nothing here can have"}]) from error


def _paged(page: Page) -> dict[str, Any]:
    return {"data": page.rows, "meta": {"nextCursor": None if page.cursor is None else make_cursor(*page.cursor)}}


def _rank(text: str) -> int:
    if text not in ("0", "1", "2"):
        raise ValueError("not a rank of the list of personas")
    return int(text)
