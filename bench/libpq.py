"""libpq itself, through psycopg's thin binding: the least that a statement can cost from Python."""

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import psycopg
from psycopg.pq import ExecStatus

Bound = list[list[bytes | None]]
_NAMED = re.compile(r"(?<!:):([a-z_]+)")  # a parameter, and not a cast


class Pipeline:
    """Statements with `:name` parameters, prepared; each `run` is one transaction and one round trip."""

    def __init__(self, connection: "psycopg.Connection[Any]", statements: Sequence[str]) -> None:
        self._wire = connection.pgconn
        self._parameters: list[list[str]] = []
        self._names: list[bytes] = []
        for number, sql in enumerate(statements):
            names = list(dict.fromkeys(_NAMED.findall(sql)))
            name = f"bench_{id(self)}_{number}".encode()
            done = self._wire.prepare(name, _NAMED.sub(partial(_numbered, names), sql).encode())
            assert done.status == ExecStatus.COMMAND_OK, done.error_message
            self._parameters.append(names)
            self._names.append(name)

    def bind(self, *parameters: Mapping[str, Any]) -> Bound:
        """Values as `run` takes them, one mapping a statement; made beforehand, so that making them is not measured."""
        return [
            [None if values[name] is None else str(values[name]).encode() for name in names]
            for names, values in zip(self._parameters, parameters, strict=True)
        ]

    def run(self, bound: Bound) -> None:
        """Send everything, and read every answer to its end."""
        wire = self._wire
        wire.enter_pipeline_mode()
        for name, values in zip(self._names, bound, strict=True):
            wire.send_query_prepared(name, values)
        wire.pipeline_sync()
        for _ in bound:
            result = wire.get_result()
            assert result is not None
            assert result.status in (ExecStatus.TUPLES_OK, ExecStatus.COMMAND_OK), result.error_message
            if result.ntuples:
                result.get_value(0, 0)
            wire.get_result()
        wire.get_result()
        wire.exit_pipeline_mode()


def _numbered(names: list[str], found: re.Match[str]) -> str:
    return f"${names.index(found[1]) + 1}"
