"""Cold start: a new process to its first answer, and the init of each built function under Lambda's emulator."""

import contextlib
import json
import os
import statistics
import subprocess
import time
from pathlib import Path

from bench.measure import ROUNDS, Result, at_most, in_turn, not_measured
from bench.selection import REQUEST
from bench.server import Server, event
from dev.build import LocalBuild, function_names
from dev.emulator import Emulator, EmulatorFailed, find_emulator

# Lambda's runtime client, and of the standard library what whoever logs JSON and speaks TLS imports anyway.
FLOOR = "import awslambdaric.bootstrap, json, logging, ssl, urllib.request"
RUNTIME_CLIENT = "import awslambdaric.bootstrap"
FIRST_SELECTION = """
import json, os
import awslambdaric.bootstrap
from functions.preferences.handler import handler
answer = handler(json.loads(os.environ["EVENT"]), None)
assert answer["statusCode"] == 200, answer
"""
FLOOR_HANDLER = """
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
import pg8000.native

def handler(event, context):
    return {}
"""


def measure(server: Server, build: LocalBuild, litellm: Path | str) -> list[Result]:
    """Process start → TLS and SCRAM → selection → answer, against the bare runtime and against `import litellm`.

    `litellm` is the interpreter that has it, or why there is none.
    """
    request = event("preferences", server.tenant_id, REQUEST, "POST /api/models/select")
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{build.function('preferences')}:{build.layer / 'python'}:{build.runtime}",
        "STOA_DATABASE_URL": server.tls_url,
        "EVENT": json.dumps(request),
        "POWERTOOLS_SERVICE_NAME": "preferences",
    }
    # -S: what this machine's own site-packages start (.pth files) is none of Lambda's.
    processes = {
        "first selection": lambda: _milliseconds([build.python, "-S", "-c", FIRST_SELECTION], environment),
        "bare runtime": lambda: _milliseconds([build.python, "-S", "-c", FLOOR], environment),
        "runtime client alone": lambda: _milliseconds([build.python, "-S", "-c", RUNTIME_CLIENT], environment),
    }
    if isinstance(litellm, Path):
        # Without this it asks the internet for prices first, and tries again for seconds where there is none.
        offline = {"PATH": os.environ["PATH"], "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        processes["import litellm"] = lambda: _milliseconds([str(litellm), "-c", "import litellm"], offline)
    medians = in_turn(processes)
    ours, floor = medians["first selection"], medians["bare runtime"]
    detail = f"{ours:.0f} ms against {floor:.0f} ms"
    results = [at_most("cold start ÷ bare runtime", ours / floor, 3.0, detail, **medians)]
    name = "cold start ÷ `import litellm`"
    if isinstance(litellm, Path):
        peer = medians["import litellm"]
        results.append(at_most(name, ours / peer, 0.06, f"{ours:.0f} ms against {peer:.0f} ms"))
    else:
        results.append(not_measured(name, litellm))
    return results


def measure_init(server: Server, build: LocalBuild) -> list[Result]:
    """INIT REPORT of each built function, against a function that imports only the resolver and the driver."""
    binary = find_emulator()
    if binary is None:
        return [not_measured("init of built functions", "no runtime interface emulator on this machine")]
    floor_folder = build.folder / "functions" / "floor"
    floor_folder.mkdir(exist_ok=True)
    (floor_folder / "handler.py").write_text(FLOOR_HANDLER)
    names = [*function_names(), "floor"]
    samples: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            samples[name].append(_init(binary.resolve(), build, name, server))
    floor = statistics.median(samples.pop("floor"))
    results = []
    for name, times in samples.items():
        took = statistics.median(times)
        detail = f"{took:.0f} ms against {floor:.0f} ms"
        results.append(at_most(f"init of {name} ÷ floor", took / floor, 1.3, detail, ours=took, floor=floor))
    return results


def _init(binary: Path, build: LocalBuild, name: str, server: Server) -> float:
    environment = {"STOA_DATABASE_URL": server.url, "STOA_MIGRATION_DATABASE_URL": server.owner_url}
    with Emulator(binary, build, name, environment) as emulator:
        with contextlib.suppress(EmulatorFailed):
            emulator.invoke({})  # the answer is an error, and the init before it is what counts
        return emulator.init_milliseconds()


def _milliseconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000
