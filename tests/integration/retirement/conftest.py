from uuid import UUID

import pytest

from stoa.database.pool import Database
from tests.integration.chat.support import Desk, ScriptedProviders, make_member
from tests.integration.health.support import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(runtime_database: Database, tenant: UUID, clock: Clock) -> Desk:
    """Returns a new member of a new tenant. Providers answer "Hello there.", and time stands still."""
    return Desk(runtime_database, make_member(runtime_database, tenant), ScriptedProviders(), clock)
