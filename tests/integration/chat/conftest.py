from uuid import UUID

import pytest

from stoa.database.pool import Database
from tests.integration.chat.support import Desk, ScriptedProviders, make_member


@pytest.fixture
def desk(runtime_database: Database, tenant: UUID) -> Desk:
    """A new member of a new tenant, whose providers answer "Hello there."."""
    return Desk(runtime_database, make_member(runtime_database, tenant), ScriptedProviders())
