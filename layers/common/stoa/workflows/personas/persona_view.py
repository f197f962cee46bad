"""A persona as members are shown it, and finding one that a member may use or change."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from stoa.core.errors import Forbidden, NotFound
from stoa.core.values import Private
from stoa.database.pool import Connection
from stoa.identity.caller import Caller
from stoa.store.personas import personas as store
from stoa.store.personas.personas import Persona


class PersonaView(Private, frozen=True, kw_only=True):
    """A persona as a member is shown it. `system_prompt` is None where it is not told.

    `usage_count` counts the messages of the tenant's members that it answered.
    """

    id: str
    name: str
    display_name: str
    system_prompt: str | None
    avatar_url: str | None
    voice_id: str | None
    traits: list[str]
    domains: list[str]
    style: Mapping[str, Any]
    language: str
    is_public: bool
    is_system: bool
    is_own: bool
    usage_count: int
    version: int
    created_at: datetime
    updated_at: datetime


def usable(connection: Connection, caller: Caller, persona_id: str) -> Persona:
    """Returns a persona that the caller may talk to. Raises NotFound, also for somebody else's private one."""
    persona = store.get(connection, caller.tenant_id, caller.user_id, persona_id)
    if persona is None:
        raise NotFound("persona")
    return persona


def own_locked(connection: Connection, caller: Caller, persona_id: str) -> Persona:
    """Returns one of the caller's own personas, held until the transaction ends.

    Raises NotFound for somebody else's, a public one included, and Forbidden for the system's, which everybody knows.
    """
    persona = store.own_locked(connection, caller.tenant_id, caller.user_id, persona_id)
    if persona is not None:
        return persona
    if usable(connection, caller, persona_id).is_system:
        raise Forbidden("The system's personas cannot be changed. Clone it to make one of your own.", "SYSTEM_PERSONA")
    raise NotFound("persona")


def view_of(persona: Persona, usage_count: int, *, with_prompt: bool) -> PersonaView:
    """Returns the persona as a member is shown it. One without a display name is shown by its name."""
    return PersonaView(
        id=persona.id,
        name=persona.name,
        display_name=persona.display_name or persona.name,
        system_prompt=persona.system_prompt if with_prompt else None,
        avatar_url=persona.avatar_url,
        voice_id=persona.voice_id,
        traits=persona.traits,
        domains=persona.domains,
        style=persona.style,
        language=persona.language,
        is_public=persona.is_public,
        is_system=persona.is_system,
        is_own=persona.is_own,
        usage_count=usage_count,
        version=persona.version,
        created_at=persona.created_at,
        updated_at=persona.updated_at,
    )
