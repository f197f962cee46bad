"""`python -m bench` (or `make bench`): measure everything; `--only SECTION …` measures some and writes nothing."""

import argparse
import os
import shutil
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from bench import (
    chat,
    cold_start,
    growth,
    limit,
    outage,
    peers,
    report,
    restore,
    schedules,
    selection,
    size,
    streaming_cpu,
    sync,
    validated,
    writes,
)
from bench.measure import Result, not_measured
from bench.server import Server, server
from dev import ROOT
from dev.build import LocalBuild, build_local

FOLDER = ROOT / ".stoa" / "bench"
CHARTS = ROOT / "docs" / "bench"


class Bench:
    """Holds what several sections need. Each part is made when the first section asks for it."""

    def __init__(self, stack: ExitStack, folder: Path) -> None:
        self._stack = stack
        self.folder = folder

    @cached_property
    def build(self) -> LocalBuild:
        """Layer and functions as they are shipped, for this machine."""
        print("  building the functions …", flush=True)
        build = build_local(self.folder / "built")
        return replace(build, python=_behind_the_shim(build.python))

    @cached_property
    def server(self) -> Server:
        """A durable PostgreSQL with one tenant, empty at the start of each run."""
        print("  starting PostgreSQL …", flush=True)
        return self._stack.enter_context(server(self.folder / "database"))

    def litellm(self) -> Path | str:
        """LiteLLM's interpreter, of the version that functions run on, or why there is none."""
        print("  installing LiteLLM, where it is not there …", flush=True)
        try:
            return peers.install_litellm(self.folder, self.build.python)
        except peers.PeerMissing as error:
            return str(error)


SECTIONS: dict[str, Callable[[Bench], list[Result]]] = {
    "size": lambda bench: size.measure(bench.build),
    "cold": lambda bench: cold_start.measure(bench.folder, bench.server, bench.build, bench.litellm()),
    "restore": lambda bench: restore.measure(bench.folder, bench.server, bench.build),
    "init": lambda bench: cold_start.measure_init(bench.folder, bench.server, bench.build),
    "selection": lambda bench: selection.measure(bench.server),
    "validated": lambda bench: validated.measure(bench.server),
    "cpu": lambda bench: streaming_cpu.measure(bench.folder, bench.server),
    "limit": lambda bench: limit.measure(bench.folder, bench.server),
    "chat": lambda bench: chat.measure(bench.folder),
    "outage": lambda bench: outage.measure(bench.folder),
    "writes": lambda bench: writes.measure(bench.server),
    "schedules": lambda bench: schedules.measure(bench.server),
    "sync": lambda bench: sync.measure(bench.folder / "sync"),
    "growth": lambda bench: growth.measure(bench.folder, bench.server, CHARTS),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and report; 1 when a section broke off (a missed goal is no failure)."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECTIONS, metavar="SECTION", help=", ".join(SECTIONS))
    chosen = parser.parse_args(arguments).only
    _quiet()
    for left_over in ("database", "stack", "sync", "outage", "small"):
        shutil.rmtree(FOLDER / left_over, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    broken = False
    with ExitStack() as stack:
        bench = Bench(stack, FOLDER)
        for name in chosen or SECTIONS:
            print(f"{name} …", flush=True)
            began = time.monotonic()
            try:
                results += SECTIONS[name](bench)
            except Exception as error:  # noqa: BLE001 - the other sections' figures must not be lost with this one
                traceback.print_exc()
                results.append(not_measured(name, f"broke off: {type(error).__name__}: {error}"))
                broken = True
            print(f"  {time.monotonic() - began:.0f} s", flush=True)
        python = bench.build.python
    report.print_table(results)
    if not chosen:
        report.write(results, python)
        print(f"\nWritten: {report.RESULTS.relative_to(ROOT)}, {CHARTS.relative_to(ROOT)}/", flush=True)
    return int(broken)


def _behind_the_shim(python: str) -> str:
    """The interpreter itself: a version manager's script before it would add its own start to every cold start."""
    program = "import sys; print(sys.executable)"
    return subprocess.run([python, "-c", program], capture_output=True, text=True, check=True).stdout.strip()


def _quiet() -> None:
    """Warnings and metrics would scroll the figures away."""
    warnings.simplefilter("ignore")
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", "bench")
    os.environ.setdefault("POWERTOOLS_METRICS_DISABLED", "true")


if __name__ == "__main__":
    sys.exit(main())
