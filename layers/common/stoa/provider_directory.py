"""How to reach each provider, read from the registry and kept for a short while."""

import threading
import time
from functools import cache
from uuid import UUID

from stoa.clients.providers import endpoint_for
from stoa.clients.wires.types import Endpoint
from stoa.db import Database, Scope
from stoa.store import registry

# An operator's change to a provider's row takes effect within this time.
CACHE_SECONDS = 60


class ProviderDirectory:
    """Endpoints by provider id. Safe to use from many threads."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._rows: dict[str, dict[str, object]] = {}
        self._endpoints: dict[str, Endpoint] = {}
        self._fresh_until = 0.0

    def endpoint(self, provider_id: str, tenant_id: UUID) -> Endpoint:  # noqa: ARG002 - tenants' own keys follow
        """Where and how to call the provider. Raises ProviderError(auth) when its key or address is not configured."""
        with self._lock:
            if time.monotonic() >= self._fresh_until:
                with self._database.autocommit(Scope()) as connection:
                    self._rows = {row["id"]: row for row in registry.providers(connection)}
                self._endpoints = {}
                self._fresh_until = time.monotonic() + CACHE_SECONDS
            if provider_id not in self._endpoints:
                self._endpoints[provider_id] = endpoint_for(self._rows[provider_id])
            return self._endpoints[provider_id]


@cache
def provider_directory(database: Database) -> ProviderDirectory:
    """The directory of this database, one a process."""
    return ProviderDirectory(database)
