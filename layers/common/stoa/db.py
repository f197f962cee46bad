"""The only user of the PostgreSQL driver: connections, transactions, and whose rows they may see.

Two ways to talk to the database, both bound to a `Scope`:

- `autocommit(scope)`: each `run` or `run_all` is a transaction of its own and costs ONE round trip. The tenant and
  user are set inside that same transaction, so nothing is left behind on a reused connection.
- `transaction(scope)`: several statements, one transaction. BEGIN and the scope travel with the first statement.

One round trip is possible because PostgreSQL's extended protocol takes any number of Bind/Execute pairs before a Sync,
and runs them as one implicit transaction (PostgreSQL manual, "Message Flow", 54.2.3 and 54.2.4 "Pipelining").
pg8000's own `run()` makes three round trips a query and plans it anew each time.
"""

import json
import select
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

from pg8000 import core
from pg8000.converters import make_params
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection as DriverConnection
from pg8000.native import to_statement

from stoa.dsn import Dsn, open_socket, parse_secret, parse_url, tls_context
from stoa.errors import Unavailable
from stoa.settings import secret, settings

Row = dict[str, Any]
Statement = tuple[str, dict[str, Any]]

# Longer than the server lets a statement of the runtime role run (migrations/0001), so only a dead server is given up.
ANSWER_TIMEOUT_SECONDS = 15
WAIT_FOR_CONNECTION_SECONDS = 10

REFUSED = "ST001"  # raised by the SQL function refuse(), see migrations/0001
PLAN_CHANGED = "0A000"  # "cached plan must not change result type": a migration ran under a warm connection

_SET_SCOPE = (
    "SELECT set_config('stoa.tenant_id', :tenant_id, true), set_config('stoa.user_id', :user_id, true), "
    "set_config('stoa.scope', :kind, true)"
)
_JSON, _JSONB = 114, 3802


class RuleRefused(Exception):
    """The database refused a change by a rule of ours (SQL `refuse('reason')`); everything was rolled back."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StatementFailed(Exception):
    """PostgreSQL refused a statement. `sqlstate` and `constraint` say why; the transaction was rolled back."""

    def __init__(self, sqlstate: str, constraint: str | None, message: str) -> None:
        super().__init__(f"{sqlstate} {constraint or ''} {message}".strip())
        self.sqlstate = sqlstate
        self.constraint = constraint


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction may see: one tenant's, or one user's within it.

    Without `user_id` all of the tenant's rows are visible (admin and scheduled work). `operator` opens the shared
    registry for writing and the list of tenants for reading, and still no tenant's rows.
    """

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    operator: bool = False


@dataclass(slots=True)
class _Prepared:
    name: bytes
    make_values: Any
    columns: Any = None
    converters: Any = None

    def learn(self, context: Any) -> None:
        """Keep what the server said of the columns when the statement was first described."""
        if self.columns is None:
            self.columns, self.converters = context.columns, context.input_funcs

    def rows(self, context: Any) -> list[Row]:
        names = [column["name"] for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in context.rows or ()]


