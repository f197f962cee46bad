"""A warm request through the typed door, against the same SQL behind a resolver that validates nothing, and alone.

The route is the dry run of a selection: a body with validated fields goes in, a typed answer comes out.
"""

import json
from collections.abc import Sequence
from typing import Any

import psycopg
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver, Response

from bench.libpq import Pipeline, numbered
from bench.measure import ROUNDS, Result, alternately, in_rounds, told
from bench.quiet import logs_unseen
from bench.recorded import Trip, recording
from bench.selection import REQUEST, ROUTE, preferences
from bench.server import Server, event
from stoa.database.pool import database

CALLS = 150  # a round


def measure(server: Server) -> list[Result]:
    """Event in to event out, call by call in turn."""
    handler = preferences(server.url)
    request = event("preferences", server.tenant_id, REQUEST, ROUTE)

    def ours() -> None:
        answer = handler(request, None)
        assert answer["statusCode"] == 200, answer

    with logs_unseen():
        ours()
        with recording() as trips:
            answer = handler(request, None)
        bare = _bare_door(trips, json.loads(answer["body"]))
        assert json.loads(bare(request, None)["body"]) == json.loads(answer["body"])
        with psycopg.connect(server.url, autocommit=True) as connection:
            same = [[numbered(sql, parameters) for sql, parameters in trip] for trip in trips]
            pipelines = [(Pipeline(connection, trip), [values for _, values in trip]) for trip in same]

            def sql_alone() -> None:
                for pipeline, values in pipelines:
                    pipeline.run(values)

            actions = {"validated": ours, "bare door": lambda: bare(request, None), "SQL": sql_alone}
            rounds = in_rounds(alternately(actions, ROUNDS * CALLS))
    medians = rounds.medians
    name = "validated request, event in to event out"
    door = f"{medians['validated']:.2f} ms against {medians['bare door']:.2f} ms; the bare door decides nothing, either"
    sql = f"{medians['validated']:.2f} ms against {medians['SQL']:.2f} ms of the same SQL by libpq"
    return [
        told(f"{name} ÷ resolver without validation", rounds.ratio("validated", "bare door"), door, **medians),
        told(f"{name} ÷ the SQL alone", rounds.ratio("validated", "SQL"), sql),
    ]


def _bare_door(trips: Sequence[Trip], body: Any) -> APIGatewayHttpResolver:
    """Powertools' resolver with one route that parses the body, runs the same SQL and answers the same JSON."""
    app = APIGatewayHttpResolver()
    method, path = ROUTE.split(" ")

    def route() -> "Response[str]":
        assert app.current_event.json_body == REQUEST
        with database()._wire() as wire:
            for trip in trips:
                wire.execute(trip)
        return Response(200, "application/json", json.dumps(body))

    app.route(path, method=method)(route)
    return app
