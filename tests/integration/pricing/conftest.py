from uuid import UUID

import pytest

from stoa.core.ids import new_id
from stoa.database.pool import Database
from stoa.http import dependencies
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.pricing.support import START, Clock, Shop


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(dependencies, "_now", clock)
    return clock


@pytest.fixture
def tenant(runtime_database: Database, function_environment: None) -> UUID:
    """A tenant of Berlin that begins at the tests' present."""
    return create_tenant(runtime_database, f"t-{new_id()}", "Shop", "Europe/Berlin", START)


@pytest.fixture
def shop(runtime_database: Database, tenant: UUID, clock: Clock) -> Shop:
    """A new tenant with the default pricing, at noon of 1 March 2027 UTC."""
    return Shop(runtime_database, tenant, clock)


@pytest.fixture
def other(runtime_database: Database, shop: Shop) -> Shop:
    """Another tenant with the same clock."""
    tenant_id = create_tenant(runtime_database, f"t-{new_id()}", "Other shop", "UTC", START)
    return Shop(runtime_database, tenant_id, shop.clock)
