"""A tenant's own keys at providers, in its admins' hands. A key goes in and never comes out again."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.clients.aws.key_box import LARGEST_KEY_BYTES
from stoa.clients.wires.endpoints import own_endpoint, places_in
from stoa.clients.wires.key_check import check_key, check_path
from stoa.clients.wires.types import ProviderError
from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.database.pool import Row
from stoa.domain.providers.provider_keys import fingerprint, key_problem, last_four, settings_problems
from stoa.identity.caller import Caller, check_version
from stoa.store.providers import provider_keys
from stoa.store.tenancy import audit, registry

Seal = Callable[[str, UUID, str, str], bytes]


@dataclass(frozen=True, slots=True)
class GivenKey:
    """What an admin sends. `settings` fill the provider's address; `verify` has the provider asked first."""

    key: str
    settings: Mapping[str, str]
    verify: bool

    def __repr__(self) -> str:
        return "GivenKey(…)"


def list_keys(caller: Caller) -> list[dict[str, Any]]:
    """What may be shown of the tenant's keys, by provider."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return [_described(row) for row in provider_keys.listed(connection, caller.tenant_id)]


def list_providers(caller: Caller) -> list[dict[str, Any]]:
    """The providers at which a tenant may have a key of its own, and the settings that their addresses need."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = registry.named_providers(connection)
    return [
        {
            "id": row["id"],
            "name": row["display_name"],
            "settings": sorted(places_in(row) - set(row["options"])),
            "optionalSettings": sorted(places_in(row) & set(row["options"])),
        }
        for row in rows
        if row["api_base"]
    ]


def put_key(
    caller: Caller, provider_id: str, given: GivenKey, *, kms_arn: str | None, seal: Seal, version: int | None
) -> dict[str, Any]:
    """Keep the tenant's key at a provider, in the place of the one before.

    Raises NotFound for a provider that is not there, Conflict where the installation has no KMS key or `version` is not
    the present one, InvalidFields for what cannot be a key here or what the provider refuses, ProviderError when it
    was to be asked and does not answer. Then nothing is kept.
    """
    if kms_arn is None:
        raise Conflict(
            "OWN_KEYS_NOT_CONFIGURED",
            "This installation has no KMS key, so it cannot keep keys of tenants. Ask its operator.",
        )
    with caller.database.autocommit(caller.tenant_scope) as connection:
        provider = registry.provider(connection, provider_id)
    if provider is None:
        raise NotFound("provider")
    _check(provider, given)
    verified_at = _verified(provider, given, caller.now) if given.verify else None
    ciphertext = seal(kms_arn, caller.tenant_id, provider_id, given.key)
    with caller.database.transaction(caller.tenant_scope) as connection:
        provider_keys.lock(connection, caller.tenant_id)
        before = _present(provider_keys.listed(connection, caller.tenant_id, provider_id))
        check_version(before["version"] if before else 0, version, "this key")
        provider_keys.save(
            connection,
            caller.tenant_id,
            provider_id,
            ciphertext=ciphertext,
            settings=given.settings,
            last_four=last_four(given.key),
            fingerprint=fingerprint(given.key),
            created_by=caller.actor.user_id,
            now=caller.now,
            verified_at=verified_at,
        )
        (after,) = provider_keys.listed(connection, caller.tenant_id, provider_id)
        audit.record(
            connection,
            caller.tenant_id,
            caller.actor,
            "provider_key.set",
            provider_id,
            before=_told(before),
            after=_told(after),
        )
    return _described(after)


def delete_key(caller: Caller, provider_id: str, *, version: int | None) -> None:
    """Forget the tenant's key. Processes that have read it use it for a minute more (`provider_directory`)."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        provider_keys.lock(connection, caller.tenant_id)
        before = _present(provider_keys.listed(connection, caller.tenant_id, provider_id))
        if before is None:
            raise NotFound("key")
        check_version(before["version"], version, "this key")
        provider_keys.delete(connection, caller.tenant_id, provider_id)
        audit.record(
            connection,
            caller.tenant_id,
            caller.actor,
            "provider_key.delete",
            provider_id,
            before=_told(before),
            after=None,
        )


def _check(provider: Row, given: GivenKey) -> None:
    if not provider["api_base"]:
        raise Conflict(
            "NO_OWN_KEY_HERE", f"The address of {provider['id']} is the installation's own, and so is its key."
        )
    problems = []
    reason = key_problem(provider["auth"], given.key)
    if len(given.key.encode()) > LARGEST_KEY_BYTES:
        reason = f"at most {LARGEST_KEY_BYTES} bytes"
    if reason is not None:
        problems.append(FieldProblem("key", reason))
    settings = settings_problems(places_in(provider), set(provider["options"]), given.settings)
    problems += [FieldProblem(f"settings.{name}", settings[name]) for name in sorted(settings)]
    if problems:
        raise InvalidFields(problems)


def _verified(provider: Row, given: GivenKey, now: datetime) -> datetime:
    """`now`, when the provider takes the key. A service account's is shown to Google, which is check enough."""
    try:
        endpoint = own_endpoint(provider, given.key, given.settings)
        path = check_path(endpoint)
        if path is not None:
            check_key(endpoint, path)
        elif endpoint.api_key == given.key:
            reason = f"{provider['id']} has nothing that a key could be tried on; send false"
            raise InvalidFields([FieldProblem("verify", reason)])
    except ProviderError as error:
        if error.kind in ("auth", "rejected"):
            told = error.upstream_status or error.reason
            raise InvalidFields([FieldProblem("key", f"the provider refuses it ({told})")]) from None
        raise
    return now


def _present(rows: list[Row]) -> Row | None:
    return rows[0] if rows else None


def _told(row: Row | None) -> dict[str, Any] | None:
    """What the audit log may say of a key."""
    if row is None:
        return None
    return {"lastFour": row["last_four"], "fingerprint": row["fingerprint"], "settings": row["settings"]}


def _described(row: Row) -> dict[str, Any]:
    return {
        "providerId": row["provider_id"],
        "providerName": row["provider_name"],
        "settings": row["settings"],
        "lastFour": row["last_four"],
        "fingerprint": row["fingerprint"],
        "createdBy": row["created_by_email"] or row["created_by"],
        "createdAt": row["created_at"],
        "verifiedAt": row["verified_at"],
        "version": row["version"],
    }
