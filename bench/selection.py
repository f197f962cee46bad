"""A warm selection, event in to event out, against libpq itself running the same prepared SQL in one pipeline."""

import os
from datetime import UTC, datetime
from typing import Any

import psycopg

from bench.libpq import Pipeline, numbered
from bench.measure import ROUNDS, Result, alternately, at_most, in_rounds, milliseconds, percentile
from bench.server import Server, event
from stoa.core.settings import settings
from stoa.database.pool import Statement, database
from stoa.identity.members import Principal, members
from stoa.store.catalogue import catalogue
from stoa.store.selection import snapshots

CALLS = 300
REQUEST = {"content": "Explain the difference between a list and a tuple in Python.", "modelId": None}
ROUTE = "POST /api/models/select"


def measure(server: Server) -> list[Result]:
    """Both over the same Unix socket."""
    handler = preferences(server.url)
    request = event("preferences", server.tenant_id, REQUEST, ROUTE)

    def select() -> None:
        answer = handler(request, None)
        assert answer["statusCode"] == 200, answer

    with psycopg.connect(server.url, autocommit=True) as connection:
        select()
        statements = [numbered(sql, parameters) for sql, parameters in _statements(server)]
        same_sql, same_values = Pipeline(connection, statements), [values for _, values in statements]
        one = Pipeline(connection, [numbered("SELECT 1", {})])
        # Call by call, so that each finds caches and processors as the other left them, as a request does.
        samples = alternately(
            {"ours": select, "libpq": lambda: same_sql.run(same_values), "SELECT 1": lambda: one.run([[]])},
            ROUNDS * CALLS,
        )
        alone = milliseconds(lambda: same_sql.run(same_values), CALLS)
    rounds = in_rounds(samples)
    medians = rounds.medians
    ours, floor, ping = medians["ours"], medians["libpq"], medians["SELECT 1"]
    others = f"`SELECT 1`: {ping:.2f}, libpq in a loop by itself: {alone:.2f}"
    detail = f"{ours:.2f} ms against {floor:.2f} ms; one round trip ({others})"
    p95 = percentile(samples["ours"], 0.95)
    return [
        at_most(
            "selection, event in to event out ÷ libpq, same SQL",
            rounds.ratio("ours", "libpq"),
            2.0,
            detail,
            alone=alone,
            **medians,
        ),
        at_most("selection p95 (ms)", p95, 10, f"{len(samples['ours'])} calls; promised are 50 ms", p95=p95),
    ]


def preferences(url: str) -> Any:
    """The preferences function in this process, talking to `url`."""
    os.environ["STOA_DATABASE_URL"] = url
    settings.cache_clear()
    database.cache_clear()
    from functions.preferences.handler import handler

    return handler


def _statements(server: Server) -> list[Statement]:
    """Returns what a selection sends: the scope, the catalogue's version, the statement of the member's own."""
    subject = event("preferences", server.tenant_id)["requestContext"]["authorizer"]["jwt"]["claims"]["sub"]
    member = members.get(database(), Principal(subject, server.tenant_id, None, frozenset()))
    now = datetime.now(UTC)
    with database().autocommit(member.scope) as connection:
        row = connection.run_all([catalogue.statement(server.tenant_id, now, None)])[0][0]
    scope = "SELECT set_config('stoa.tenant_id', :tenant_id, true), set_config('stoa.user_id', :user_id, true)"
    return [
        (scope, {"tenant_id": member.tenant_id, "user_id": member.user_id}),
        catalogue.statement(server.tenant_id, now, catalogue.from_row(row, None)),
        snapshots.statement(member.tenant_id, member.user_id, now),
    ]
