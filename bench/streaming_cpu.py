"""Processor time of streamed answers and memory of open ones: our OpenAI wire against the standard library's client."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.measure import Result, at_most, in_turn, not_measured, spread
from bench.server import Server, event
from bench.stoa_front import paths, practice_upstream
from bench.streams import HELD, RawReader, WireReader
from dev import ROOT
from dev.practice.running import provider_url

PIECES = 1_000
ANSWERS = 2  # a round
# Each piece comes by itself, as from a real provider, so that each is a read of its own.
QUESTION = f"[[practice:slow chunks={PIECES} delaySeconds=0.001]] Explain the difference between a list and a tuple."
OPEN_STREAMS = 200
MEMORY_ROUNDS = 3


def measure(folder: Path, server: Server) -> list[Result]:
    """Both over plain HTTP on a kept connection, to the last piece; then many chats, open at their first piece."""
    with practice_upstream(folder) as port:
        rounds = in_turn({"ours": lambda: _cpu(WireReader(port)), "raw": lambda: _cpu(RawReader(port))})
        results = [_memory(server, port)]
    ours, raw = rounds.medians["ours"], rounds.medians["raw"]
    detail = f"{ours:.0f} ms against {raw:.0f} ms of processor time"
    name = f"CPU per {PIECES:,} streamed pieces ÷ http.client"
    return [at_most(name, rounds.ratio("ours", "raw"), 1.2, detail, **rounds.medians), *results]


def _cpu(reader: "WireReader | RawReader") -> float:
    reader.read("Warm up.")  # opens the connection
    began = time.process_time()
    for _ in range(ANSWERS):
        assert reader.read(QUESTION) == PIECES
    return (time.process_time() - began) * 1000 / ANSWERS


def _memory(server: Server, port: int) -> Result:
    name = "memory of an open stream (kB)"
    if not Path("/proc/self/statm").exists():
        return not_measured(name, "needs Linux's /proc/self/statm")
    if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 2 * OPEN_STREAMS:
        return not_measured(name, f"this process may not open {2 * OPEN_STREAMS} files; raise `ulimit -n`")
    request = event("chat", server.tenant_id, {"content": HELD, "modelId": None})
    environment = {
        **paths(),
        "EVENT": json.dumps(request),
        "STOA_DATABASE_URL": server.url,
        "STOA_PROVIDER_OPENAI_API_KEY": "practice",
        "STOA_PROVIDER_OPENAI_BASE_URL": provider_url(port, "openai"),
    }
    kinds = {kind: lambda kind=kind: _kilobytes(kind, port, environment) for kind in ("chat", "wire", "raw")}
    rounds = in_turn(kinds, rounds=MEMORY_ROUNDS)
    medians = rounds.medians
    others = f"our wire alone {medians['wire']:.0f} kB, http.client {medians['raw']:.0f} kB"
    detail = f"resident memory by {OPEN_STREAMS} chats at their first piece; {others}"
    return at_most(name, spread(rounds.samples["chat"]), 64, detail, **medians)


def _kilobytes(kind: str, port: int, environment: dict[str, str]) -> float:
    """Returns a stream's share, measured in a new process. It tells on standard error: logs go to its output."""
    command = [sys.executable, "-m", "bench.streams", kind, str(port), str(OPEN_STREAMS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return float(done.stderr.splitlines()[-1])
