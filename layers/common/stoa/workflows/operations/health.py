"""The health of an installation: the database answers, and at which migration it stands."""

from msgspec import Struct

from stoa import __version__
from stoa.database.pool import Database, Scope
from stoa.store.operations import health


class Health(Struct, frozen=True):
    """An installation that can serve. `migration` is the number of the newest one that was applied."""

    status: str
    version: str
    database: str
    migration: str | None


def check_health(database: Database) -> Health:
    """Returns version and migration level. Raises Unavailable when the database cannot be reached."""
    with database.autocommit(Scope()) as connection:
        level = health.migration_level(connection)
    return Health("ok", __version__, "reachable", level)
