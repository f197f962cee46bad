"""Focus and domain modes as a tenant's admins set them."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec.structs import asdict

from stoa.core.values import Private
from stoa.database.pool import Connection, json_parameter

# One row an id: the tenant's own, else the system's.
_FOCUS_MODES = """
SELECT m.* FROM (
    SELECT DISTINCT ON (f.id)
        f.id, f.name, f.icon, f.system_prompt, f.default_model_id, f.temperature, f.max_output_tokens, f.display_order,
        f.enabled, f.version, f.tenant_id IS NULL AS is_system,
        f.tenant_id IS NOT NULL AND EXISTS (
            SELECT FROM focus_modes s WHERE s.id = f.id AND s.tenant_id IS NULL
        ) AS replaces_system
    FROM focus_modes f
    WHERE (f.tenant_id IS NULL OR f.tenant_id = :tenant_id ::uuid) AND (:mode_id ::text IS NULL OR f.id = :mode_id)
    ORDER BY f.id, f.tenant_id NULLS LAST
) AS m
ORDER BY m.display_order, m.name, m.id
"""

_COUNT_OWN = "SELECT count(*) AS modes FROM focus_modes f WHERE f.tenant_id = :tenant_id ::uuid"

# What the tenant wrote, whole: a change is made on the row as it was read, under the tenant's lock.
_SAVE_FOCUS_MODE = """
INSERT INTO focus_modes AS f (
    tenant_id, id, name, icon, system_prompt, default_model_id, temperature, max_output_tokens, display_order, enabled,
    version
)
SELECT
    :tenant_id ::uuid, r.id, r.name, r.icon, r.system_prompt, r.default_model_id, r.temperature, r.max_output_tokens,
    r.display_order, r.enabled, r.version
FROM jsonb_to_record(:mode ::jsonb) AS r (
    id text, name text, icon text, system_prompt text, default_model_id text, temperature numeric,
    max_output_tokens int, display_order int, enabled boolean, version int
)
ON CONFLICT (tenant_id, id) DO UPDATE SET
    name = excluded.name, icon = excluded.icon, system_prompt = excluded.system_prompt,
    default_model_id = excluded.default_model_id, temperature = excluded.temperature,
    max_output_tokens = excluded.max_output_tokens, display_order = excluded.display_order,
    enabled = excluded.enabled, version = excluded.version, updated_at = now()
"""

_DELETE_FOCUS_MODE = (
    "DELETE FROM focus_modes f WHERE f.tenant_id = :tenant_id ::uuid AND f.id = :mode_id RETURNING f.id"
)

_DOMAIN_MODES = """
SELECT
    d.id, d.temperature, d.system_prompt, o.enabled AS own_enabled, o.default_model AS own_default_model,
    o.temperature AS own_temperature, o.system_prompt AS own_system_prompt, coalesce(o.version, 0) AS version
FROM domain_modes d
LEFT JOIN tenant_domain_modes o ON o.mode_id = d.id AND o.tenant_id = :tenant_id ::uuid
ORDER BY d.display_order, d.id
"""

_SAVE_DOMAIN_MODE = """
INSERT INTO tenant_domain_modes AS o (tenant_id, mode_id, enabled, default_model, temperature, system_prompt)
SELECT :tenant_id ::uuid, :mode_id ::text, r.enabled, r.default_model, r.temperature, r.system_prompt
FROM jsonb_to_record(:own ::jsonb) AS r (
    enabled boolean, default_model text, temperature numeric, system_prompt text
)
ON CONFLICT (tenant_id, mode_id) DO UPDATE SET
    enabled = excluded.enabled, default_model = excluded.default_model, temperature = excluded.temperature,
    system_prompt = excluded.system_prompt, version = o.version + 1, updated_at = now()
