"""Own keys of tenants at providers, as KMS encrypted them."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from stoa.core.values import Private
from stoa.database.pool import Connection, Rows, Statement, json_parameter, typed

_SEALED = """
SELECT k.provider_id, k.ciphertext, k.settings
FROM tenant_provider_keys k
WHERE k.tenant_id = :tenant_id ::uuid
"""

_LISTED = """
SELECT
    k.provider_id, p.display_name AS provider_name, k.settings, k.last_four, k.fingerprint,
    coalesce(u.email, k.created_by::text) AS created_by, k.created_at, k.verified_at, k.version
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


class SealedKey(Private, frozen=True):
    """A key for use: encrypted, with the settings that fill the provider's address."""

    provider_id: str
    ciphertext: bytes
    settings: Mapping[str, str]


class KeptKey(Struct, frozen=True):
    """The part of a key that may be shown. `created_by` is the admin's e-mail, or their id."""

    provider_id: str
    provider_name: str
    settings: Mapping[str, str]
    last_four: str
    fingerprint: str
    created_by: str | None
    created_at: datetime
    verified_at: datetime | None
    version: int


class NewKey(Private, frozen=True):
    """A key to keep. `verified_at` is when the provider accepted it."""

    ciphertext: bytes
    settings: Mapping[str, str]
    last_four: str
    fingerprint: str
    created_by: UUID | None
    created_at: datetime
    verified_at: datetime | None


def sealed_statement(tenant_id: UUID) -> Statement:
    """Returns the statement that reads a tenant's keys for use. Its rows go to `sealed`."""
    return _SEALED, {"tenant_id": tenant_id}


def sealed(rows: Rows) -> dict[str, SealedKey]:
    """Returns a tenant's keys by provider, from the rows of `sealed_statement`."""
    return {key.provider_id: key for key in typed(SealedKey, rows)}


def listed(connection: Connection, tenant_id: UUID) -> list[KeptKey]:
    """Returns the tenant's keys as far as they may be shown, by provider."""
    return connection.fetch(KeptKey, _LISTED, tenant_id=tenant_id, provider_id=None)


def get(connection: Connection, tenant_id: UUID, provider_id: str) -> KeptKey | None:
    """Returns the tenant's key at one provider as far as it may be shown. None: there is none."""
    return connection.fetch_one(KeptKey, _LISTED, tenant_id=tenant_id, provider_id=provider_id)


def lock(connection: Connection, tenant_id: UUID) -> None:
    """Makes other changes of the tenant's keys wait until the transaction ends, also where there is no key to lock."""
    connection.run("SELECT pg_advisory_xact_lock(hashtextextended('provider keys ' || :id, 0))", id=str(tenant_id))


def save(connection: Connection, tenant_id: UUID, provider_id: str, key: NewKey) -> None:
    """Keeps the key in the place of the one before."""
    connection.run(
        _SAVE,
        tenant_id=tenant_id,
        provider_id=provider_id,
        ciphertext=key.ciphertext,
        settings=json_parameter(key.settings),
        last_four=key.last_four,
        fingerprint=key.fingerprint,
        created_by=key.created_by,
        now=key.created_at,
        verified_at=key.verified_at,
    )


def delete(connection: Connection, tenant_id: UUID, provider_id: str) -> None:
    """Forgets the key."""
    connection.run(_DELETE, tenant_id=tenant_id, provider_id=provider_id)
