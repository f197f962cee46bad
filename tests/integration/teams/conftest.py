from datetime import UTC, datetime
from uuid import UUID

import pytest

from stoa.core.ids import new_id
from stoa.database.pool import Database
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.chat.support import Desk
from tests.integration.teams.client import Person
from tests.integration.teams.support import Team, make_team


@pytest.fixture
def tenant(runtime_database: Database, healthy: None) -> UUID:
    """A tenant that has had its prices for long."""
    return create_tenant(runtime_database, f"t-{new_id()}", "Old tenant", "UTC", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def team(runtime_database: Database, tenant: UUID) -> Team:
    """An active team with plenty of tokens and no member."""
    return make_team(runtime_database, tenant)


@pytest.fixture
def ada(team: Team) -> Desk:
    """Its owner."""
    return team.join("ada", role="owner")


@pytest.fixture
def owner(function_environment: None, runtime_database: Database, tenant: UUID) -> Person:
    """The person who makes teams."""
    return Person(runtime_database, tenant, "olive")


@pytest.fixture
def ben(owner: Person) -> Person:
    """Another member of the tenant."""
    return Person(owner.database, owner.tenant_id, "ben")


@pytest.fixture
def cleo(owner: Person) -> Person:
    """Another person."""
    return Person(owner.database, owner.tenant_id, "cleo")


@pytest.fixture
def admin(owner: Person) -> Person:
    """An admin of the tenant, in no team."""
    return Person(owner.database, owner.tenant_id, "adele", groups="[admin]")


@pytest.fixture
def stranger(owner: Person) -> Person:
    """An admin of another tenant, with the owner's subject and e-mail."""
    tenant_id = create_tenant(owner.database, f"t-{new_id()}", "Other", "UTC", datetime(2026, 1, 1, tzinfo=UTC))
    return Person(owner.database, tenant_id, owner.subject, groups="[admin]")
