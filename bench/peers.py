"""LiteLLM's proxy and Portkey's gateway, installed by the bench alone and put in front of the same upstream."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.processes import serving
from dev import ROOT
from dev.children import free_port

INSTALL_SECONDS = 600
LITELLM_KEY = "sk-bench"  # it does not start without one
PORTKEY = Path(__file__).parent / "portkey"


class PeerMissing(RuntimeError):
    """A peer could not be installed; the message says why."""


def install_litellm(folder: Path, python: str) -> Path:
    """The interpreter of an environment with LiteLLM, made when it is not there. Raises PeerMissing."""
    environment = folder / "litellm"
    command = ["sh", "dev/venv.sh", str(environment), "litellm"]
    _install("LiteLLM", command, ROOT, {"PYTHON": python})
    return environment / "bin" / "python"


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
        _install("Portkey's gateway", ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], target, {})
        installed.write_bytes(wanted)
    return target


def _install(name: str, command: list[str], folder: Path, environment: dict[str, str]) -> None:
    try:
        subprocess.run(
            command,
            check=True,
            cwd=folder,
            env={**os.environ, **environment},
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
