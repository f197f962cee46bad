"""The personas that a member may talk to: the system's coaches, the tenant's public ones, and those of their own."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from msgspec import Struct

from stoa.core.errors import Conflict, NotFound
from stoa.core.ids import new_id
from stoa.core.pages import Page, page_of
from stoa.database.pool import Connection
from stoa.domain.personas.chunking import Passage
from stoa.domain.personas.languages import search_config
from stoa.identity.caller import Caller, check_version
from stoa.store.personas import knowledge, persona_usage
from stoa.store.personas import personas as store
from stoa.store.personas.knowledge import NewDocument
from stoa.store.personas.persona_usage import PersonaDay
from stoa.store.personas.personas import PersonaFields, Wanted
from stoa.workflows.personas.persona_view import PersonaView, own_locked, usable, view_of

MOST_PERSONAS = 100

# Null stands for these values in fields that hold a list or a map.
_EMPTY: Mapping[str, Any] = {"traits": [], "domains": [], "style": {}}


class PersonaUsage(Struct, frozen=True):
    """The messages that a persona answered: of all time, and by day, newest first, where there were any."""

    usage_count: int
    days: list[PersonaDay]


def list_personas(
    caller: Caller, wanted: Wanted, *, after: tuple[int, str, str] | None, limit: int
) -> Page[PersonaView]:
    """Returns a page of personas: the system's first, then own, then others' public ones.

    Its cursor is (rank, name, id).
    """
    with caller.database.autocommit(caller.own_scope) as connection:
        found = store.usable(connection, caller.tenant_id, caller.user_id, wanted, after=after, rows=limit + 1)
    page = page_of(found, limit, lambda persona: (persona.rank, persona.name, persona.id))
    used = _used(caller, [persona.id for persona in page.rows])
    return page.each(lambda persona: view_of(persona, used.get(persona.id, 0), with_prompt=persona.is_own))


def read_persona(caller: Caller, persona_id: str) -> PersonaView:
    """Returns one persona with its prompt. Raises NotFound, also for somebody else's private one."""
    with caller.database.autocommit(caller.own_scope) as connection:
        persona = usable(connection, caller, persona_id)
    return view_of(persona, _used(caller, [persona_id]).get(persona_id, 0), with_prompt=True)


def create_persona(caller: Caller, wanted: PersonaFields) -> PersonaView:
    """Makes a persona of the caller's own. Raises Conflict when they have too many."""
    with caller.database.transaction(caller.own_scope) as connection:
        persona_id = _add(connection, caller, wanted)
        return view_of(usable(connection, caller, persona_id), 0, with_prompt=True)


def clone_persona(caller: Caller, persona_id: str) -> PersonaView:
    """Makes a private copy of a persona that the caller may use, prompt and knowledge included.

    Raises NotFound, and Conflict when they have too many.
    """
    with caller.database.transaction(caller.own_scope) as connection:
        origin = usable(connection, caller, persona_id)
        copy_id = _add(connection, caller, PersonaFields(**{**origin.columns(), "is_public": False}))
        _copy_knowledge(connection, caller, persona_id, copy_id)
        return view_of(usable(connection, caller, copy_id), 0, with_prompt=True)


def change_persona(caller: Caller, persona_id: str, given: Mapping[str, Any], *, version: int | None) -> PersonaView:
    """Changes one of the caller's own personas as `given` says, by column. None clears, an absent one is kept.

    Raises NotFound for somebody else's, Forbidden for the system's, Conflict when `version` is not the present one.
    """
    changes: dict[str, Any] = {name: _EMPTY.get(name) if value is None else value for name, value in given.items()}
    with caller.database.transaction(caller.own_scope) as connection:
        before = own_locked(connection, caller, persona_id)
        check_version(before.version, version, "the persona")
        if "language" in changes:
            changes["search_config"] = search_config(changes["language"])
        if changes:
            store.change(connection, caller.tenant_id, caller.user_id, persona_id, changes)
        if "language" in changes and changes["language"] != before.language:
            knowledge.reindex(connection, caller.tenant_id, persona_id)
    return read_persona(caller, persona_id)


def delete_persona(caller: Caller, persona_id: str) -> None:
    """Deletes one of the caller's own personas. Conversations with it stay.

    Raises NotFound for somebody else's, Forbidden for the system's.
    """
    with caller.database.transaction(caller.own_scope) as connection:
        own_locked(connection, caller, persona_id)
        store.delete(connection, caller.tenant_id, caller.user_id, persona_id)


def read_usage(caller: Caller, persona_id: str, *, days: int) -> PersonaUsage:
    """Returns the usage of an own persona or one of the system's, by the tenant's day: how many people, never who.

    Raises NotFound for somebody else's.
    """
    with caller.database.autocommit(caller.own_scope) as connection:
        persona = usable(connection, caller, persona_id)
    if not (persona.is_own or persona.is_system):
        raise NotFound("persona")
    with caller.database.autocommit(caller.tenant_scope) as connection:
        today = persona_usage.today(connection, caller.tenant_id, caller.now)
        by_day = persona_usage.by_day(connection, caller.tenant_id, persona_id, today - timedelta(days=days))
        total = persona_usage.totals(connection, caller.tenant_id, [persona_id]).get(persona_id, 0)
    return PersonaUsage(total, by_day)


def _used(caller: Caller, persona_ids: list[str]) -> dict[str, int]:
    # Counters are their members' own rows; only sums over all of them are shown.
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return persona_usage.totals(connection, caller.tenant_id, persona_ids)


def _add(connection: Connection, caller: Caller, wanted: PersonaFields) -> str:
    if store.count_own_locked(connection, caller.tenant_id, caller.user_id) >= MOST_PERSONAS:
        raise Conflict(
            "TOO_MANY_PERSONAS", f"You have {MOST_PERSONAS} personas, the most there can be. Delete one first."
        )
    persona_id = str(new_id())
    config = search_config(wanted.language)
    store.add(connection, caller.tenant_id, caller.user_id, persona_id, wanted, search_config=config)
    return persona_id


def _copy_knowledge(connection: Connection, caller: Caller, persona_id: str, copy_id: str) -> None:
    for listed in knowledge.documents(connection, caller.tenant_id, persona_id):
        document = knowledge.document(connection, caller.tenant_id, persona_id, listed.id)
        if document is None:  # its owner deleted it just now
            continue
        cut = [Passage(passage.heading, passage.content, passage.tokens) for passage in document.passages]
        new = NewDocument(document.title, document.source, document.bytes, cut)
        knowledge.add(connection, caller.tenant_id, copy_id, new)
