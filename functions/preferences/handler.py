"""What is the member's own: preferences, the dry run of a selection, conversations, usage."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from stoa.core.pages import Page
from stoa.domain.selection.offers import ChatRequest
from stoa.http.api import Api, Request
from stoa.http.cursors import instant, make_cursor, read_id, read_place
from stoa.workflows.chat import conversations
from stoa.workflows.members import member_usage, preferences, profile
from stoa.workflows.selection.select_model import select_model

api = Api(__name__)
handler = api

USAGE_DAYS = 30
MOST_USAGE_DAYS = 366


@api.route("GET", "/api/profile", summary="Own profile", answer="ProfileAnswer", tags=("preferences",))
def get_profile(request: Request) -> dict[str, Any]:
    """What the member told of themselves."""
    return {"data": profile.read_profile(request.database, request.member())}


@api.route(
    "PATCH",
    "/api/profile",
    summary="Change the own profile",
    body="ProfileChange",
    answer="ProfileAnswer",
    tags=("preferences",),
)
def patch_profile(request: Request) -> dict[str, Any]:
    """Null clears, absent keeps. Name and `aboutMe` are told to the personas that the member talks to."""
    member = request.member()
    return {"data": profile.change_profile(request.database, member, request.body().given())}


@api.route(
    "PATCH",
    "/api/profile/model-preferences",
    summary="Change default model and persona overrides",
    body="ModelPreferencesPatch",
    answer="ModelPreferencesAnswer",
    tags=("preferences",),
)
def patch_model_preferences(request: Request) -> dict[str, Any]:
    """Null clears, absent keeps; inside `personaOverrides`, too."""
    member = request.member()
    return {"data": preferences.patch_model_preferences(request.database, member, request.body().given())}


@api.route(
    "GET",
    "/api/thinktank/preferences/models",
    summary="All model preferences",
    answer="ChatPreferences",
    tags=("preferences",),
)
def get_preferences(request: Request) -> dict[str, Any]:
    """Every preference with its value, the defaults where nothing was saved."""
    return preferences.read_preferences(request.database, request.member(), datetime.now(UTC))


@api.route(
    "PUT",
    "/api/thinktank/preferences/models",
    summary="Change model preferences",
    body="ChatPreferencesUpdate",
    answer="ChatPreferences",
    tags=("preferences",),
)
def put_preferences(request: Request) -> dict[str, Any]:
    """A field that is sent is replaced, a field that is not is kept."""
    member = request.member()
    return preferences.put_preferences(request.database, member, request.body().given(), datetime.now(UTC))


@api.route(
    "POST",
    "/api/thinktank/preferences/models/favorite",
    summary="Star a model, or take its star away",
    body="FavoriteToggle",
    answer="FavoriteAnswer",
    tags=("preferences",),
)
def toggle_favorite(request: Request) -> dict[str, Any]:
    """Toggle one favourite; `isFavorite` says what it is now."""
    member = request.member()
    return preferences.toggle_favorite(request.database, member, request.body().model_id)


@api.route(
    "POST",
    "/api/models/select",
    summary="Which model would answer, and why",
    body="SelectRequest",
    answer="SelectAnswer",
    errors=(402, 404, 413, 429, 503),
    tags=("models",),
)
def post_select(request: Request) -> dict[str, Any]:
    """A dry run of chat's selection, or the refusal that chat would give. Reserves and counts nothing."""
    member = request.member()
    asked = ChatRequest(**request.body().given())
    return {"data": select_model(request.database, member, asked, datetime.now(UTC))}


@api.route(
    "GET",
    "/api/conversations",
    summary="Own conversations",
    answer="ConversationListAnswer",
    paged=True,
    tags=("conversations",),
)
def get_conversations(request: Request) -> dict[str, Any]:
    """Own conversations, the last used first."""
    member = request.member()
    before = read_place(request.cursor(), instant, UUID)
    return _paged(
        conversations.list_conversations(request.database, member, before=before, limit=request.limit())  # type: ignore[arg-type]
    )


@api.route(
    "GET",
    "/api/conversations/{conversationId}",
    summary="One conversation with its messages",
    answer="ConversationAnswer",
    paged=True,
    tags=("conversations",),
)
def get_conversation(request: Request) -> dict[str, Any]:
    """The newest messages in the order they were said; `meta.nextCursor` leads to the ones before them."""
    member = request.member()
    conversation_id = request.identifier("conversationId", "conversation")
    before = read_id(request.cursor())
    found, cursor = conversations.read_conversation(
        request.database, member, conversation_id, before=before, limit=request.limit()
    )
    return {"data": found, "meta": _meta(cursor)}


@api.route(
    "DELETE",
    "/api/conversations/{conversationId}",
    summary="Delete a conversation",
    answer="DeletedAnswer",
    tags=("conversations",),
)
def delete_conversation(request: Request) -> dict[str, Any]:
    """Delete a conversation with its messages. What was metered and charged stays on the ledger."""
    member = request.member()
    conversations.delete_conversation(request.database, member, request.identifier("conversationId", "conversation"))
    return {"data": {"deleted": True}}


@api.route(
    "GET",
    "/api/usage",
    summary="Own usage by day and model",
    answer="UsageAnswer",
    parameters="UsageParameters",
    paged=True,
    tags=("usage",),
)
def get_usage(request: Request) -> dict[str, Any]:
    """Messages, tokens and charges by the tenant's day and model, newest day first, and their totals."""
    member = request.member()
    report = member_usage.read_usage(
        request.database,
        member,
        datetime.now(UTC),
        days=request.number("days", USAGE_DAYS, MOST_USAGE_DAYS),
        after=read_place(request.cursor(), date.fromisoformat, str),  # type: ignore[arg-type]
        limit=request.limit(),
    )
    return {"data": report.page.rows, "meta": {**report.period, **_meta(report.page.cursor)}}


def _paged(page: Page) -> dict[str, Any]:
    return {"data": page.rows, "meta": _meta(page.cursor)}


def _meta(cursor: tuple[Any, ...] | None) -> Mapping[str, Any]:
    return {"nextCursor": None if cursor is None else make_cursor(*cursor)}
