"""What a tenant sells to teams: a plan for each type of team."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, json_parameter

_ALL = """
SELECT p.type, p.name, p.price_cents, t.currency, p.max_members, p.total_tokens_monthly, p.models, p.enabled, p.version
FROM team_plans p
JOIN tenants t ON t.id = p.tenant_id
WHERE p.tenant_id = :tenant_id ::uuid AND (:type ::text IS NULL OR p.type = :type)
ORDER BY p.price_cents, p.type
"""

_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('team_plans ' || :tenant_id ::text, 0))"

_SAVE = """
INSERT INTO team_plans AS p (
    tenant_id, type, name, price_cents, max_members, total_tokens_monthly, models, enabled, updated_at
)
SELECT
    :tenant_id ::uuid, :type ::text, r.name, r.price_cents, r.max_members, r.total_tokens_monthly, r.models, r.enabled,
    :now ::timestamptz
FROM jsonb_to_record(:values ::jsonb) AS r (
    name text, price_cents integer, max_members integer, total_tokens_monthly bigint, models text[], enabled boolean
)
ON CONFLICT (tenant_id, type) DO UPDATE SET
    name = excluded.name, price_cents = excluded.price_cents, max_members = excluded.max_members,
    total_tokens_monthly = excluded.total_tokens_monthly, models = excluded.models, enabled = excluded.enabled,
    version = p.version + 1, updated_at = excluded.updated_at
"""


def plans(connection: Connection, tenant_id: UUID, plan_type: str | None = None) -> list[Row]:
    """All plans or the one of a type, the cheapest first, with the tenant's currency."""
    return connection.run(_ALL, tenant_id=tenant_id, type=plan_type)


def lock(connection: Connection, tenant_id: UUID) -> None:
    """Let nobody else change the tenant's plans until the transaction ends, also where there is none yet."""
    connection.run(_LOCK, tenant_id=str(tenant_id))


def save(connection: Connection, tenant_id: UUID, plan_type: str, values: Mapping[str, Any], now: datetime) -> None:
    """Write a plan whole."""
    connection.run(_SAVE, tenant_id=tenant_id, type=plan_type, values=json_parameter(dict(values)), now=now)
