"""The member's own things: profile, preferences, the dry run of a selection, conversations, usage."""

from datetime import date
from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path

from functions.preferences.models import (
    ChatPreferences,
    ChatPreferencesUpdate,
    ConversationAnswer,
    ConversationListAnswer,
    DeletedAnswer,
    FavoriteAnswer,
    FavoriteToggle,
    ModelPreferencesAnswer,
    ModelPreferencesPatch,
    ProfileAnswer,
    ProfileChange,
    SelectAnswer,
    SelectRequest,
    UsageAnswer,
)
from stoa.domain.selection.offers import ChatRequest
from stoa.http.cursors import id_after, instant, pair_after
from stoa.http.dependencies import AsMember
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_DAYS, DEFAULT_PAGE, Cursor, Days, Limit, UuidText
from stoa.workflows.chat import conversations
from stoa.workflows.members import member_usage, preferences, profile
from stoa.workflows.selection.select_model import select_model

app = Door()

ConversationId = Annotated[UuidText, Path(alias="conversationId")]


@app.get("/api/profile", summary="Own profile", tags=["preferences"])
def get_profile(caller: AsMember) -> ProfileAnswer:
    """Returns what the member told of themselves."""
    return ProfileAnswer.of(profile.read_profile(caller))


@app.patch("/api/profile", summary="Change the own profile", tags=["preferences"])
def patch_profile(caller: AsMember, change: ProfileChange) -> ProfileAnswer:
    """Null clears, absent keeps. The personas that the member talks to are told the name and `aboutMe`."""
    return ProfileAnswer.of(profile.change_profile(caller, change.given()))


@app.patch("/api/profile/model-preferences", summary="Change default model and persona overrides", tags=["preferences"])
def patch_model_preferences(caller: AsMember, change: ModelPreferencesPatch) -> ModelPreferencesAnswer:
    """Null clears, absent keeps. The same holds inside `personaOverrides`."""
    return ModelPreferencesAnswer.of(preferences.patch_model_preferences(caller, change.given()))


@app.get("/api/thinktank/preferences/models", summary="All model preferences", tags=["preferences"])
def get_preferences(caller: AsMember) -> ChatPreferences:
    """Returns every preference with its value, and the defaults where nothing was saved."""
    return ChatPreferences.model_validate(preferences.read_preferences(caller))


@app.put("/api/thinktank/preferences/models", summary="Change model preferences", tags=["preferences"])
def put_preferences(caller: AsMember, update: ChatPreferencesUpdate) -> ChatPreferences:
    """A field that is sent is replaced. A field that is not sent is kept."""
    return ChatPreferences.model_validate(preferences.put_preferences(caller, update.given()))


@app.post(
    "/api/thinktank/preferences/models/favorite", summary="Star a model, or take its star away", tags=["preferences"]
)
def toggle_favorite(caller: AsMember, toggle: FavoriteToggle) -> FavoriteAnswer:
    """Toggles one favourite. `isFavorite` says what it is now."""
    favorites = preferences.toggle_favorite(caller, toggle.model_id)
    return FavoriteAnswer(success=True, is_favorite=toggle.model_id in favorites, favorite_models=favorites)


@app.post(
    "/api/models/select",
    summary="Which model would answer, and why",
    tags=["models"],
    responses=errors(402, 404, 413, 429, 503),
)
def post_select(caller: AsMember, request: SelectRequest) -> SelectAnswer:
    """Makes chat's selection without sending anything: the decision, or the refusal that chat would give. Reserves
    and counts nothing."""
    return SelectAnswer.of(select_model(caller, ChatRequest(**request.given())))


@app.get("/api/conversations", summary="Own conversations", tags=["conversations"])
def get_conversations(caller: AsMember, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None) -> ConversationListAnswer:
    """Returns the member's own conversations, the last used first."""
    before = pair_after(cursor, instant, UUID)
    return ConversationListAnswer.of(conversations.list_conversations(caller, before=before, limit=limit))


@app.get("/api/conversations/<conversationId>", summary="One conversation with its messages", tags=["conversations"])
def get_conversation(
    caller: AsMember, conversation_id: ConversationId, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None
) -> ConversationAnswer:
    """Returns the newest messages in the order they were said. `meta.nextCursor` leads to the ones before them."""
    found = conversations.read_conversation(caller, conversation_id, before=id_after(cursor), limit=limit)
    return ConversationAnswer.of(found)


@app.delete("/api/conversations/<conversationId>", summary="Delete a conversation", tags=["conversations"])
def delete_conversation(caller: AsMember, conversation_id: ConversationId) -> DeletedAnswer:
    """Deletes a conversation with its messages. The ledger keeps what was metered and charged."""
    conversations.delete_conversation(caller, conversation_id)
    return DeletedAnswer.of({"deleted": True})


@app.get("/api/usage", summary="Own usage by day and model", tags=["usage"])
def get_usage(
    caller: AsMember, days: Days = DEFAULT_DAYS, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None
) -> UsageAnswer:
    """Returns messages, tokens and charges by the tenant's day and model, newest day first, and their totals."""
    after = pair_after(cursor, date.fromisoformat, str)
    return UsageAnswer.of(member_usage.read_usage(caller, days=days, after=after, limit=limit))


handler = app.ready()
