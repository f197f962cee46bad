"""A database server of its own, because facts of feeds and models are the same for all tenants of a database."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from dev import postgres
from dev.database import prepare
from stoa.core.ids import new_id
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope
from stoa.http import dependencies
from stoa.workflows.tenancy.registry import create_tenant, load_registry
from tests.conftest import FAST
from tests.integration.pricing.support import START, Clock
from tests.integration.registry.support import Registry
from tests.small_catalogue import use_small_catalogue


@pytest.fixture(scope="session")
def registry_urls() -> Iterator[tuple[str, str]]:
    """Starts a server and yields the URLs for the owner and for the runtime role."""
    folder = Path(tempfile.mkdtemp(prefix="stoa-registry-"))
    server = postgres.start(folder / "postgres", settings=FAST)
    try:
        yield server.url, prepare(server.url, embedded=True)
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture
def runtime_url(registry_urls: tuple[str, str]) -> str:
    return registry_urls[1]


@pytest.fixture(scope="session")
def registry_databases(registry_urls: tuple[str, str]) -> Iterator[tuple[Database, Database]]:
    owner, runtime = (Database(parse_url(url), 8) for url in registry_urls)
    yield owner, runtime
    owner.close()
    runtime.close()


@pytest.fixture
def owner_database(registry_databases: tuple[Database, Database]) -> Database:
    return registry_databases[0]


@pytest.fixture
def runtime_database(registry_databases: tuple[Database, Database]) -> Database:
    """Returns a database without tenants and facts of feeds, with the registry as it ships."""
    owner, runtime = registry_databases
    with owner.autocommit(Scope()) as connection:
        connection.run("TRUNCATE tenants, feed_models, feed_runs, models CASCADE")
    load_registry(runtime, START)
    use_small_catalogue(owner)
    return runtime


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dependencies, "_now", clock)
    return clock


@pytest.fixture
def tenant(runtime_database: Database, function_environment: None) -> UUID:
    return create_tenant(runtime_database, f"t-{new_id()}", "Shop", "UTC", START)


@pytest.fixture
def registry(runtime_database: Database, tenant: UUID, clock: Clock) -> Registry:
    """Returns a new tenant and feeds that say what the registry says."""
    return Registry(runtime_database, tenant, clock)


@pytest.fixture
def other(registry: Registry) -> Registry:
    """Returns another tenant under the same feeds and clock."""
    tenant_id = create_tenant(registry.database, f"t-{new_id()}", "Other shop", "UTC", START)
    return Registry(registry.database, tenant_id, registry.clock, feeds=registry.feeds)
