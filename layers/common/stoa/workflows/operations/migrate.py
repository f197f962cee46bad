"""Bring a database to the present schema: dbmate's file format and bookkeeping, applied by our own small runner.

Our own because it must run as a Lambda function; `dbmate` itself works on the same files and the same table
(https://github.com/amacneil/dbmate: `-- migrate:up`, `-- migrate:down`, `schema_migrations`).
"""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from stoa.database.pool import Connection, Database, Scope

# One number for all runners of this project: only one migrates at a time, the others wait and then find nothing to do.
_ADVISORY_LOCK = 7_862_001

# As dbmate creates it. The first migration adds the column `digest`.
_BOOKKEEPING = "CREATE TABLE IF NOT EXISTS schema_migrations (version varchar(128) PRIMARY KEY)"
# Reads the digest out of the row's JSON because a database of an older shape has no such column.
_APPLIED = """
    SELECT version, to_jsonb(m) ->> 'digest' AS digest, to_jsonb(m) -> 'digest' IS NOT NULL AS has_digests
    FROM schema_migrations m ORDER BY version
"""
_MARK_APPLIED = "INSERT INTO schema_migrations (version, digest) VALUES (:version, :digest)"
_EVERYONE_READS_LEVEL = "GRANT SELECT ON schema_migrations TO stoa_runtime"


class OlderShape(RuntimeError):
    """The database was made by other migration files than the present ones, so these cannot bring it up to date.

    The message says how that shows. The caller adds what to do about it.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The database is of an older shape: {reason}. Nothing in it was changed.")


class Migration(Struct, frozen=True):
    """A file of statements. `version` is the number its name starts with, `up` the statements."""

    version: str
    name: str
    up: str

    @property
    def digest(self) -> str:
        """SHA-256 of the statements alone, so that a comment may be mended in a migration that was applied."""
        statements = re.sub(r"--.*", "", self.up)
        return hashlib.sha256(" ".join(statements.split()).encode()).hexdigest()


class _Applied(Struct, frozen=True):
    """A migration that was applied. `has_digests` is false where the table has no column for the digest."""

    version: str
    digest: str | None
    has_digests: bool


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
    Raises OlderShape, and changes nothing, when other files than those in `folder` made the database.
    """
    migrations = read_migrations(folder)
    applied_now = []
    for migration in migrations:
        with database.transaction(Scope()) as connection:
            connection.run("SELECT pg_advisory_xact_lock(:number)", number=_ADVISORY_LOCK)
            connection.run(_BOOKKEEPING)
            if migration.version in _applied_versions(connection, migrations):
                continue
            connection.run_script(migration.up)
            connection.run(_MARK_APPLIED, version=migration.version, digest=migration.digest)
            connection.run(_EVERYONE_READS_LEVEL)
        applied_now.append(migration.name)
    return applied_now


def _applied_versions(connection: Connection, migrations: Sequence[Migration]) -> set[str]:
    """The versions that were applied. Raises OlderShape when `migrations` are not the ones that were.

    Accepts versions beyond the newest file: a deployment that is rolled back meets the schema of the newer one.
    Accepts versions without a digest in a table that has the column: dbmate applied them.
    """
    present = {migration.version: migration for migration in migrations}
    applied = connection.fetch(_Applied, _APPLIED)
    for one in applied:
        migration = present.get(one.version)
        if not one.has_digests:
            raise OlderShape("its migrations were applied before Stoa kept their digests")
        if migration is None and one.version < migrations[-1].version:
            raise OlderShape(f"migration {one.version} was applied to it, and there is no such file any more")
        if migration is not None and one.digest not in (None, migration.digest):
            raise OlderShape(f"{migration.name} was applied to it with other statements than it has now")
    return {one.version for one in applied}


def allow_login(database: Database, password: str | None) -> None:
    """Let the runtime role log in, with `password` where the server asks for one.

    Without it the server must trust the socket (the local stack's). PostgreSQL takes no parameter in ALTER ROLE, so the
    literal is quoted by PostgreSQL itself.
    """
    with database.transaction(Scope()) as connection:
        # Only the role's own sessions use it, so no other session can wait for this lock for long.
        quoted = connection.run("SELECT quote_literal(:password) AS literal", password=password or "")[0]["literal"]
        connection.run_script(f"ALTER ROLE stoa_runtime LOGIN PASSWORD {quoted if password else 'NULL'}")
