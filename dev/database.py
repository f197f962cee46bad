"""The local database made ready: schema, runtime role, registry. For `make run`, the tests and the bench."""

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from stoa.database.dsn import parse_url
from stoa.database.pool import Database
from stoa.workflows.operations.migrate import allow_login, migrate
from stoa.workflows.tenancy.registry import load_registry

MIGRATIONS = Path(__file__).parent.parent / "migrations"
RUNTIME_ROLE = "stoa_runtime"


def prepare(owner_url: str, *, embedded: bool) -> str:
    """Migrate, let the runtime role log in, load the registry; the URL by which functions connect.

    Idempotent. `embedded`: our own server, which trusts its socket and needs no password.
    """
    password = None if embedded else _password(owner_url)
    owner = Database(parse_url(owner_url))
    try:
        migrate(owner, MIGRATIONS)
        allow_login(owner, password)
    finally:
        owner.close()
    runtime_url = _as_role(owner_url, password)
    runtime = Database(parse_url(runtime_url))
    try:
        load_registry(runtime, datetime.now(UTC))
    finally:
        runtime.close()
    return runtime_url


def _password(owner_url: str) -> str:
    """Returns the runtime role's password on somebody's own server: the same each time, made from the owner's URL."""
    return hashlib.sha256(f"stoa runtime role {owner_url}".encode()).hexdigest()


def _as_role(url: str, password: str | None) -> str:
    parts = urlsplit(url)
    address = parts.netloc.rpartition("@")[2]
    user = RUNTIME_ROLE if password is None else f"{RUNTIME_ROLE}:{quote(password)}"
    return urlunsplit(parts._replace(netloc=f"{user}@{address}"))
