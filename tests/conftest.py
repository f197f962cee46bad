"""Fixtures that all tests share: a real PostgreSQL a session, filled once, and a fresh tenant for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from dev import postgres
from dev.database import prepare
from stoa.core.ids import new_id
from stoa.core.settings import settings
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope, database
from stoa.workflows.providers.provider_health import provider_health
from stoa.workflows.tenancy.registry import create_tenant
from tests.aws_server import aws_server
from tests.small_catalogue import use_small_catalogue

# Tests lose nothing when the machine stops, so they need not wait for its disk.
FAST = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}


@pytest.fixture(scope="session")
def owner_url() -> Iterator[str]:
    """URL of an empty database's owner: `DATABASE_URL`, or a PostgreSQL server of this session's own."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="stoa-"))
    server = postgres.start(folder / "postgres", settings=FAST)
    try:
        yield server.url
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def runtime_url(owner_url: str) -> str:
    """URL of the role that functions run as, in a migrated database with the small catalogue loaded."""
    url = prepare(owner_url, embedded="DATABASE_URL" not in os.environ)
    owner = Database(parse_url(owner_url))
    use_small_catalogue(owner)
    owner.close()
    return url


@pytest.fixture(scope="session")
def owner_database(owner_url: str, runtime_url: str) -> Iterator[Database]:
    """The migrated database as its owner. Row-level security does not bind a superuser."""
    owner = Database(parse_url(owner_url), 4)
    yield owner
    owner.close()


@pytest.fixture(scope="session")
def runtime_database(runtime_url: str) -> Iterator[Database]:
    """The migrated database as functions see it: by the role that row-level security binds."""
    runtime = Database(parse_url(runtime_url), 32)
    yield runtime
    runtime.close()


@pytest.fixture
def healthy(owner_database: Database) -> None:
    """Closes all circuits and forgets what failed in other tests."""
    with owner_database.autocommit(Scope()) as connection:
        connection.run_all([("DELETE FROM circuits", {}), ("DELETE FROM call_outcomes", {})])
    provider_health.cache_clear()


@pytest.fixture
def tenant(runtime_database: Database, healthy: None) -> UUID:
    """A fresh tenant with prices for every model."""
    return create_tenant(runtime_database, f"t-{new_id()}", "Test tenant", "UTC", datetime.now(UTC))


@pytest.fixture
def function_environment(runtime_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The environment in which handlers find the database; what they cache is forgotten afterwards."""
    monkeypatch.setenv("STOA_DATABASE_URL", runtime_url)
    monkeypatch.setenv("STOA_DATABASE_CONNECTIONS", "24")
    settings.cache_clear()
    database.cache_clear()
    yield
    if database.cache_info().currsize:
        database().close()
    settings.cache_clear()
    database.cache_clear()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty stand-in for AWS, to which the environment leads."""
    with aws_server() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield environment["AWS_ENDPOINT_URL"]
