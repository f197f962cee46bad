"""Bring a database to the present schema: dbmate's file format and bookkeeping, applied by our own small runner.

Our own because it must run as a Lambda function; `dbmate` itself works on the same files and the same table
(https://github.com/amacneil/dbmate: `-- migrate:up`, `-- migrate:down`, `schema_migrations`).
"""

import re
from dataclasses import dataclass
from pathlib import Path

from stoa.database.pool import Database, Scope

# One number for all runners of this project: only one migrates at a time, the others wait and then find nothing to do.
_ADVISORY_LOCK = 7_862_001

_BOOKKEEPING = "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY)"
_APPLIED = "SELECT version FROM schema_migrations"
_MARK_APPLIED = "INSERT INTO schema_migrations (version) VALUES (:version)"
_EVERYONE_READS_LEVEL = "GRANT SELECT ON schema_migrations TO stoa_runtime"


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: `version` is the number its name starts with, `up` the statements."""

    version: str
    name: str
    up: str


def read_migrations(folder: Path) -> list[Migration]:
    """The migrations in `folder`, in order. Raises ValueError naming a file that is not in dbmate's format."""
    migrations = []
    for path in sorted(folder.glob("*.sql")):
        numbered = re.match(r"(\d+)_", path.name)
        parts = re.split(r"^-- migrate:(?:up|down).*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
        if numbered is None or len(parts) != 3:
            raise ValueError(f"{path.name} needs a leading number and one `-- migrate:up` and `-- migrate:down` part.")
        migrations.append(Migration(numbered[1], path.name, parts[1]))
    return migrations


def migrate(database: Database, folder: Path) -> list[str]:
    """Apply what is missing, each file in a transaction of its own, and return the names of those applied.

    `database` connects as the owner of the schema. A failing migration is rolled back and raised; those before it stay.
    """
    applied_now = []
    for migration in read_migrations(folder):
        with database.transaction(Scope()) as connection:
            connection.run("SELECT pg_advisory_xact_lock(:number)", number=_ADVISORY_LOCK)
            connection.run(_BOOKKEEPING)
            if migration.version in {row["version"] for row in connection.run(_APPLIED)}:
                continue
            connection.run_script(migration.up)
            connection.run(_MARK_APPLIED, version=migration.version)
            connection.run(_EVERYONE_READS_LEVEL)
        applied_now.append(migration.name)
    return applied_now


def allow_login(database: Database, password: str | None) -> None:
    """Let the runtime role log in, with `password` where the server asks for one.

    Without it the server must trust the socket (the local stack's). PostgreSQL takes no parameter in ALTER ROLE, so the
    literal is quoted by PostgreSQL itself.
    """
    with database.transaction(Scope()) as connection:
        # Only the role's own sessions use it, so no other session can wait for this lock for long.
        quoted = connection.run("SELECT quote_literal(:password) AS literal", password=password or "")[0]["literal"]
        connection.run_script(f"ALTER ROLE stoa_runtime LOGIN PASSWORD {quoted if password else 'NULL'}")
