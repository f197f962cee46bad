"""A connection to PostgreSQL: prepared statements, several of them in one round trip. The only user of the driver.

One round trip is possible because PostgreSQL's extended protocol takes any number of Bind/Execute pairs before a Sync,
and runs them as one implicit transaction (PostgreSQL manual, "Message Flow", 54.2.3 and 54.2.4 "Pipelining").
pg8000's own `run()` makes three round trips a query and plans it anew each time; its `core` does the rest here:
connecting, authentication, and what each answer means.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct
from pg8000 import core
from pg8000.converters import make_params
from pg8000.exceptions import DatabaseError, InterfaceError
from pg8000.native import Connection as DriverConnection
from pg8000.native import to_statement

from stoa.core.errors import Unavailable
from stoa.core.sockets import has_something_to_read
from stoa.database.dsn import Dsn, open_socket, tls_context

Row = Mapping[str, Any]
Statement = tuple[str, dict[str, Any]]

# Longer than the server lets a statement of the runtime role run (migrations/0001), so only a dead server is given up.
ANSWER_TIMEOUT_SECONDS = 15

REFUSED = "ST001"  # raised by the SQL function refuse(), see migrations/0001
LOGIN_REFUSED = frozenset({"28P01", "28000"})  # invalid password, invalid authorization
PLAN_CHANGED = "0A000"  # "cached plan must not change result type": a migration ran under a warm connection

_JSON, _JSONB, _DATE, _TIMESTAMPTZ = 114, 3802, 1082, 1184
_READ_BYTES = 65536
_NULL = (-1).to_bytes(4, signed=True)


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


class LoginRefused(Unavailable):
    """PostgreSQL refused the user or the password. Another password may be accepted."""


class _Prepared(Struct):
    name: bytes
    make_values: Any
    columns: Any = None
    names: Sequence[str] = ()
    converters: Any = None

    def learn(self, context: Any) -> None:
        """Keep what the server said of the columns when the statement was first described."""
        if self.columns is None:
            self.columns, self.converters = context.columns, context.input_funcs
            self.names = [column["name"] for column in context.columns or ()]

    def rows(self, context: Any) -> list[Row]:
        return [dict(zip(self.names, row, strict=True)) for row in context.rows or ()]


class Wire:
    """A driver connection with its prepared statements, kept by SQL text. Made by `connect`."""

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
        # The driver's own readers of dates use strptime: 20 µs a value, and 2 ms for the first one.
        self.driver.register_in_adapter(_DATE, _date)
        self.driver.register_in_adapter(_TIMESTAMPTZ, _instant)
        self.prepared: dict[str, _Prepared] = {}
        self.names_given = 0
        self.broken = False

    def is_reusable(self) -> bool:
        """False when a transaction is still open, or the server closed the connection while it lay idle.

        Lambda freezes an instance between requests, and sockets die meanwhile; a dead one reads as end-of-file.
        """
        if self.broken or self.driver._transaction_status != b"I":
            return False
        return not has_something_to_read(self.driver._usock)

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
        except BaseException as error:
            # Half a request or half an answer lies on the connection: the next one must never read it as its own.
            self.broken = True
            if not isinstance(error, (InterfaceError, OSError)):
                raise
            raise Unavailable("The connection to the database was lost. Try again.") from error
        for (sql, _), (prepared, context) in zip(statements, sent, strict=True):
            if sql not in self.prepared and context.columns is not None:
                self.prepared[sql] = prepared
            prepared.learn(context)
        for _, context in sent:
            if context.error is not None:
                raise self._translated(context.error) from None  # the driver's holds rows and values
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
        values = make_params(self.driver.py_types, prepared.make_values(parameters))
        core._write(self.driver._sock, _bind_and_execute(prepared.name, values))
        return prepared, context

    def _read_answers(self, contexts: list[Any]) -> None:
        driver, position = self.driver, 0
        for code, data in self._messages():
            context = contexts[min(position, len(contexts) - 1)]
            driver.message_types[code](data, context)
            if code == core.NO_DATA:
                context.columns = []
            elif code == core.COMMAND_COMPLETE:
                position += 1

    def _messages(self) -> Iterator[tuple[bytes, bytes]]:
        """The server's messages, code and content, to the one that says that it is ready for the next query."""
        received, start, end, code = bytearray(), 0, 5, b""
        while code != core.READY_FOR_QUERY:
            while len(received) < end or len(received) < (end := start + 1 + _length(received, start + 1)):
                piece = self.driver._sock.read1(_READ_BYTES)
                if not piece:
                    raise InterfaceError("the server closed the connection")
                received += piece
            code, data = bytes(received[start : start + 1]), bytes(received[start + 5 : end])
            start, end = end, end + 5
            yield code, data

    def _translated(self, error: Exception) -> Exception:
        fields = _fields(error)
        sqlstate, message = fields.get("C", ""), fields.get("M", str(error))
        if sqlstate == REFUSED:
            return RuleRefused(message)
        if sqlstate == PLAN_CHANGED:
            self.broken = True
        quotes_values = sqlstate.startswith("22")  # data exceptions: invalid input syntax for type uuid: "…"
        return StatementFailed(sqlstate, fields.get("n"), "" if quotes_values else message)


def connect(dsn: Dsn) -> Wire:
    """A new connection.

    Raises LoginRefused when the server refuses the user or the password, Unavailable when it cannot be reached or
    refuses the connection for another reason.
    """
    try:
        return Wire(dsn)
    except (InterfaceError, DatabaseError, OSError) as error:
        kind = LoginRefused if _fields(error).get("C") in LOGIN_REFUSED else Unavailable
        raise kind("The database cannot be reached. Try again in a moment.") from error


def _fields(error: Exception) -> dict[str, str]:
    """Returns what the server said, by its one-letter names. Empty: it was not the server that spoke."""
    said = error.args[0] if isinstance(error, DatabaseError) and error.args else None
    return said if isinstance(said, dict) else {}


def _bind_and_execute(name: bytes, values: Sequence[str | None]) -> bytes:
    """Returns Bind and Execute as one message. The driver flushes after each, so the server answers each alone."""
    parts = [b"\0", name, b"\0\0", len(values).to_bytes(2)]
    for value in values:
        if value is None:
            parts.append(_NULL)
        else:
            encoded = value.encode()
            parts += (len(encoded).to_bytes(4), encoded)
    parts.append(b"\0\0")
    bind = b"".join(parts)
    return b"".join((b"B", (len(bind) + 4).to_bytes(4), bind, core.EXECUTE_MSG))


def _length(received: bytearray, start: int) -> int:
    return int.from_bytes(received[start : start + 4])


_exact_json = json.JSONDecoder(parse_float=Decimal).decode


def _date(text: str) -> date | str:
    try:
        return date.fromisoformat(text)
    except ValueError:  # infinity, or a year that Python does not have: as text, as the driver does
        return text


def _instant(text: str) -> datetime | str:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text
