"""Personas: the system's, the tenant's public ones, and a member's own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter

_USABLE = """
SELECT
    p.id, p.name, p.display_name, p.system_prompt, p.avatar_url, p.voice_id, p.traits, p.domains, p.style, p.language,
    p.is_public, p.version, p.created_at, p.updated_at,
    p.tenant_id IS NULL AS is_system, coalesce(p.owner_id = :user_id ::uuid, false) AS is_own,
    CASE WHEN p.tenant_id IS NULL THEN 0 WHEN p.owner_id = :user_id THEN 1 ELSE 2 END AS rank
FROM personas p
WHERE (p.tenant_id IS NULL OR p.tenant_id = :tenant_id ::uuid AND (p.is_public OR p.owner_id = :user_id))
"""

_LIST = f"""
SELECT u.* FROM ({_USABLE}) AS u
WHERE (:after_rank ::int IS NULL OR (u.rank, u.name, u.id) > (:after_rank, :after_name ::text, :after_id ::text))
    AND (:filter ::text IS NULL OR CASE :filter
        WHEN 'system' THEN u.is_system WHEN 'mine' THEN u.is_own ELSE u.is_public AND NOT u.is_system
    END)
    AND (:search ::text IS NULL OR strpos(lower(
        concat_ws(' ', u.name, u.display_name, array_to_string(u.domains, ' '), array_to_string(u.traits, ' '))
    ), lower(:search)) > 0)
ORDER BY u.rank, u.name, u.id
LIMIT :rows ::int
"""  # noqa: S608 - a constant of this file, no input

_GET = f"{_USABLE} AND p.id = :persona_id"

_OWN_LOCKED = f"{_USABLE} AND p.id = :persona_id AND p.owner_id = :user_id FOR NO KEY UPDATE OF p"

# Whoever adds a persona holds their own row, so that the count cannot be passed by two requests at once.
_LOCK_OWNER = (
    "SELECT u.id FROM users u WHERE u.tenant_id = :tenant_id ::uuid AND u.id = :user_id ::uuid FOR NO KEY UPDATE"
)

_COUNT_OWN = (
    "SELECT count(*) AS personas FROM personas p WHERE p.tenant_id = :tenant_id ::uuid AND p.owner_id = :user_id ::uuid"
)

_ADD = """
INSERT INTO personas (
    id, tenant_id, owner_id, name, display_name, system_prompt, avatar_url, voice_id, traits, domains, style, language,
    search_config, is_public
)
SELECT
    :persona_id ::text, :tenant_id ::uuid, :user_id ::uuid, r.name, r.display_name, r.system_prompt, r.avatar_url,
    r.voice_id, r.traits, r.domains, r.style, r.language, r.search_config, r.is_public
FROM jsonb_to_record(:fields ::jsonb) AS r (
    name text, display_name text, system_prompt text, avatar_url text, voice_id text, traits text[], domains text[],
    style jsonb, language text, search_config text, is_public boolean
)
"""

# jsonb_populate_record keeps the columns that `changes` does not name.
_CHANGE = """
UPDATE personas p SET
    (
        name, display_name, system_prompt, avatar_url, voice_id, traits, domains, style, language, search_config,
        is_public, version, updated_at
    ) = (
        SELECT
            n.name, n.display_name, n.system_prompt, n.avatar_url, n.voice_id, n.traits, n.domains, n.style, n.language,
            n.search_config, n.is_public, p.version + 1, now()
        FROM jsonb_populate_record(p, :changes ::jsonb) AS n
    )
