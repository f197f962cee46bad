"""The migrations themselves, and the refusal of a database that other migrations made."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from dev.database import MIGRATIONS
from functions.migrate.handler import handler
from stoa.core.settings import settings
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope
from stoa.database.wire import connect
from stoa.workflows.operations.migrate import OlderShape, migrate, read_migrations

DATABASE = "stoa_migrations"
FIRST = "ALTER TABLE schema_migrations ADD COLUMN digest text;"
# The way in which the refusal tells an operator to empty a database.
EMPTY = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"


@pytest.fixture(scope="module")
def owner(owner_url: str, runtime_url: str) -> Iterator[Database]:
    """A database of this module's own, as its owner. The runtime role is the server's and exists already."""
    server = connect(parse_url(owner_url))
    server.execute_script(f"DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")
    server.execute_script(f"CREATE DATABASE {DATABASE}")
    database = Database(replace(parse_url(owner_url), database=DATABASE))
    yield database
    database.close()
    server.execute_script(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    server.close()


@pytest.fixture
def empty(owner: Database) -> Database:
    run(owner, EMPTY)
    return owner


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small migrations; the first adds the bookkeeping's column, as the real one does."""
    write(tmp_path, "0001_foundation", FIRST)
    write(tmp_path, "0002_apples", "CREATE TABLE apples (id uuid PRIMARY KEY);")
    write(tmp_path, "0003_pears", "CREATE TABLE pears (id uuid PRIMARY KEY); -- a fruit")
    return tmp_path


def write(folder: Path, name: str, up: str) -> None:
    (folder / f"{name}.sql").write_text(f"-- migrate:up\n{up}\n\n-- migrate:down\n", encoding="utf-8")


def run(database: Database, script: str) -> None:
    with database.transaction(Scope()) as connection:
        connection.run_script(script)


def tables(database: Database) -> set[str]:
    with database.autocommit(Scope()) as connection:
        rows = connection.run("SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public'")
    return {row["name"] for row in rows}


def test_they_are_numbered_without_gaps() -> None:
    versions = [migration.version for migration in read_migrations(MIGRATIONS)]
    assert versions == [f"{number:04}" for number in range(1, len(versions) + 1)]


def test_the_ways_down_take_everything_back_and_the_ways_up_work_again(empty: Database) -> None:
    names = [migration.name for migration in read_migrations(MIGRATIONS)]
    assert migrate(empty, MIGRATIONS) == names
    assert len(tables(empty)) > 40
    for path in sorted(MIGRATIONS.glob("*.sql"), reverse=True):
        run(empty, re.split(r"^-- migrate:down$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1])
    with empty.transaction(Scope()) as connection:
        left = connection.run(
            "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
        )
        connection.run("DELETE FROM schema_migrations")
    assert {row["name"] for row in left} == {"schema_migrations", "schema_migrations_pkey"}
    assert migrate(empty, MIGRATIONS) == names


def test_what_was_applied_is_not_applied_again(empty: Database, folder: Path) -> None:
    assert migrate(empty, folder) == ["0001_foundation.sql", "0002_apples.sql", "0003_pears.sql"]
    assert migrate(empty, folder) == []
    write(folder, "0004_plums", "CREATE TABLE plums (id uuid PRIMARY KEY);")
    assert migrate(empty, folder) == ["0004_plums.sql"]


def test_a_database_of_the_time_before_digests_is_refused_untouched(empty: Database, folder: Path) -> None:
    run(empty, "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);")
    run(empty, "INSERT INTO schema_migrations VALUES ('0001'), ('0058');")
    with pytest.raises(OlderShape, match="of an older shape: its migrations were applied before Stoa kept"):
        migrate(empty, folder)
    assert tables(empty) == {"schema_migrations"}


def test_a_migration_whose_file_is_gone_is_refused(empty: Database, folder: Path) -> None:
    migrate(empty, folder)
    (folder / "0002_apples.sql").unlink()
    write(folder, "0004_plums", "CREATE TABLE plums (id uuid PRIMARY KEY);")
    with pytest.raises(OlderShape, match="migration 0002 was applied to it, and there is no such file"):
        migrate(empty, folder)
    assert "plums" not in tables(empty)


def test_a_migration_that_was_changed_after_it_was_applied_is_refused(empty: Database, folder: Path) -> None:
    migrate(empty, folder)
    write(folder, "0003_pears", "CREATE TABLE pears (id bigint PRIMARY KEY);")
    write(folder, "0004_plums", "CREATE TABLE plums (id uuid PRIMARY KEY);")
    with pytest.raises(OlderShape, match=r"0003_pears.sql was applied to it with other statements"):
        migrate(empty, folder)
    assert "plums" not in tables(empty)


def test_a_comment_may_be_mended_in_a_migration_that_was_applied(empty: Database, folder: Path) -> None:
    migrate(empty, folder)
    write(folder, "0003_pears", "-- Pears are fruit.\nCREATE TABLE pears (id uuid\n    PRIMARY KEY);")
    assert migrate(empty, folder) == []


def test_a_deployment_that_is_rolled_back_accepts_the_newer_schema(empty: Database, folder: Path) -> None:
    migrate(empty, folder)
    (folder / "0003_pears.sql").unlink()
    assert migrate(empty, folder) == []


def test_migrations_that_dbmate_applied_are_accepted(empty: Database, folder: Path) -> None:
    run(empty, f"CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY); {FIRST}")
    run(empty, "CREATE TABLE apples (); INSERT INTO schema_migrations (version) VALUES ('0001'), ('0002');")
    assert migrate(empty, folder) == ["0003_pears.sql"]


def test_the_function_says_what_an_operator_does(
    empty: Database, owner_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(empty, "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);")
    run(empty, "INSERT INTO schema_migrations VALUES ('0018');")
    url = re.sub(r"(//[^/]*)/[^?]*", rf"\1/{DATABASE}", owner_url)
    monkeypatch.setenv("STOA_MIGRATION_DATABASE_URL", url)
    settings.cache_clear()
    try:
        with pytest.raises(RuntimeError, match=r"older shape.*Name an empty database.*Then deploy again") as refused:
            handler({}, None)
    finally:
        settings.cache_clear()
    assert EMPTY in str(refused.value)
