"""The private parts of pg8000 that `stoa.database.wire` uses: another version of the driver must show itself here."""

import tomllib
from importlib.metadata import version
from inspect import signature
from typing import Any

import pytest
from pg8000 import converters, core, native

from stoa.database.dsn import parse_url
from stoa.database.wire import connect
from tests.contract.template import ROOT


def test_the_driver_is_pinned_to_one_version() -> None:
    layer = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["layer"]
    assert f"pg8000=={version('pg8000')}" in layer


@pytest.mark.parametrize(
    ("part", "parameters"),
    [
        (core._write, ["sock", "d"]),
        (core._flush, ["sock"]),
        (core.Context, ["statement", "stream", "columns", "input_funcs"]),
        (core.CoreConnection.send_PARSE, ["self", "statement_name_bin", "statement", "oids"]),
        (core.CoreConnection.send_DESCRIBE_STATEMENT, ["self", "statement_name_bin"]),
        (native.to_statement, ["query"]),
        (converters.make_params, ["py_types", "values"]),
    ],
)
def test_it_is_called_as_before(part: Any, parameters: list[str]) -> None:
    assert list(signature(part).parameters) == parameters


def test_its_messages_are_the_protocol_s() -> None:
    """https://www.postgresql.org/docs/current/protocol-message-formats.html"""
    assert core.SYNC_MSG == b"S\x00\x00\x00\x04"
    assert core.EXECUTE_MSG == b"E\x00\x00\x00\x09\x00\x00\x00\x00\x00"  # the unnamed portal, all rows
    assert (core.NO_DATA, core.COMMAND_COMPLETE, core.READY_FOR_QUERY) == (b"n", b"C", b"Z")


def test_a_connection_has_the_parts_that_are_used(runtime_url: str) -> None:
    wire = connect(parse_url(runtime_url))
    try:
        driver = wire.driver
        assert callable(driver._usock.settimeout) and callable(driver._sock.read1)
        assert {core.NO_DATA, core.COMMAND_COMPLETE, core.READY_FOR_QUERY} <= driver.message_types.keys()
        assert driver.py_types
        assert wire.execute([("SELECT :number ::int AS number", {"number": 1})]) == [[{"number": 1}]]
        assert driver._transaction_status == b"I"
    finally:
        wire.close()
