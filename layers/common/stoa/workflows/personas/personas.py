"""The personas that a member may talk to: the system's coaches, the tenant's public ones, and those of their own."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from stoa.core.errors import Conflict, NotFound
from stoa.core.ids import new_id
from stoa.core.pages import Page
from stoa.database.pool import Connection, Database, Scope
from stoa.domain.personas.chunking import Passage
from stoa.domain.personas.languages import search_config
from stoa.identity.caller import check_version
from stoa.identity.members import Member
from stoa.store.personas import knowledge, persona_usage
from stoa.store.personas import personas as store
from stoa.store.personas.knowledge import NewDocument
from stoa.store.personas.personas import Wanted
from stoa.workflows.personas.persona_view import described, own_locked, usable

MOST_PERSONAS = 100

_COPIED = (
    "name",
    "display_name",
    "system_prompt",
    "avatar_url",
    "voice_id",
    "traits",
    "domains",
    "style",
    "language",
)


def list_personas(
    database: Database, member: Member, wanted: Wanted, *, after: tuple[int, str, str] | None, limit: int
) -> Page[dict[str, Any]]:
    """A page of personas: the system's first, then own, then others' public ones; its cursor is (rank, name, id)."""
    with database.autocommit(member.scope) as connection:
        rows = store.usable(connection, member.tenant_id, member.user_id, wanted, after=after, rows=limit + 1)
    last = rows[limit - 1] if len(rows) > limit else None
    cursor = (last["rank"], last["name"], last["id"]) if last else None
    page = rows[:limit]
    with database.autocommit(_everyone(member)) as connection:
        used = persona_usage.totals(connection, member.tenant_id, [row["id"] for row in page])
    return Page([described(row, used.get(row["id"], 0), with_prompt=row["is_own"]) for row in page], cursor)


def read_persona(database: Database, member: Member, persona_id: str) -> dict[str, Any]:
    """One persona with its prompt. Raises NotFound, also for somebody else's private one."""
    with database.autocommit(member.scope) as connection:
        row = usable(connection, member, persona_id)
    with database.autocommit(_everyone(member)) as connection:
        used = persona_usage.totals(connection, member.tenant_id, [persona_id])
    return described(row, used.get(persona_id, 0), with_prompt=True)


def create_persona(database: Database, member: Member, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A new persona of the member's own. Raises Conflict when they have too many."""
    with database.transaction(member.scope) as connection:
        persona_id = _add(connection, member, fields)
        return described(usable(connection, member, persona_id), 0, with_prompt=True)


def clone_persona(database: Database, member: Member, persona_id: str) -> dict[str, Any]:
    """A private copy of a persona that the member may use, prompt and knowledge included, to be changed at will."""
    with database.transaction(member.scope) as connection:
        origin = usable(connection, member, persona_id)
        fields = {name: origin[name] for name in _COPIED}
        copy_id = _add(connection, member, {**fields, "is_public": False})
        for document in knowledge.documents(connection, member.tenant_id, persona_id):
            found = knowledge.document(connection, member.tenant_id, persona_id, document["id"])
            if found is None:  # its owner deleted it just now
                continue
            row, passages = found
            cut = [Passage(passage["heading"], passage["content"], passage["tokens"]) for passage in passages]
            new = NewDocument(row["title"], row["source"], row["bytes"], cut)
            knowledge.add(connection, member.tenant_id, copy_id, new)
        return described(usable(connection, member, copy_id), 0, with_prompt=True)


def change_persona(
    database: Database, member: Member, persona_id: str, given: Mapping[str, Any], *, version: int | None
) -> dict[str, Any]:
    """Change one of the member's own personas as `given` says; null clears, absent keeps.

    Raises NotFound for somebody else's, Forbidden for the system's, Conflict when `version` is not the present one.
    """
    changes: dict[str, Any] = {name: _EMPTY.get(name) if value is None else value for name, value in given.items()}
    with database.transaction(member.scope) as connection:
        before = own_locked(connection, member, persona_id)
        check_version(before["version"], version, "the persona")
        if "language" in changes:
            changes["search_config"] = search_config(changes["language"])
        if changes:
            store.change(connection, member.tenant_id, member.user_id, persona_id, changes)
        if "language" in changes and changes["language"] != before["language"]:
            knowledge.reindex(connection, member.tenant_id, persona_id)
    return read_persona(database, member, persona_id)


def delete_persona(database: Database, member: Member, persona_id: str) -> None:
    """Delete one of the member's own personas. Conversations with it stay.

    Raises NotFound for somebody else's, Forbidden for the system's.
    """
    with database.transaction(member.scope) as connection:
        own_locked(connection, member, persona_id)
        store.delete(connection, member.tenant_id, member.user_id, persona_id)


def read_usage(database: Database, member: Member, persona_id: str, now: datetime, *, days: int) -> dict[str, Any]:
    """How often one of the member's own or of the system's answered, by the tenant's day: how many people, never who.

    Raises NotFound for somebody else's.
    """
    with database.autocommit(member.scope) as connection:
        persona = usable(connection, member, persona_id)
    if not (persona["is_own"] or persona["is_system"]):
        raise NotFound("persona")
    with database.autocommit(_everyone(member)) as connection:
        today = persona_usage.today(connection, member.tenant_id, now)
        rows = persona_usage.by_day(connection, member.tenant_id, persona_id, today - timedelta(days=days))
        total = persona_usage.totals(connection, member.tenant_id, [persona_id]).get(persona_id, 0)
    by_day = [{"date": row["day"].isoformat(), "members": row["members"], "messages": row["messages"]} for row in rows]
    return {"usageCount": total, "days": by_day}


# What null means for a field that is a list or a map.
_EMPTY: Mapping[str, Any] = {"traits": [], "domains": [], "style": {}}


def _add(connection: Connection, member: Member, fields: Mapping[str, Any]) -> str:
    if store.count_own_locked(connection, member.tenant_id, member.user_id) >= MOST_PERSONAS:
        raise Conflict(
            "TOO_MANY_PERSONAS", f"You have {MOST_PERSONAS} personas, the most there can be. Delete one first."
        )
    persona_id = str(new_id())
    fields = {**fields, "search_config": search_config(fields["language"])}
    store.add(connection, member.tenant_id, member.user_id, persona_id, fields)
    return persona_id


def _everyone(member: Member) -> Scope:
    # Counters are their members' own rows; only sums over all of them are shown.
    return Scope(tenant_id=member.tenant_id)
