"""A warm selection, event in to event out, against libpq running the same SQL prepared."""

import os
import re
import time
from datetime import UTC, datetime
from typing import Any

import psycopg
from stoa.db import database
from stoa.dsn import parse_url
from stoa.identity import Principal, members
from stoa.settings import settings
from stoa.store import catalogue, snapshots

from bench.measure import Result, at_most, in_turn, milliseconds, percentile
from bench.server import Server, event

CALLS = 300
REQUEST = {"content": "Explain the difference between a list and a tuple in Python.", "modelId": None}


def select_handler(server: Server, url: str) -> Any:
    """The preferences function in this process, talking to `url`."""
    os.environ["STOA_DATABASE_URL"] = url
    settings.cache_clear()
    database.cache_clear()
    members._known.clear()
    from functions.preferences.handler import handler

    return handler


def measure(server: Server) -> list[Result]:
    """Both over the same Unix socket; the ratio is ours to libpq's."""
    handler = select_handler(server, server.url)
    request = event("preferences", server.tenant_id, REQUEST, "POST /api/models/select")
    samples: list[float] = []

    def ours() -> float:
        def call() -> None:
            began = time.perf_counter()
            answer = handler(request, None)
            samples.append((time.perf_counter() - began) * 1000)
            assert answer["statusCode"] == 200, answer

        return milliseconds(call, CALLS)

    with psycopg.connect(server.url, prepare_threshold=0) as connection:
        medians = in_turn({"ours": ours, "libpq": lambda: milliseconds(_libpq(server, connection), CALLS)})
    p95 = percentile(samples, 0.95)
    detail = f"{medians['ours']:.2f} ms against {medians['libpq']:.2f} ms; one round trip"
    return [
        at_most("selection, event in to event out ÷ libpq with the same SQL", medians["ours"] / medians["libpq"], 3, detail, **medians),
        at_most("selection p95 (ms)", p95, 10, f"{len(samples)} calls; promised were 50"),
    ]


def _libpq(server: Server, connection: "psycopg.Connection[Any]") -> Any:
    subject = event("preferences", server.tenant_id)["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    member = members.get(database(), Principal(subject, server.tenant_id, None, frozenset()))
    now = datetime.now(UTC)
    known = catalogue.from_row(_first(connection, *catalogue.statement(server.tenant_id, now, None), server), None)
    statements = [catalogue.statement(server.tenant_id, now, known), snapshots.statement(member.tenant_id, member.user_id, now)]
    translated = [(_psycopg(sql), parameters) for sql, parameters in statements]
    scope = (str(member.tenant_id), str(member.user_id))

    def call() -> None:
        with connection.pipeline(), connection.transaction(), connection.cursor() as first, connection.cursor() as second:
            connection.execute(_SCOPE, scope)
            first.execute(*translated[0])
            second.execute(*translated[1])
            first.fetchall()
            second.fetchall()

    return call


_SCOPE = "SELECT set_config('stoa.tenant_id', %s, true), set_config('stoa.user_id', %s, true)"


def _psycopg(sql: str) -> Any:
    return re.sub(r"(?<!:):(\w+)", r"%(\1)s", sql)


def _first(connection: "psycopg.Connection[Any]", sql: str, parameters: dict[str, Any], server: Server) -> dict[str, Any]:
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_SCOPE, (str(server.tenant_id), ""))
        cursor.execute(_psycopg(sql), parameters)
        assert cursor.description is not None
        row = cursor.fetchone()
        assert row is not None
        return dict(zip([column.name for column in cursor.description], row, strict=True))


__all__ = ["measure", "parse_url", "select_handler"]