WHERE p.tenant_id = :tenant_id ::uuid AND p.owner_id = :user_id ::uuid AND p.id = :persona_id
"""

_DELETE = """
DELETE FROM personas p
WHERE p.tenant_id = :tenant_id ::uuid AND p.owner_id = :user_id ::uuid AND p.id = :persona_id
RETURNING p.id
"""

_FORGET_OVERRIDE = """
UPDATE user_preferences f SET persona_overrides = f.persona_overrides - :persona_id ::text
WHERE f.tenant_id = :tenant_id ::uuid AND f.user_id = :user_id ::uuid
"""


class Wanted(Struct, frozen=True):
    """The personas that a list shows. `kind` is mine, public or system, or None for all; `search` looks into names."""

    kind: str | None = None
    search: str | None = None


class PersonaFields(Private, frozen=True, kw_only=True):
    """The columns that the owner of a persona sets. `language` is a code of ISO 639-1."""

    name: str
    display_name: str | None
    system_prompt: str
    avatar_url: str | None
    voice_id: str | None
    traits: list[str]
    domains: list[str]
    style: Mapping[str, Any]
    language: str
    is_public: bool

    def columns(self) -> dict[str, Any]:
        """Returns the values by their columns."""
        return {name: getattr(self, name) for name in PersonaFields.__struct_fields__}


class Persona(PersonaFields, frozen=True, kw_only=True):
    """A persona as one member sees it. `rank` orders lists: 0 is the system's, 1 the member's own, 2 any other."""

    id: str
    is_system: bool
    is_own: bool
    rank: int
    version: int
    created_at: datetime
    updated_at: datetime


def usable(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    wanted: Wanted,
    *,
    after: tuple[int, str, str] | None,
    rows: int,
) -> list[Persona]:
    """Returns a page of the personas that a member may use: the system's, own, then others' public ones, each by name.

    `after` is (rank, name, id) of the last one of the previous page.
    """
    rank, name, last_id = after or (None, None, None)
    return connection.fetch(
        Persona,
        _LIST,
        tenant_id=tenant_id,
        user_id=user_id,
        filter=wanted.kind,
        search=wanted.search,
        after_rank=rank,
        after_name=name,
        after_id=last_id,
        rows=rows,
    )


def get(connection: Connection, tenant_id: UUID, user_id: UUID, persona_id: str) -> Persona | None:
    """Returns one persona. None: the member may use no such persona."""
    return connection.fetch_one(Persona, _GET, tenant_id=tenant_id, user_id=user_id, persona_id=persona_id)


def own_locked(connection: Connection, tenant_id: UUID, user_id: UUID, persona_id: str) -> Persona | None:
    """Returns one of the member's own personas and keeps others from changing it until the transaction ends.

    None: the member has no such persona.
    """
    return connection.fetch_one(Persona, _OWN_LOCKED, tenant_id=tenant_id, user_id=user_id, persona_id=persona_id)


def count_own_locked(connection: Connection, tenant_id: UUID, user_id: UUID) -> int:
    """Returns the number of the member's personas. No other request can add one until the transaction ends."""
    own = {"tenant_id": tenant_id, "user_id": user_id}
    connection.run(_LOCK_OWNER, **own)  # first, by itself: the count must see what was added while we waited
    return int(connection.run(_COUNT_OWN, **own)[0]["personas"])


def add(
    connection: Connection,
    tenant_id: UUID,
    user_id: UUID,
    persona_id: str,
    persona: PersonaFields,
    *,
    search_config: str,
) -> None:
    """Adds a persona of the member's own. `search_config` names PostgreSQL's text search for its language."""
    values = json_parameter({**persona.columns(), "search_config": search_config})
    connection.run(_ADD, tenant_id=tenant_id, user_id=user_id, persona_id=persona_id, fields=values)


def change(connection: Connection, tenant_id: UUID, user_id: UUID, persona_id: str, changes: Mapping[str, Any]) -> None:
    """Sets the columns that `changes` names and counts the version up."""
    connection.run(
        _CHANGE, tenant_id=tenant_id, user_id=user_id, persona_id=persona_id, changes=json_parameter(changes)
    )


def delete(connection: Connection, tenant_id: UUID, user_id: UUID, persona_id: str) -> bool:
    """Deletes one of the member's own personas with its knowledge, and the member's override for it.

    Conversations and the ledger keep its id. Others' overrides for it stay and are never looked at again.
    """
    own = {"tenant_id": tenant_id, "user_id": user_id, "persona_id": persona_id}
    deleted, _ = connection.run_all([(_DELETE, own), (_FORGET_OVERRIDE, own)])
    return bool(deleted)