"""

_UNUSABLE_MODELS = """
SELECT asked.id FROM unnest(:model_ids ::text[]) AS asked (id)
WHERE NOT EXISTS (
    SELECT FROM models m
    LEFT JOIN tenant_models o ON o.model_id = m.id AND o.tenant_id = :tenant_id ::uuid
    WHERE m.id = asked.id AND (m.tenant_id IS NULL OR m.tenant_id = :tenant_id)
        AND coalesce(o.enabled, m.enabled) AND m.capabilities && ARRAY['chat', 'reasoning', 'code']
)
"""

# The tenant's row stands for all its modes: who holds it changes them, and nobody else at the same time.
_LOCK = "SELECT t.id FROM tenants t WHERE t.id = :tenant_id ::uuid FOR NO KEY UPDATE"


class FocusModeFields(Private, frozen=True, kw_only=True):
    """The columns of a focus mode that a tenant sets. None: the model's own value, or no model."""

    id: str
    name: str
    icon: str
    system_prompt: str
    default_model_id: str | None
    temperature: Decimal | None
    max_output_tokens: int | None
    display_order: int
    enabled: bool

    def columns(self) -> dict[str, Any]:
        """Returns the values by their columns."""
        return {name: getattr(self, name) for name in FocusModeFields.__struct_fields__}


class TenantFocusMode(FocusModeFields, frozen=True, kw_only=True):
    """A focus mode as it holds for a tenant. `replaces_system`: the tenant's own has the id of one of the system's."""

    version: int
    is_system: bool
    replaces_system: bool


class DomainDecisions(Private, frozen=True, kw_only=True):
    """The decisions of a tenant about a domain mode. None: nothing was decided."""

    enabled: bool | None
    default_model: str | None
    temperature: Decimal | None
    system_prompt: str | None


class TenantDomainMode(Private, frozen=True, kw_only=True):
    """A domain mode: the system's values, and the tenant's decisions with their version. 0: none was ever made."""

    id: str
    temperature: Decimal
    system_prompt: str
    own: DomainDecisions
    version: int


def lock(connection: Connection, tenant_id: UUID) -> None:
    """Keeps the tenant's modes from being changed by anybody else until the transaction ends."""
    connection.run(_LOCK, tenant_id=tenant_id)


def focus_modes(connection: Connection, tenant_id: UUID) -> list[TenantFocusMode]:
    """Returns every focus mode of the tenant in order, disabled ones included.

    They are the system's, those in the place of one, and the tenant's own.
    """
    return connection.fetch(TenantFocusMode, _FOCUS_MODES, tenant_id=tenant_id, mode_id=None)


def focus_mode(connection: Connection, tenant_id: UUID, mode_id: str) -> TenantFocusMode | None:
    """Returns one focus mode. None: the tenant has no such mode."""
    return connection.fetch_one(TenantFocusMode, _FOCUS_MODES, tenant_id=tenant_id, mode_id=mode_id)


def count_own(connection: Connection, tenant_id: UUID) -> int:
    """Returns the number of focus modes that the tenant wrote itself."""
    return int(connection.run(_COUNT_OWN, tenant_id=tenant_id)[0]["modes"])


def save_focus_mode(connection: Connection, tenant_id: UUID, mode: FocusModeFields, *, version: int) -> None:
    """Writes the tenant's own focus mode, whole."""
    values = json_parameter({**mode.columns(), "version": version})
    connection.run(_SAVE_FOCUS_MODE, tenant_id=tenant_id, mode=values)


def delete_focus_mode(connection: Connection, tenant_id: UUID, mode_id: str) -> bool:
    """Deletes the tenant's own focus mode. The system's of the same id is in force again."""
    return bool(connection.run(_DELETE_FOCUS_MODE, tenant_id=tenant_id, mode_id=mode_id))


def domain_modes(connection: Connection, tenant_id: UUID) -> list[TenantDomainMode]:
    """Returns every domain mode in order."""
    return [_domain_mode(row) for row in connection.run(_DOMAIN_MODES, tenant_id=tenant_id)]


def save_domain_mode(connection: Connection, tenant_id: UUID, mode_id: str, own: DomainDecisions) -> None:
    """Writes the tenant's decisions about a domain mode, whole, and counts their version up."""
    connection.run(_SAVE_DOMAIN_MODE, tenant_id=tenant_id, mode_id=mode_id, own=json_parameter(asdict(own)))


def unusable_models(connection: Connection, tenant_id: UUID, model_ids: Iterable[str]) -> set[str]:
    """Returns those of the ids that are no models the tenant offers for chat."""
    rows = connection.run(_UNUSABLE_MODELS, tenant_id=tenant_id, model_ids=sorted(model_ids))
    return {row["id"] for row in rows}


def _domain_mode(row: Mapping[str, Any]) -> TenantDomainMode:
    values = dict(row)
    own = DomainDecisions(**{name: values.pop(f"own_{name}") for name in DomainDecisions.__struct_fields__})
    return TenantDomainMode(**values, own=own)
