"""The embedded PostgreSQL: starts, keeps its data, survives a kill, takes over and leaves alone what is not its own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev import postgres
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path of our own, because pytest's may be too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="stoa-") as path:
        yield Path(path)


def ask(url: str, sql: str) -> object:
    database = Database(parse_url(url))
    with database.autocommit(Scope()) as connection:
        rows = connection.run(sql)
    database.close()
    return next(iter(rows[0].values())) if rows else None


def test_data_stays_when_the_server_stops_or_is_killed(folder):
    server = postgres.start(folder / "data")
    ask(server.url, "CREATE TABLE kept (n int)")
    server.stop()
    server = postgres.start(folder / "data")
    ask(server.url, "INSERT INTO kept VALUES (7)")
    server.process.kill()
    server.process.wait()
    server = postgres.start(folder / "data")
    assert ask(server.url, "SELECT n FROM kept") == 7
    server.stop()
    server.stop()  # a second time is fine


def test_it_takes_two_hundred_connections_and_knows_unicode(folder):
    server = postgres.start(folder / "data")
    assert int(ask(server.url, "SELECT current_setting('max_connections') AS n")) >= 200
    assert ask(server.url, "SELECT upper('äé') AS t") == "ÄÉ"
    server.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run the server as somebody else")
def test_a_checkout_that_others_may_not_enter_is_no_hindrance(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    package = postgres.bundled_binaries().parent.parent
    for part in (package, package.with_name(package.name + ".libs")):
        shutil.copytree(part, closed / part.name, ignore=shutil.ignore_patterns("pginstall", "include"))
    binaries = closed / postgres.bundled_binaries().relative_to(package.parent)
    server = postgres.start(closed / "data", binaries=binaries)
    assert ask(server.url, "SELECT 1 AS one") == 1
    server.stop()


def test_a_long_path_gets_its_socket_elsewhere(folder):
    server = postgres.start(folder / ("long" * 30))
    socket_folder = server.private_folder
    assert ask(server.url, "SELECT 1 AS one") == 1
    server.stop()
    assert not socket_folder.exists()


def test_a_running_server_is_used_and_left_alone_unless_taken_over(folder):
    first = postgres.start(folder / "data")
    second = postgres.start(folder / "data")
    second.stop()
    assert ask(second.url, "SELECT 1 AS one") == 1
    third = postgres.start(folder / "data", take_over=True)
    third.stop()
    assert first.process.wait(10) == 0


def test_a_folder_that_holds_something_else_is_refused_with_the_reason(folder):
    (folder / "data").mkdir()
    (folder / "data" / "letter.txt").write_text("not a database")
    with pytest.raises(postgres.PostgresFailed, match="not empty"):
        postgres.start(folder / "data")


@pytest.mark.parametrize("binaries", postgres.installed_binaries(), ids=lambda path: path.parent.name)
def test_another_installed_postgresql_runs_the_same_way(folder, binaries):
    server = postgres.start(folder / "data", binaries=binaries)
    assert ask(server.url, "SHOW server_version").startswith(binaries.parent.name)
    server.stop()
