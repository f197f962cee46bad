"""Cold start: a new process to its first answer, and the init of each built function under Lambda's emulator.

Functions are measured as they are deployed: built, compiled, and with their database secret in Secrets Manager.
"""

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.cloud import deployed
from bench.measure import ROUNDS, Result, Rounds, at_most, in_turn, not_measured
from bench.selection import REQUEST
from bench.server import Server, event
from bench.stoa_front import practice_upstream
from dev import ROOT
from dev.build import LocalBuild, function_names
from dev.emulator import Emulator, EmulatorFailed, find_emulator
from dev.gateway.template import read_template
from dev.practice.running import provider_url

# A start is over with the answer. Each process ends at once, because Lambda takes none apart before it answers.
ANSWERED = "\nimport os; os._exit(0)"
# Lambda's runtime client, and of the standard library what whoever logs JSON and speaks TLS imports anyway.
FLOOR = "import awslambdaric.bootstrap, json, logging, ssl, urllib.request" + ANSWERED
RUNTIME_CLIENT = "import awslambdaric.bootstrap" + ANSWERED
FIRST_SELECTION = (
    """
import json, os
import awslambdaric.bootstrap
from functions.preferences.handler import handler
answer = handler(json.loads(os.environ["EVENT"]), None)
assert answer["statusCode"] == 200, answer
"""
    + ANSWERED
)
# Chat runs in a loop of our own in the place of Lambda's client.
FIRST_CHAT = (
    """
import json, os
from stoa.runtime.streaming import load_handler
handler = load_handler("functions.chat.handler.handler", os.environ["LAMBDA_TASK_ROOT"])
answer = handler(json.loads(os.environ["EVENT"]), None)
said = b"".join(answer.body)
assert answer.status == 200 and b"event: done" in said, said
"""
    + ANSWERED
)
FLOOR_HANDLER = """
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
import pg8000.native

def handler(event, context):
    return {}
"""


def measure(folder: Path, server: Server, build: LocalBuild, litellm: Path | str) -> list[Result]:
    """Process start → secret → TLS and SCRAM → selection or chat → answer, against the bare runtime and LiteLLM.

    `litellm` is the interpreter that has it, or why there is none.
    """
    with deployed(folder, server) as environment, practice_upstream(folder) as upstream:
        request = event("preferences", server.tenant_id, REQUEST, "POST /api/models/select")
        selection = _function(build, "preferences", environment, request)
        provider = {
            "STOA_PROVIDER_OPENAI_API_KEY": "practice",
            "STOA_PROVIDER_OPENAI_BASE_URL": provider_url(upstream, "openai"),
        }
        chat = _function(build, "chat", {**environment, **provider}, event("chat", server.tenant_id, REQUEST))
        # -S: what this machine's own site-packages start (.pth files) is none of Lambda's.
        processes = {
            "first selection": lambda: _milliseconds([build.python, "-SP", "-c", FIRST_SELECTION], selection),
            "first chat": lambda: _milliseconds([build.python, "-SP", "-c", FIRST_CHAT], chat),
            "bare runtime": lambda: _milliseconds([build.python, "-SP", "-c", FLOOR], selection),
            "runtime client alone": lambda: _milliseconds([build.python, "-SP", "-c", RUNTIME_CLIENT], selection),
        }
        if isinstance(litellm, Path):
            # Without this it asks the internet for prices first, and tries again for seconds where there is none.
            offline = {"PATH": os.environ["PATH"], "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
            processes["import litellm"] = lambda: _milliseconds([str(litellm), "-c", "import litellm"], offline)
        rounds = in_turn(processes)
    results = [_row(rounds, "first selection", "bare runtime", 3.0), _row(rounds, "first chat", "bare runtime", 3.0)]
    if isinstance(litellm, Path):
        results.append(_row(rounds, "first selection", "import litellm", 0.06))
    else:
        results.append(not_measured("cold start, first selection ÷ import litellm", litellm))
    return results


def measure_init(folder: Path, server: Server, build: LocalBuild) -> list[Result]:
    """INIT REPORT of each built function, against a function that imports only the resolver and the driver."""
    binary = find_emulator()
    if binary is None:
        return [not_measured("init of built functions", "no runtime interface emulator on this machine")]
    floor_folder = build.folder / "functions" / "floor"
    floor_folder.mkdir(exist_ok=True)
    (floor_folder / "handler.py").write_text(FLOOR_HANDLER)
    names = [*function_names(), "floor"]
    samples: dict[str, list[float]] = {name: [] for name in names}
    with deployed(folder, server) as environment:
        for _ in range(ROUNDS):
            for name in names:
                samples[name].append(_init(binary.resolve(), build, name, environment))
    rounds = Rounds(samples)
    floor = rounds.medians["floor"]
    results = []
    for name in names[:-1]:
        took = rounds.medians[name]
        detail = f"{took:.0f} ms against {floor:.0f} ms"
        ratio = rounds.ratio(name, "floor")
        results.append(at_most(f"init of {name} ÷ floor", ratio, 1.3, detail, ours=took, floor=floor))
    return results


def _row(rounds: Rounds, ours: str, floor: str, goal: float) -> Result:
    medians = rounds.medians
    detail = f"{medians[ours]:.0f} ms against {medians[floor]:.0f} ms; with the secret as deployed"
    return at_most(f"cold start, {ours} ÷ {floor}", rounds.ratio(ours, floor), goal, detail, **medians)


def _function(
    build: LocalBuild, name: str, environment: Mapping[str, str], request: Mapping[str, Any]
) -> dict[str, str]:
    return {
        **read_template(ROOT / "template.yaml").environment,
        **environment,
        "PATH": os.environ["PATH"],
        "LAMBDA_TASK_ROOT": str(build.function(name)),
        "PYTHONPATH": f"{build.function(name)}:{build.layer / 'python'}:{build.runtime}",
        "EVENT": json.dumps(request),
        "POWERTOOLS_SERVICE_NAME": name,
    }


def _init(binary: Path, build: LocalBuild, name: str, environment: Mapping[str, str]) -> float:
    with Emulator(binary, build, name, environment) as emulator:
        with contextlib.suppress(EmulatorFailed):
            emulator.invoke({})  # the answer is an error, and the init before it is what counts
        return emulator.init_milliseconds()


def _milliseconds(command: list[str], environment: dict[str, str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1000
