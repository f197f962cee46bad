"""Saved conversations of a member: listed, read, deleted."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import NotFound
from stoa.core.pages import Page, page_of
from stoa.identity.caller import Caller
from stoa.store.chat import conversations as store
from stoa.store.chat.conversations import SavedConversation, SavedMessage


class ReadConversation(Struct, frozen=True):
    """A conversation with one page of its messages, in the order they were said."""

    conversation: SavedConversation
    messages: Page[SavedMessage]


def list_conversations(caller: Caller, *, before: tuple[datetime, UUID] | None, limit: int) -> Page[SavedConversation]:
    """Returns a page of the caller's conversations, the last used first. Its cursor is (last used, id)."""
    with caller.database.autocommit(caller.own_scope) as connection:
        found = store.newest(connection, caller.tenant_id, caller.user_id, before=before, rows=limit + 1)
    return page_of(found, limit, lambda one: (one.updated_at, one.id))


def read_conversation(caller: Caller, conversation_id: UUID, *, before: UUID | None, limit: int) -> ReadConversation:
    """Returns one conversation with its newest messages. The cursor leads to the ones before them.

    Raises NotFound, also for somebody else's.
    """
    with caller.database.autocommit(caller.own_scope) as connection:
        found = store.get(connection, caller.tenant_id, caller.user_id, conversation_id, before=before, rows=limit + 1)
    if found is None:
        raise NotFound("conversation")
    conversation, newest_first = found
    page = page_of(newest_first, limit, lambda message: (message.id,))
    return ReadConversation(conversation, Page(page.rows[::-1], page.cursor))


def delete_conversation(caller: Caller, conversation_id: UUID) -> None:
    """Deletes one conversation with its messages. Raises NotFound, also for somebody else's."""
    with caller.database.autocommit(caller.own_scope) as connection:
        if not store.delete(connection, caller.tenant_id, caller.user_id, conversation_id):
            raise NotFound("conversation")
