"""Three gateways in front of the same upstream, installed by the bench alone: LiteLLM's, Portkey's and any-llm's."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from bench.processes import serving
from dev import ROOT, postgres
from dev.children import free_port

INSTALL_SECONDS = 900
LITELLM_KEY = "sk-bench"  # it does not start without one
ANY_LLM_KEY = "bench-master"
PORTKEY = Path(__file__).parent / "portkey"


class PeerMissing(RuntimeError):
    """A peer could not be installed; the message says why."""


def install_litellm(folder: Path, python: str) -> Path:
    """Returns the interpreter of an environment of `python` with LiteLLM. Raises PeerMissing."""
    return _environment("LiteLLM", folder, python, "litellm")


def install_any_llm(folder: Path, python: str) -> Path:
    """Returns the interpreter of an environment of `python` with any-llm's gateway. Raises PeerMissing."""
    return _environment("any-llm", folder, python, "any-llm")


def install_portkey(folder: Path) -> Path:
    """A folder with Portkey's gateway in it, installed when it is not there. Raises PeerMissing."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise PeerMissing("Portkey's gateway needs Node.js with npm, which this machine does not have")
    target = folder / "portkey"
    target.mkdir(parents=True, exist_ok=True)
    installed = target / "installed-package-lock.json"
    wanted = (PORTKEY / "package-lock.json").read_bytes()
    if not installed.exists() or installed.read_bytes() != wanted:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(PORTKEY / name, target / name)
        _run("Portkey's gateway", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], target)
        installed.write_bytes(wanted)
    return target


def _environment(name: str, folder: Path, python: str, group: str) -> Path:
    """Returns the interpreter of an environment with a locked group, named by the interpreter's version."""
    version = subprocess.run([python, "-VV"], capture_output=True, text=True, check=True).stdout.split()[1]
    environment = folder / f"{group}-{version}"
    _run(name, ["sh", "dev/venv.sh", str(environment), group], ROOT, {"PYTHON": python})
    return environment / "bin" / "python"


def _run(name: str, command: list[str], folder: Path, variables: Mapping[str, str] | None = None) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            cwd=folder,
            env={**os.environ, **(variables or {})},
            timeout=INSTALL_SECONDS,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout).strip().splitlines() or ["nothing"]
        raise PeerMissing(f"{name} could not be installed: {said[-1][:200]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissing(f"{name} could not be installed: {error}") from error


@contextmanager
def litellm(folder: Path, python: Path, upstream: str) -> Iterator[int]:
    """LiteLLM's proxy before the OpenAI-like `upstream`, without database or telemetry; the port it serves on."""
    model = {"model": "openai/gpt-4o-mini", "api_base": upstream, "api_key": "practice"}
    config = folder / "litellm.yaml"
    config.write_text(json.dumps({"model_list": [{"model_name": "gpt-4o-mini", "litellm_params": model}]}))  # YAML, too
    port = free_port()
    command = [str(python.parent / "litellm"), "--config", str(config), "--host", "127.0.0.1", "--port", str(port)]
    environment = {
        "LITELLM_MASTER_KEY": LITELLM_KEY,
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_LOG": "ERROR",
        "LITELLM_MODE": "PRODUCTION",
    }
    with serving([*command, "--telemetry", "False"], port, folder / "litellm.log", folder, environment):
        yield port


@contextmanager
def portkey(folder: Path, installed: Path) -> Iterator[int]:
    """Portkey's gateway, which takes its upstream from a header of each request; the port it serves on."""
    port = free_port()
    server = installed / "node_modules" / "@portkey-ai" / "gateway" / "build" / "start-server.js"
    command = ["node", str(server), f"--port={port}", "--headless"]
    with serving(command, port, folder / "portkey.log", installed, {"TRUSTED_CUSTOM_HOSTS": "127.0.0.1,localhost"}):
        yield port


@contextmanager
def any_llm(folder: Path, python: Path, upstream: str, users: int) -> Iterator[tuple[int, list[str]]]:
    """any-llm's gateway with its books in a durable PostgreSQL of its own; the port it serves on, and a key a user.

    Users are as many as will ask at once: two requests of one user at once block each other in it for ever.
    """
    shutil.rmtree(folder / "any_llm_database", ignore_errors=True)
    database = postgres.start(folder / "any_llm_database" / "postgres")
    try:
        config = folder / "any_llm.yaml"
        settings = {
            # With the driver that is locked beside it, and without %-signs, which its migrations' settings cannot hold.
            "database_url": unquote(database.url).replace("postgresql:", "postgresql+psycopg2:"),
            "master_key": ANY_LLM_KEY,
            "providers": {"openai": {"api_key": "practice", "api_base": upstream}},
            "pricing": {"openai:gpt-4o-mini": {"input_price_per_million": 0.15, "output_price_per_million": 0.6}},
        }
        config.write_text(json.dumps(settings))  # YAML, too
        port = free_port()
        command = [str(python.parent / "any-llm-gateway"), "serve", "--config", str(config), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--log-level", "40"]
        with serving(command, port, folder / "any_llm.log", folder, {"OTEL_SDK_DISABLED": "true"}):
            yield port, [_any_llm_key(port, f"bench{number}") for number in range(users)]
    finally:
        database.stop()


def _any_llm_key(port: int, user: str) -> str:
    _post(port, "/v1/users", {"user_id": user})
    return str(_post(port, "/v1/keys", {"key_name": user, "user_id": user})["key"])


def _post(port: int, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Content-Type": "application/json", "X-AnyLLM-Key": f"Bearer {ANY_LLM_KEY}"}
    connection.request("POST", path, json.dumps(body), headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    if answer.status != 200:
        raise PeerMissing(f"any-llm's gateway answered {answer.status} to {path}: {text[:200]!r}")
    found: dict[str, Any] = json.loads(text)
    return found
