"""Endpoints of providers with the right key, read from the registry and kept for a short while."""

import os
import threading
import time
from collections.abc import Callable, Mapping
from functools import cache
from uuid import UUID

from msgspec import Struct, field

from stoa.clients.aws import key_box
from stoa.clients.aws.fresh_secret import FreshSecret
from stoa.clients.wires import stream
from stoa.clients.wires.endpoints import endpoint_for, own_endpoint
from stoa.clients.wires.key_spread import KeySpread
from stoa.clients.wires.types import Endpoint, ProviderError
from stoa.database.pool import Database, Scope
from stoa.domain.providers.provider import Provider
from stoa.store.providers import provider_keys, providers
from stoa.store.providers.provider_keys import SealedKey

# An operator's change to a provider's row, and a tenant's to its own keys, take effect within this time.
CACHE_SECONDS = 60
# A decrypted key is used for so long while its row stays the same. A key withdrawn from KMS is dead after that.
DECRYPTED_SECONDS = 900
FAILED_SECONDS = 10  # a failure to decrypt is repeated for so long without asking KMS again
MOST_TENANTS = 1000  # remembered at once

Unseal = Callable[[UUID, str, bytes], str]


class _OwnKey(Struct):
    """A tenant's key at one provider, decrypted (or not) and good until then."""

    sealed: SealedKey
    good_until: float
    endpoint: Endpoint | None
    failure: str | None = None


class _Tenant(Struct):
    """A tenant's keys as they were when they were last read."""

    fresh_until: float = 0.0
    keys: dict[str, SealedKey] = field(default_factory=dict)
    opened: dict[str, _OwnKey] = field(default_factory=dict)


class ProviderDirectory:
    """Endpoints by provider and tenant. Safe to use from many threads."""

    def __init__(
        self,
        database: Database,
        *,
        environment: Mapping[str, str] = os.environ,
        secrets: FreshSecret | None = None,
        unseal: Unseal = key_box.unseal,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._environment = environment
        self._secrets = secrets or FreshSecret()
        self._unseal = unseal
        self._clock = clock
        self._lock = threading.Lock()
        self._providers: dict[str, Provider] = {}
        self._fresh_until = 0.0
        self._endpoints: dict[str, Endpoint] = {}
        self._tenants: dict[UUID, _Tenant] = {}
        self.stream = KeySpread(stream, self.renewed, clock).stream

    def endpoint(self, provider_id: str, tenant_id: UUID) -> Endpoint:
        """Returns the provider's endpoint for a tenant, with the tenant's own key where it has one.

        Raises ProviderError(auth) when a key or an address is not configured, or the tenant's key cannot be decrypted:
        the installation's is never taken in its place.
        """
        with self._lock:
            tenant = self._read(tenant_id)
            if provider_id in tenant.keys:
                return self._own(tenant_id, provider_id, tenant)
            return self._shared(provider_id)

    def renewed(self, endpoint: Endpoint) -> Endpoint:
        """Returns the provider's endpoint with the installation's keys looked up again: one may have been rotated."""
        if endpoint.own_key:
            return endpoint
        with self._lock:
            self._secrets.expire()
            self._endpoints.pop(endpoint.provider_id, None)
            return self._shared(endpoint.provider_id)

    def _read(self, tenant_id: UUID) -> _Tenant:
        """Returns the tenant's keys. Reads what is too old again, the providers in the same round trip."""
        now = self._clock()
        tenant = self._tenants.get(tenant_id) or _Tenant()
        if now < tenant.fresh_until and now < self._fresh_until:
            return tenant
        statements = [provider_keys.sealed_statement(tenant_id)]
        if now >= self._fresh_until:
            statements.append(providers.statement())
        with self._database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            own, *shared = connection.run_all(statements)
        tenant.keys = provider_keys.sealed(own)
        tenant.fresh_until = now + CACHE_SECONDS
        self._tenants.pop(tenant_id, None)
        self._tenants[tenant_id] = tenant  # the newest at the end
        if len(self._tenants) > MOST_TENANTS:
            del self._tenants[next(iter(self._tenants))]
        if shared:
            self._providers = providers.by_id(shared[0])
            self._endpoints = {}
            self._fresh_until = now + CACHE_SECONDS
        return tenant

    def _shared(self, provider_id: str) -> Endpoint:
        if provider_id not in self._endpoints:
            self._endpoints[provider_id] = endpoint_for(self._providers[provider_id], self._environment, self._secrets)
        return self._endpoints[provider_id]

    def _own(self, tenant_id: UUID, provider_id: str, tenant: _Tenant) -> Endpoint:
        sealed, now = tenant.keys[provider_id], self._clock()
        opened = tenant.opened.get(provider_id)
        if opened is None or opened.sealed != sealed or now >= opened.good_until:
            opened = self._opened(tenant_id, sealed, now)
            tenant.opened[provider_id] = opened
        if opened.endpoint is None:
            raise ProviderError("auth", provider_id=provider_id, reason=opened.failure)
        return opened.endpoint

    def _opened(self, tenant_id: UUID, sealed: SealedKey, now: float) -> _OwnKey:
        try:
            key = self._unseal(tenant_id, sealed.provider_id, sealed.ciphertext)
            made = own_endpoint(self._providers[sealed.provider_id], key, sealed.settings, self._environment)
        except ProviderError as error:
            return _OwnKey(sealed, now + FAILED_SECONDS, None, error.reason or error.kind)
        return _OwnKey(sealed, now + DECRYPTED_SECONDS, made)


@cache
def provider_directory(database: Database) -> ProviderDirectory:
    """Returns the directory of this database. A process has one."""
    return ProviderDirectory(database)
