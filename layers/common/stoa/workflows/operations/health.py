"""Whether this installation can serve: the database answers, and at which migration it stands."""

from typing import Any

from stoa import __version__
from stoa.database.pool import Database, Scope
from stoa.store.operations import health


def check_health(database: Database) -> dict[str, Any]:
    """Version and migration level. Raises Unavailable when the database cannot be reached."""
    with database.autocommit(Scope()) as connection:
        level = health.migration_level(connection)
    return {"status": "ok", "version": __version__, "database": "reachable", "migration": level}
