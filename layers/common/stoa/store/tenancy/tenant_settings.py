"""Settings of a tenant, as its admins decide them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection, json_parameter

_GET = """
SELECT t.slug, t.name, t.time_zone, t.currency, t.force_system_default, t.purchases_paused, t.version
FROM tenants t
WHERE t.id = :tenant_id ::uuid
"""

_SAVE = """
UPDATE tenants t SET
    name = coalesce(r.name, t.name), time_zone = coalesce(r.time_zone, t.time_zone),
    currency = coalesce(r.currency, t.currency),
    force_system_default = coalesce(r.force_system_default, t.force_system_default),
    purchases_paused = coalesce(r.purchases_paused, t.purchases_paused),
    version = t.version + 1
FROM jsonb_to_record(:given ::jsonb) AS r (
    name text, time_zone text, currency text, force_system_default boolean, purchases_paused boolean
)
WHERE t.id = :tenant_id ::uuid
"""

_KNOWS_ZONE = "SELECT EXISTS (SELECT FROM pg_timezone_names z WHERE z.name = :time_zone) AS known"

# A zone further west may be at a day again that was closed; its messages then go on counting in that day.
_REOPEN = """
WITH reopened AS (
    DELETE FROM day_closes c
    USING tenants t
    WHERE t.id = :tenant_id ::uuid AND c.tenant_id = t.id
        AND c.day >= (:now ::timestamptz AT TIME ZONE t.time_zone)::date
    RETURNING c.day
)
DELETE FROM daily_totals d USING reopened WHERE d.tenant_id = :tenant_id AND d.day = reopened.day
"""


class TenantSettings(Struct, frozen=True):
    """The settings of a tenant. `version` counts their changes."""

    slug: str
    name: str
    time_zone: str
    currency: str
    force_system_default: bool
    purchases_paused: bool
    version: int


def get(connection: Connection, tenant_id: UUID) -> TenantSettings:
    """Returns the tenant's settings."""
    return connection.fetch(TenantSettings, _GET, tenant_id=tenant_id)[0]


def locked(connection: Connection, tenant_id: UUID) -> TenantSettings:
    """Returns the tenant's settings and keeps others from changing them until the transaction ends."""
    return connection.fetch(TenantSettings, f"{_GET} FOR NO KEY UPDATE", tenant_id=tenant_id)[0]


def save(connection: Connection, tenant_id: UUID, given: Mapping[str, Any]) -> None:
    """Writes the settings that `given` names. None of them can be null."""
    connection.run(_SAVE, tenant_id=tenant_id, given=json_parameter(given))


def knows_zone(connection: Connection, time_zone: str) -> bool:
    """Returns whether PostgreSQL, which works out every member's day, knows the zone, too."""
    return bool(connection.run(_KNOWS_ZONE, time_zone=time_zone)[0]["known"])


def reopen_days(connection: Connection, tenant_id: UUID, now: datetime) -> None:
    """Opens the days again that are not over by the tenant's present time zone."""
    connection.run(_REOPEN, tenant_id=tenant_id, now=now)
