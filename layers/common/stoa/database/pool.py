"""The database as the rest of the code sees it: transactions, whose rows they may see, and a pool of connections.

Two ways to talk to the database, both bound to a `Scope`:

- `autocommit(scope)`: each `run` or `run_all` is a transaction of its own and costs ONE round trip. The tenant and
  user are set inside that same transaction, so nothing is left behind on a reused connection.
- `transaction(scope)`: several statements, one transaction. BEGIN and the scope travel with the first statement.
"""

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from typing import Any, TypeVar
from uuid import UUID

from msgspec import Struct

from stoa.core.errors import Unavailable
from stoa.core.secrets import read_secret
from stoa.core.settings import settings
from stoa.database.dsn import Dsn, parse_secret, parse_url
from stoa.database.wire import LoginRefused, Row, RuleRefused, Statement, StatementFailed, Wire, connect

__all__ = [
    "Connection",
    "Database",
    "Row",
    "Rows",
    "RuleRefused",
    "Scope",
    "Statement",
    "StatementFailed",
    "database",
    "json_parameter",
    "typed",
]

# Rows of one statement among several, for the store that wrote the statement to read.
Rows = list[Row]

RowType = TypeVar("RowType")

WAIT_FOR_CONNECTION_SECONDS = 10

_SET_SCOPE = (
    "SELECT set_config('stoa.tenant_id', :tenant_id, true), set_config('stoa.user_id', :user_id, true), "
    "set_config('stoa.scope', :kind, true)"
)


class Scope(Struct, frozen=True):
    """Says which rows a transaction may see: one tenant's, or one user's within it.

    Without `user_id` all of the tenant's rows are visible (admin and scheduled work). `operator` opens the shared
    registry for writing and the list of tenants for reading, and still no tenant's rows.
    """

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    operator: bool = False


def typed(kind: type[RowType], rows: Iterable[Row]) -> list[RowType]:
    """Returns rows as `kind`, whose fields are the columns. Raises TypeError where the two differ."""
    return [kind(**row) for row in rows]


class Connection:
    """Runs statements within one scope. `Database` gives it to store functions, which never keep it."""

    def __init__(self, wire: Wire, scope: Scope, *, in_transaction: bool) -> None:
        self._wire = wire
        self._scope = scope
        self._in_transaction = in_transaction
        self.started = False

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        """Runs one statement and returns its rows by column name, for the store to make named types of."""
        return self.run_all([(sql, parameters)])[0]

    def fetch(self, kind: type[RowType], sql: str, **parameters: Any) -> list[RowType]:
        """Runs one statement and returns its rows as `kind`, whose fields are the columns."""
        return typed(kind, self.run(sql, **parameters))

    def fetch_one(self, kind: type[RowType], sql: str, **parameters: Any) -> RowType | None:
        """Runs one statement and returns its first row as `kind`. None: there is no row."""
        return next(iter(self.fetch(kind, sql, **parameters)), None)

    def run_all(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Run statements in order in one round trip. In autocommit they are one transaction: all or nothing."""
        prefix: list[Statement] = []
        if not self._in_transaction:
            prefix = [(_SET_SCOPE, _scope_parameters(self._scope))]
        elif not self.started:
            prefix = [("BEGIN", {}), (_SET_SCOPE, _scope_parameters(self._scope))]
            self.started = True
        return self._wire.execute([*prefix, *statements])[len(prefix) :]

    def run_script(self, script: str) -> None:
        """Run a migration: many statements, no parameters, inside the transaction that was opened around it."""
        if not self.started:
            self.run_all([])
        self._wire.execute_script(script)


class Database:
    """A bounded pool of connections to one database, safe to use from many threads.

    `reread` gives the address and the password anew. It is asked once when PostgreSQL refuses a login, because the
    password may have been rotated since.
    """

    def __init__(self, dsn: Dsn, connections: int = 1, reread: Callable[[], Dsn] | None = None) -> None:
        self._dsn = dsn
        self._reread = reread
        self._rereading = threading.Lock()
        self._idle: list[Wire] = []
        self._lock = threading.Lock()
        self._places = threading.BoundedSemaphore(connections)

    @contextmanager
    def autocommit(self, scope: Scope) -> Iterator[Connection]:
        """Each `run`/`run_all` inside is its own transaction and one round trip."""
        with self._wire() as wire:
            yield Connection(wire, scope, in_transaction=False)

    @contextmanager
    def transaction(self, scope: Scope) -> Iterator[Connection]:
        """All statements inside commit together at the end, or none do."""
        with self._wire() as wire:
            connection = Connection(wire, scope, in_transaction=True)
            try:
                yield connection
            except BaseException:
                if connection.started and not wire.broken:
                    wire.execute([("ROLLBACK", {})])
                raise
            if connection.started:
                wire.execute([("COMMIT", {})])

    def close(self) -> None:
        """Close the idle connections."""
        with self._lock:
            idle, self._idle = self._idle, []
        for wire in idle:
            wire.close()

    @contextmanager
    def _wire(self) -> Iterator[Wire]:
        if not self._places.acquire(timeout=WAIT_FOR_CONNECTION_SECONDS):
            raise Unavailable("All database connections are busy. Try again in a moment.")
        try:
            wire = self._take()
            try:
                yield wire
            finally:
                if wire.broken:
                    wire.close()
                else:
                    with self._lock:
                        self._idle.append(wire)
        finally:
            self._places.release()

    def _take(self) -> Wire:
        while True:
            with self._lock:
                wire = self._idle.pop() if self._idle else None
            if wire is None:
                break
            if wire.is_reusable():
                return wire
            wire.close()
        return self._connect()

    def _connect(self) -> Wire:
        refused = self._dsn
        try:
            return connect(refused)
        except LoginRefused:
            if self._reread is None:
                raise
            with self._rereading:
                if self._dsn is refused:  # else another thread has read it already
                    self._dsn = self._reread()
            return connect(self._dsn)


@cache
def database() -> Database:
    """This process's database, from its settings."""
    chosen = settings()
    if chosen.database_url:
        return Database(parse_url(chosen.database_url), chosen.database_connections)
    if chosen.database_secret_arn is None:
        raise RuntimeError("Set STOA_DATABASE_URL or STOA_DATABASE_SECRET_ARN.")
    reread = partial(_dsn_in_secret, chosen.database_secret_arn)
    return Database(reread(), chosen.database_connections, reread)


def _dsn_in_secret(arn: str) -> Dsn:
    return parse_secret(read_secret(arn))


def json_parameter(value: Any) -> str:
    """`value` as a JSON parameter. Decimals, ids and instants travel as strings: PostgreSQL reads them exactly."""
    return json.dumps(value, default=str)


def _scope_parameters(scope: Scope) -> dict[str, str]:
    return {
        "tenant_id": str(scope.tenant_id or ""),
        "user_id": str(scope.user_id or ""),
        "kind": "operator" if scope.operator else "",
    }
