"""Tenants' own keys at providers, as KMS encrypted them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Row, Statement, json_parameter

_SEALED = """
SELECT k.provider_id, k.ciphertext, k.settings
FROM tenant_provider_keys k
WHERE k.tenant_id = :tenant_id ::uuid
"""

_LISTED = """
SELECT
    k.provider_id, p.display_name AS provider_name, k.settings, k.last_four, k.fingerprint, k.created_by,
    u.email AS created_by_email, k.created_at, k.verified_at, k.version
FROM tenant_provider_keys k
JOIN providers p ON p.id = k.provider_id
LEFT JOIN users u ON u.tenant_id = k.tenant_id AND u.id = k.created_by
WHERE k.tenant_id = :tenant_id ::uuid AND (:provider_id ::text IS NULL OR k.provider_id = :provider_id)
ORDER BY k.provider_id
"""

_SAVE = """
INSERT INTO tenant_provider_keys AS k (
    tenant_id, provider_id, ciphertext, settings, last_four, fingerprint, created_by, created_at, verified_at
)
VALUES (
    :tenant_id ::uuid, :provider_id, :ciphertext ::bytea, :settings ::jsonb, :last_four, :fingerprint,
    :created_by ::uuid, :now ::timestamptz, :verified_at ::timestamptz
)
ON CONFLICT (tenant_id, provider_id) DO UPDATE SET
    ciphertext = excluded.ciphertext, settings = excluded.settings, last_four = excluded.last_four,
    fingerprint = excluded.fingerprint, created_by = excluded.created_by, created_at = excluded.created_at,
    verified_at = excluded.verified_at, version = k.version + 1
"""

_DELETE = "DELETE FROM tenant_provider_keys k WHERE k.tenant_id = :tenant_id ::uuid AND k.provider_id = :provider_id"


def sealed_statement(tenant_id: UUID) -> Statement:
    """The statement that reads a tenant's keys for use: `provider_id`, `ciphertext`, `settings`."""
    return _SEALED, {"tenant_id": tenant_id}


def listed(connection: Connection, tenant_id: UUID, provider_id: str | None = None) -> list[Row]:
    """What may be shown of a tenant's keys, or of its one key at a provider."""
    return connection.run(_LISTED, tenant_id=tenant_id, provider_id=provider_id)


def lock(connection: Connection, tenant_id: UUID) -> None:
    """Let nobody else change the tenant's keys until the transaction ends; also where there is none to lock yet."""
    connection.run("SELECT pg_advisory_xact_lock(hashtextextended('provider keys ' || :id, 0))", id=str(tenant_id))


def save(
    connection: Connection,
    tenant_id: UUID,
    provider_id: str,
    *,
    ciphertext: bytes,
    settings: Mapping[str, str],
    last_four: str,
    fingerprint: str,
    created_by: UUID | None,
    now: datetime,
    verified_at: datetime | None,
) -> None:
    """Keep the key, in the place of the one before."""
    values: dict[str, Any] = {
        "ciphertext": ciphertext,
        "settings": json_parameter(settings),
        "last_four": last_four,
        "fingerprint": fingerprint,
        "created_by": created_by,
        "now": now,
        "verified_at": verified_at,
    }
    connection.run(_SAVE, tenant_id=tenant_id, provider_id=provider_id, **values)


def delete(connection: Connection, tenant_id: UUID, provider_id: str) -> None:
    """Forget the key."""
    connection.run(_DELETE, tenant_id=tenant_id, provider_id=provider_id)
