"""libpq itself, through psycopg's thin binding: the least that a statement can cost from Python."""

from collections.abc import Mapping, Sequence
from typing import Any

from pg8000.converters import PY_TYPES, make_params
from pg8000.native import to_statement
from psycopg import Connection
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGconn

Values = list[bytes | None]
Numbered = tuple[bytes, Values]  # SQL with $1, $2, … and their values


def numbered(sql: str, parameters: Mapping[str, Any]) -> Numbered:
    """A statement with `:name` parameters as it goes over the wire. Made beforehand, so that this is not measured."""
    text, make_values = to_statement(sql)
    values = make_params(PY_TYPES, make_values(dict(parameters)))
    return text.encode(), [None if value is None else value.encode() for value in values]


class Pipeline:
    """Prepared statements of one transaction; each `run` is one round trip."""

    def __init__(self, connection: "Connection[Any]", statements: Sequence[Numbered]) -> None:
        self._wire = connection.pgconn
        self._names: list[bytes] = []
        for number, (text, _) in enumerate(statements):
            name = f"bench_{id(self)}_{number}".encode()
            done = self._wire.prepare(name, text)
            assert done.status == ExecStatus.COMMAND_OK, done.error_message
            self._names.append(name)

    def run(self, values: Sequence[Values]) -> None:
        """Send everything, and read every answer to its end."""
        self._wire.enter_pipeline_mode()
        for name, bound in zip(self._names, values, strict=True):
            self._wire.send_query_prepared(name, bound)
        _finish(self._wire, len(values))


def run_once(wire: PGconn, statements: Sequence[Numbered]) -> None:
    """Runs a transaction of statements that were not prepared, in one round trip."""
    wire.enter_pipeline_mode()
    for text, values in statements:
        wire.send_query_params(text, values)
    _finish(wire, len(statements))


def _finish(wire: PGconn, statements: int) -> None:
    wire.pipeline_sync()
    for _ in range(statements):
        result = wire.get_result()
        assert result is not None
        assert result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK), result.error_message
        if result.ntuples:
            result.get_value(0, 0)
        wire.get_result()
    wire.get_result()
    wire.exit_pipeline_mode()
