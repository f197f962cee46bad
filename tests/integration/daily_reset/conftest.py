from collections.abc import Callable
from datetime import datetime

import pytest

from stoa.database.pool import Database
from tests.integration.daily_reset.support import Town, make_town


@pytest.fixture
def town(owner_database: Database, runtime_database: Database) -> Callable[[str, datetime], Town]:
    """Make a tenant in a time zone, founded at an instant."""
    return lambda time_zone, founded: make_town(owner_database, runtime_database, time_zone, founded)