class _Wire:
    """One driver connection with its prepared statements, kept by SQL text."""

    def __init__(self, dsn: Dsn) -> None:
        context = tls_context(dsn)
        self.driver = DriverConnection(
            user=dsn.user,
            password=dsn.password,
            host=dsn.host,  # the name TLS checks the certificate against; the socket below is what connects
            database=dsn.database,
            sock=open_socket(dsn),
            ssl_context=context if context is not None else False,
            application_name="stoa",
        )
        self.driver._usock.settimeout(ANSWER_TIMEOUT_SECONDS)
        # Money inside JSON documents must stay exact: never through float.
        for oid in (_JSON, _JSONB):
            self.driver.register_in_adapter(oid, _exact_json)
        self.prepared: dict[str, _Prepared] = {}
        self.names_given = 0
        self.broken = False

    def is_reusable(self) -> bool:
        """False when a transaction is still open, or the server closed the connection while it lay idle.

        Lambda freezes an instance between requests, and sockets die meanwhile; a dead one reads as end-of-file.
        """
        if self.broken or self.driver._transaction_status != b"I":
            return False
        readable, _, _ = select.select([self.driver._usock], [], [], 0)
        return not readable

    def close(self) -> None:
        """Close without a care for a connection that is dead already."""
        with suppress(InterfaceError, OSError):
            self.driver.close()

    def execute(self, statements: Sequence[Statement]) -> list[list[Row]]:
        """Send all statements in one write and read all answers.

        Raises RuleRefused, StatementFailed, or Unavailable when the connection is lost on the way.
        """
        try:
            sent = [self._send(sql, parameters) for sql, parameters in statements]
            core._write(self.driver._sock, core.SYNC_MSG)
            core._flush(self.driver._sock)
            self._read_answers([context for _, context in sent])
        except (InterfaceError, OSError) as error:
            self.broken = True
            raise Unavailable("The connection to the database was lost. Try again.") from error
        for (sql, _), (prepared, context) in zip(statements, sent, strict=True):
            if sql not in self.prepared and context.columns is not None:
                self.prepared[sql] = prepared
            prepared.learn(context)
        for _, context in sent:
            if context.error is not None:
                raise self._translated(context.error) from context.error
        return [prepared.rows(context) for prepared, context in sent]

    def execute_script(self, script: str) -> None:
        """Run a script of many statements in the simple protocol, one transaction unless it says otherwise."""
        try:
            self.driver.execute_simple(script)
        except (InterfaceError, OSError) as error:
            self.broken = True
            raise Unavailable("The connection to the database was lost. Try again.") from error
        except DatabaseError as error:
            raise self._translated(error) from error

    def _send(self, sql: str, parameters: dict[str, Any]) -> tuple["_Prepared", Any]:
        prepared = self.prepared.get(sql)
        if prepared is None:
            text, make_values = to_statement(sql)
            self.names_given += 1
            prepared = _Prepared(b"stoa_%d\x00" % self.names_given, make_values)
            context = core.Context(sql)
            self.driver.send_PARSE(prepared.name, text)
            self.driver.send_DESCRIBE_STATEMENT(prepared.name)
        else:
            context = core.Context(sql, columns=prepared.columns, input_funcs=prepared.converters)
        self.driver.send_BIND(prepared.name, make_params(self.driver.py_types, prepared.make_values(parameters)))
        self.driver.send_EXECUTE()
        return prepared, context

    def _read_answers(self, contexts: list[Any]) -> None:
        driver, position, code = self.driver, 0, None
        while code != core.READY_FOR_QUERY:
            code, length = core.ci_unpack(core._read(driver._sock, 5))
            data = core._read(driver._sock, length - 4)
            context = contexts[min(position, len(contexts) - 1)]
            driver.message_types[code](data, context)
            if code == core.NO_DATA:
                context.columns = []
            elif code == core.COMMAND_COMPLETE:
                position += 1

    def _translated(self, error: Exception) -> Exception:
        fields = error.args[0] if isinstance(error, DatabaseError) and isinstance(error.args[0], dict) else {}
        sqlstate, message = fields.get("C", ""), fields.get("M", str(error))
        if sqlstate == REFUSED:
            return RuleRefused(message)
        if sqlstate == PLAN_CHANGED:
            self.broken = True
        return StatementFailed(sqlstate, fields.get("n"), message)


class Connection:
    """What store functions are given: statements within one scope. Obtained from `Database`, never kept."""

    def __init__(self, wire: _Wire, scope: Scope, *, in_transaction: bool) -> None:
        self._wire = wire
        self._scope = scope
        self._in_transaction = in_transaction
        self.started = False

    def run(self, sql: str, **parameters: Any) -> list[Row]:
        """Run one statement; its rows as dictionaries by column name."""
        return self.run_all([(sql, parameters)])[0]

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
    """A bounded pool of connections to one database, safe to use from many threads."""

    def __init__(self, dsn: Dsn, connections: int = 1) -> None:
        self._dsn = dsn
        self._idle: list[_Wire] = []
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
    def _wire(self) -> Iterator[_Wire]:
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

    def _take(self) -> _Wire:
        while True:
            with self._lock:
                wire = self._idle.pop() if self._idle else None
            if wire is None:
                break
            if wire.is_reusable():
                return wire
            wire.close()
        try:
            return _Wire(self._dsn)
        except (InterfaceError, DatabaseError, OSError) as error:
            raise Unavailable("The database cannot be reached. Try again in a moment.") from error


@cache
def database() -> Database:
    """This process's database, from its settings."""
    chosen = settings()
    if chosen.database_url:
        dsn = parse_url(chosen.database_url)
    elif chosen.database_secret_arn:
        dsn = parse_secret(secret(chosen.database_secret_arn))
    else:
        raise RuntimeError("Set STOA_DATABASE_URL or STOA_DATABASE_SECRET_ARN.")
    return Database(dsn, chosen.database_connections)


def json_parameter(value: Any) -> str:
    """`value` as a JSON parameter. Decimals, ids and instants travel as strings: PostgreSQL reads them exactly."""
    return json.dumps(value, default=str)


def _scope_parameters(scope: Scope) -> dict[str, str]:
    return {
        "tenant_id": str(scope.tenant_id or ""),
        "user_id": str(scope.user_id or ""),
        "kind": "operator" if scope.operator else "",
    }


def _exact_json(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)
