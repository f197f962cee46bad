"""A database whose password is rotated: the secret is read again when PostgreSQL refuses the old one, and once only."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from dev import postgres
from dev.children import free_port
from stoa.core.errors import Unavailable
from stoa.core.settings import settings
from stoa.database import pool
from stoa.database.dsn import Dsn, parse_url
from stoa.database.pool import Database, Scope, database
from stoa.database.wire import LoginRefused
from tests.door import shown


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A server that asks for passwords on TCP, with a role `worker`."""
    folder: Path = tmp_path_factory.mktemp("passwords")
    folder.chmod(0o755)
    folder.parent.chmod(0o755)
    access = folder / "pg_hba.conf"
    access.write_text("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
    number = free_port()
    given = {"listen_addresses": "127.0.0.1", "port": str(number), "hba_file": str(access), "fsync": "off"}
    server = postgres.start(folder / "postgres", settings=given)
    try:
        owner = Database(parse_url(server.url))
        with owner.autocommit(Scope()) as connection:
            connection.run_script("CREATE ROLE worker LOGIN PASSWORD 'first'")
        owner.close()
        yield number
    finally:
        server.stop()


@pytest.fixture
def rotate(port: int, aws: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Sets the role's password, the secret's, or both; the function's environment leads to the secret."""
    manager = boto3.client("secretsmanager")
    arn = manager.create_secret(Name="database", SecretString="{}")["ARN"]
    reads: list[str] = []
    really_read = pool.read_secret
    monkeypatch.setattr(pool, "read_secret", lambda name: reads.append(name) or really_read(name))
    monkeypatch.delenv("STOA_DATABASE_URL", raising=False)
    monkeypatch.setenv("STOA_DATABASE_SECRET_ARN", arn)
    settings.cache_clear()
    database.cache_clear()

    def change(in_secret: str) -> list[str]:
        value = {"username": "worker", "password": in_secret, "host": "127.0.0.1", "port": port, "dbname": "postgres"}
        manager.put_secret_value(SecretId=arn, SecretString=json.dumps({**value, "sslmode": "off"}))
        return reads

    yield change
    if database.cache_info().currsize:
        database().close()
    settings.cache_clear()
    database.cache_clear()


def asked() -> Any:
    """Runs a statement on a new connection."""
    database().close()
    with database().autocommit(Scope()) as connection:
        return connection.run("SELECT current_user AS name")[0]["name"]


def test_a_rotated_password_works_without_a_deployment(rotate: Any) -> None:
    reads = rotate("first")
    assert (asked(), asked(), len(reads)) == ("worker", "worker", 1)
    with database().autocommit(Scope()) as connection:
        connection.run_script("ALTER ROLE worker PASSWORD 'second'")
    rotate("second")
    assert (asked(), asked(), len(reads)) == ("worker", "worker", 2)
    with database().autocommit(Scope()) as connection:
        connection.run_script("ALTER ROLE worker PASSWORD 'first'")


def test_a_secret_that_is_wrong_is_read_again_once_and_then_the_request_fails(rotate: Any) -> None:
    reads = rotate("wrong")
    with pytest.raises(Unavailable) as caught:
        asked()
    assert (shown(caught.value)[0], len(reads)) == (503, 2)
    rotate("first")
    assert (asked(), len(reads)) == ("worker", 3)


def test_a_role_that_may_not_log_in_is_refused_too(port: int) -> None:
    nobody = Dsn("nobody", "first", "127.0.0.1", port, "postgres")
    known = Dsn("worker", "first", "127.0.0.1", port, "postgres")
    with pytest.raises(LoginRefused):
        Database(nobody)._take()
    found = Database(nobody, reread=lambda: known)
    with found.autocommit(Scope()) as connection:
        assert connection.run("SELECT 1 AS one") == [{"one": 1}]
    found.close()


def test_a_server_that_is_away_is_no_reason_to_read_again() -> None:
    def never() -> Dsn:
        raise AssertionError("read again")

    away = Database(Dsn("worker", "first", "127.0.0.1", free_port(), "postgres"), reread=never)
    with pytest.raises(Unavailable), away.autocommit(Scope()) as connection:
        connection.run("SELECT 1 AS one")
