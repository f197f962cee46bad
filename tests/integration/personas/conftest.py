from datetime import UTC, datetime
from uuid import UUID

import pytest

from stoa.core.ids import new_id
from stoa.database.pool import Database
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.member.support import Client


@pytest.fixture
def ada(function_environment: None, runtime_database: Database, tenant: UUID) -> Client:
    """A new member of a new tenant."""
    return Client(runtime_database, tenant)


@pytest.fixture
def bob(ada: Client) -> Client:
    """Another member of the same tenant."""
    return Client(ada.database, ada.tenant_id, "bob")


@pytest.fixture
def stranger(ada: Client) -> Client:
    """A member of another tenant, with the same subject at the issuer."""
    other = create_tenant(ada.database, f"t-{new_id()}", "Other tenant", "UTC", datetime.now(UTC))
    return Client(ada.database, other, ada.subject)


@pytest.fixture
def admin(ada: Client) -> Client:
    """An admin of Ada's tenant."""
    return Client(ada.database, ada.tenant_id, "admin", {"cognito:groups": "[admin]"})
