"""The table at the end of a run, and `results.json` with the machine it was measured on."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench.measure import Result
from dev import ROOT, postgres

RESULTS = Path(__file__).parent / "results.json"


def print_table(results: Sequence[Result]) -> None:
    """Prints a line for each row: name, figure with the spread of its rounds, goal, whether it is met, and times."""
    width = max(len(result.name) for result in results)
    print(f"\n{'':{width}}  {'figure':>8}  {'rounds':^13}  {'goal':>7}", flush=True)
    for result in results:
        figure = "–" if result.value is None else f"{result.value:.3g}"
        between = "" if result.low is None or result.high is None else f"{result.low:.3g}–{result.high:.3g}"
        verdict = {True: "met", False: "MISSED", None: ""}[result.met]
        print(
            f"{result.name:{width}}  {figure:>8}  {between:^13}  {result.goal:>7}  {verdict:6}  {result.detail}",
            flush=True,
        )


def write(results: Sequence[Result], function_python: str) -> None:
    """Write `results.json`."""
    document = {
        "taken": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(),
        "machine": _machine(function_python),
        "results": [asdict(result) for result in results],
    }
    RESULTS.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _commit() -> str:
    commit = _said(["git", "rev-parse", "HEAD"])
    changed = _said(["git", "status", "--porcelain", "--", "layers", "functions", "dev", "bench/*.py", "migrations"])
    return f"{commit} with changes" if changed else commit


def _machine(function_python: str) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "python_of_functions": _said([function_python, "--version"]).removeprefix("Python "),
        "postgresql": _said([str(postgres.bundled_binaries() / "postgres"), "--version"]).rpartition(" ")[2],
        "load_average_at_the_end": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _said(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
