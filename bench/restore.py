"""The first request after a SnapStart restore, emulated: init in one process, then a fork that connects and answers.

A snapshot holds what a process has after its init; so does a fork. What Lambda itself needs for a restore is not in
these figures. The floor is a fork that opens the same connection (TLS, SCRAM) with libpq and runs the same SQL; it
reads no secret.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.cloud import deployed
from bench.measure import Result, at_most, in_turn, spread, told
from bench.selection import REQUEST
from bench.server import Server, event
from bench.stoa_front import paths
from dev import ROOT
from dev.build import LocalBuild

# Both programs do their init, say "ready", and fork once for each line that they read. The child answers with one line.
_FORKING = """
def serve(answer):
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            began = time.perf_counter()
            extra = answer(line.strip())
            took = (time.perf_counter() - began) * 1000
            os.write(out, (json.dumps([took, extra]) + chr(10)).encode())
            os._exit(0)
        os.waitpid(child, 0)
"""
# Logs go to standard error, as they leave a function's process, too.
_OURS = (
    """
import json, os, sys, time
import awslambdaric.bootstrap
from functions.preferences.handler import handler
event = json.loads(os.environ["EVENT"])
out = os.dup(1)
"""
    + _FORKING
    + """
def first_request(line):
    sent = []
    if line == "record":
        from stoa.database.wire import Wire
        execute = Wire.execute
        def note(self, statements):
            sent.append([[sql, {name: value if value is None else str(value) for name, value in given.items()}]
                         for sql, given in statements])
            return execute(self, statements)
        Wire.execute = note
    answer = handler(event, None)
    assert answer["statusCode"] == 200, answer
    return sent

def quietly(line):
    os.dup2(2, 1)
    return first_request(line)

serve(quietly)
"""
)
_FLOOR = (
    """
import json, os, sys, time
import psycopg
from bench.libpq import numbered, run_once
trips = [[numbered(sql, given) for sql, given in trip] for trip in json.loads(os.environ["TRIPS"])]
out = os.dup(1)
"""
    + _FORKING
    + """
def same(line):
    with psycopg.connect(os.environ["URL"], autocommit=True) as connection:
        for trip in trips:
            run_once(connection.pgconn, trip)
    return []

serve(same)
"""
)


class _Snapshot:
    """A program after its init; `restore` lets a fork of it answer once."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        assert self._said() == "ready"

    def restore(self, line: str = "measure") -> tuple[float, Any]:
        """Milliseconds to the end of the first answer, and what the fork tells besides."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        took, extra = json.loads(self._said())
        return float(took), extra

    def _said(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, "the program ended; what it said is in restore.log"
        return line


def measure(folder: Path, server: Server, build: LocalBuild) -> list[Result]:
    """The preferences function's first selection, with its secret read as deployed, against libpq's fork."""
    request = event("preferences", server.tenant_id, REQUEST, "POST /api/models/select")
    with deployed(folder, server) as environment:
        ours_environment = {
            **environment,
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{build.function('preferences')}:{build.layer / 'python'}:{build.runtime}",
            "EVENT": json.dumps(request),
            "POWERTOOLS_SERVICE_NAME": "preferences",
        }
        with _snapshot([build.python, "-SP", "-c", _OURS], folder, ours_environment) as ours:
            ours.restore()  # makes the member, whose row the floor needs, too
            trips = ours.restore("record")[1]
            floor_environment = {**os.environ, **paths(), "TRIPS": json.dumps(trips), "URL": server.tls_url}
            with _snapshot([sys.executable, "-c", _FLOOR], folder, floor_environment) as floor:
                rounds = in_turn({"ours": lambda: ours.restore()[0], "libpq": lambda: floor.restore()[0]}, 15)
    medians = rounds.medians
    detail = f"{medians['ours']:.1f} ms with its secret against {medians['libpq']:.1f} ms; {len(trips)} round trips"
    took = spread(rounds.samples["ours"])
    return [
        at_most("first request after a restore (ms)", took, 40, "fork after init; Lambda's own part is not in it"),
        told("first request after a restore ÷ libpq, same SQL", rounds.ratio("ours", "libpq"), detail, **medians),
    ]


@contextmanager
def _snapshot(command: list[str], folder: Path, environment: dict[str, str]) -> Iterator[_Snapshot]:
    with (folder / "restore.log").open("a") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield _Snapshot(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)
