"""Focus modes and domain modes, as a tenant's members may use them."""

from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection

# A tenant's own focus mode takes the place of the system's with the same id.
_FOCUS_MODES = """
SELECT m.id, m.name, m.icon, m.default_model_id, m.temperature, m.is_system
FROM (
    SELECT DISTINCT ON (f.id)
        f.id, f.name, f.icon, f.default_model_id, f.temperature, f.display_order, f.enabled,
        f.tenant_id IS NULL AS is_system
    FROM focus_modes f
    WHERE f.tenant_id IS NULL OR f.tenant_id = :tenant_id
    ORDER BY f.id, f.tenant_id NULLS LAST
) AS m
WHERE m.enabled
ORDER BY m.display_order, m.name, m.id
"""

_DOMAIN_MODES = """
SELECT
    d.id, d.name, d.description, o.default_model AS default_model_id,
    coalesce(o.temperature, d.temperature) AS temperature
FROM domain_modes d
LEFT JOIN tenant_domain_modes o ON o.mode_id = d.id AND o.tenant_id = :tenant_id
WHERE coalesce(o.enabled, true)
ORDER BY d.display_order, d.id
"""


class FocusMode(Struct, frozen=True):
    """A kind of work, as a member may choose it. `default_model_id` is a model id, `auto`, or None."""

    id: str
    name: str
    icon: str
    default_model_id: str | None
    temperature: Decimal | None
    is_system: bool


class DomainMode(Struct, frozen=True):
    """A field of knowledge, as a member may choose it. `default_model_id` is a model id, `auto`, or None."""

    id: str
    name: str
    description: str
    default_model_id: str | None
    temperature: Decimal


def focus_modes(connection: Connection, tenant_id: UUID) -> list[FocusMode]:
    """Returns the system's focus modes and the tenant's own that are switched on, in order."""
    return connection.fetch(FocusMode, _FOCUS_MODES, tenant_id=tenant_id)


def domain_modes(connection: Connection, tenant_id: UUID) -> list[DomainMode]:
    """Returns the domain modes that are switched on for the tenant, in order."""
    return connection.fetch(DomainMode, _DOMAIN_MODES, tenant_id=tenant_id)
