"""The state of the database itself."""

from stoa.database.pool import Connection

_MIGRATION_LEVEL = "SELECT max(version) AS version FROM schema_migrations"


def migration_level(connection: Connection) -> str | None:
    """The number of the newest migration that was applied, such as "0005"."""
    version: str | None = connection.run(_MIGRATION_LEVEL)[0]["version"]
    return version
