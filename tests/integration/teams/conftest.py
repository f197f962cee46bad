from datetime import UTC, datetime
from uuid import UUID

import pytest

from stoa.db import Database
from stoa.ids import new_id
from stoa.workflows.registry import create_tenant
from tests.integration.chat.support import Desk
from tests.integration.teams.support import Team, make_team


@pytest.fixture
def tenant(runtime_database: Database) -> UUID:
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
