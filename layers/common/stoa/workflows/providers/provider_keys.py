"""A tenant's own keys at providers, as its admins manage them. A key goes in and never comes out again."""

from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.clients.aws.key_box import LARGEST_KEY_BYTES
from stoa.clients.wires.endpoints import own_endpoint
from stoa.clients.wires.key_check import check_key, check_path
from stoa.clients.wires.types import ProviderError
from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.values import Private
from stoa.domain.providers.provider import Provider
from stoa.domain.providers.provider_keys import fingerprint, key_problem, last_four, settings_problems
from stoa.identity.caller import Caller, check_version
from stoa.store.providers import provider_keys, providers
from stoa.store.providers.provider_keys import KeptKey, NewKey
from stoa.store.tenancy import audit

Seal = Callable[[str, UUID, str, str], bytes]


class GivenKey(Private, frozen=True):
    """A key as an admin sends it. `settings` fill the provider's address. `verify` has the provider asked first."""

    key: str
    settings: Mapping[str, str]
    verify: bool


class KeyTaker(Struct, frozen=True):
    """A provider at which a tenant may have a key of its own, and the settings that its address takes with the key."""

    id: str
    name: str
    settings: list[str]
    optional_settings: list[str]


class TenantKeys(Struct, frozen=True):
    """The tenant's keys as far as they may be shown, and the providers that take one."""

    keys: list[KeptKey]
    providers: list[KeyTaker]


def read_keys(caller: Caller) -> TenantKeys:
    """Returns the tenant's keys, by provider, and the providers at which it may have one."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        keys = provider_keys.listed(connection, caller.tenant_id)
        known = providers.listed(connection)
    return TenantKeys(keys, [_taker(provider) for provider in known if provider.api_base])


def put_key(
    caller: Caller, provider_id: str, given: GivenKey, *, kms_arn: str | None, seal: Seal, version: int | None
) -> KeptKey:
    """Keeps the tenant's key at a provider, in the place of the one before.

    Raises NotFound for an unknown provider, Conflict where the installation has no KMS key or `version` is not the
    present one, InvalidFields for a text that cannot be a key here or that the provider refuses, ProviderError when
    the provider was to be asked and does not answer. Keeps nothing in these cases.
    """
    if kms_arn is None:
        raise Conflict(
            "OWN_KEYS_NOT_CONFIGURED",
            "This installation has no KMS key, so it cannot keep keys of tenants. Ask its operator.",
        )
    with caller.database.autocommit(caller.tenant_scope) as connection:
        provider = providers.get(connection, provider_id)
    if provider is None:
        raise NotFound("provider")
    _check(provider, given)
    if given.verify:
        _verify(provider, given)
    key = NewKey(
        ciphertext=seal(kms_arn, caller.tenant_id, provider_id, given.key),
        settings=given.settings,
        last_four=last_four(given.key),
        fingerprint=fingerprint(given.key),
        created_by=caller.actor.user_id,
        created_at=caller.now,
        verified_at=caller.now if given.verify else None,
    )
    return _keep(caller, provider_id, key, version=version)


def delete_key(caller: Caller, provider_id: str, *, version: int | None) -> None:
    """Forgets the tenant's key. Processes that have read it use it for a minute more (`provider_directory`).

    Raises NotFound where there is none, Conflict when `version` is not the present one.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        provider_keys.lock(connection, caller.tenant_id)
        before = provider_keys.get(connection, caller.tenant_id, provider_id)
        if before is None:
            raise NotFound("key")
        check_version(before.version, version, "this key")
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


def _keep(caller: Caller, provider_id: str, key: NewKey, *, version: int | None) -> KeptKey:
    with caller.database.transaction(caller.tenant_scope) as connection:
        provider_keys.lock(connection, caller.tenant_id)
        before = provider_keys.get(connection, caller.tenant_id, provider_id)
        check_version(before.version if before else 0, version, "this key")
        provider_keys.save(connection, caller.tenant_id, provider_id, key)
        after = provider_keys.get(connection, caller.tenant_id, provider_id)
        assert after is not None  # it was written just now
        audit.record(
            connection,
            caller.tenant_id,
            caller.actor,
            "provider_key.set",
            provider_id,
            before=_told(before) if before else None,
            after=_told(after),
        )
    return after


def _taker(provider: Provider) -> KeyTaker:
    preset = set(provider.options)
    return KeyTaker(
        provider.id, provider.display_name, sorted(provider.places - preset), sorted(provider.places & preset)
    )


def _check(provider: Provider, given: GivenKey) -> None:
    if not provider.api_base:
        raise Conflict("NO_OWN_KEY_HERE", f"The address of {provider.id} is the installation's own, and so is its key.")
    problems = []
    reason = key_problem(provider.auth, given.key)
    if len(given.key.encode()) > LARGEST_KEY_BYTES:
        reason = f"at most {LARGEST_KEY_BYTES} bytes"
    if reason is not None:
        problems.append(FieldProblem("key", reason))
    settings = settings_problems(provider.places, set(provider.options), given.settings)
    problems += [FieldProblem(f"settings.{name}", settings[name]) for name in sorted(settings)]
    if problems:
        raise InvalidFields(problems)


def _verify(provider: Provider, given: GivenKey) -> None:
    """Raises InvalidFields unless the provider accepts the key. A service account's key is shown to Google, which is
    check enough."""
    try:
        endpoint = own_endpoint(provider, given.key, given.settings)
        path = check_path(endpoint)
        if path is not None:
            check_key(endpoint, path)
        elif endpoint.api_key == given.key:
            reason = f"{provider.id} has nothing that a key could be tried on; send false"
            raise InvalidFields([FieldProblem("verify", reason)])
    except ProviderError as error:
        if error.kind in ("auth", "rejected"):
            told = error.upstream_status or error.reason
            raise InvalidFields([FieldProblem("key", f"the provider refuses it ({told})")]) from None
        raise


def _told(key: KeptKey) -> dict[str, Any]:
    """Returns the part of a key that the audit log may have."""
    return {"lastFour": key.last_four, "fingerprint": key.fingerprint, "settings": key.settings}
