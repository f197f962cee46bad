"""Run a built function under AWS's own runtime interface emulator: the proof that what is packaged also runs.

The emulator's binary comes inside the aws-sam-cli package. It starts the runtime as Lambda does (the task root as the
working directory, the layer and the runtime's folder behind it), takes one invocation at a time and stops as a whole.
"""

import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any

from dev.build import ROOT, LocalBuild
from dev.children import free_port

START_SECONDS = 30.0
STOP_SECONDS = 10.0
PRELUDE_END = b"\0" * 8
INVOKE = "/2015-03-31/functions/function/invocations"


class EmulatorFailed(RuntimeError):
    """The emulator did not start or broke off. The message ends with what it last said."""


def find_emulator() -> Path | None:
    """Returns this machine's emulator: `STOA_RIE`, or out of the SAM that `STOA_SAM` names or the build uses."""
    named = os.environ.get("STOA_RIE")
    if named:
        return Path(named)
    if sys.platform != "linux":
        return None  # the binary is Linux's
    processor = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}.get(platform.machine())
    sam = os.environ.get("STOA_SAM")
    environments = [Path(sam).parent.parent] if sam else []
    environments += [ROOT / ".venv-build", Path(sys.prefix)]
    within = f"lib/python3*/site-packages/samcli/local/rapid/aws-lambda-rie-{processor}"
    return next((path for folder in environments for path in folder.glob(within)), None)


class Emulator:
    """Runs a built function behind the emulator; a context manager. `environment` is what the template would set."""

    def __init__(self, binary: Path, build: LocalBuild, name: str, environment: Mapping[str, str]) -> None:
        self.task_root = build.function(name)
        self._port = free_port()
        runtime_port = free_port()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the emulator
        addresses = ["--runtime-interface-emulator-address", f"127.0.0.1:{self._port}"]
        addresses += ["--runtime-api-address", f"127.0.0.1:{runtime_port}"]
        handler = f"functions.{name}.handler.handler"
        self._process = subprocess.Popen(
            [str(binary), *addresses, *_runtime(build.package(name), build.python), handler],
            cwd=self.task_root,
            env=_environment(build, name, environment),
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def __enter__(self) -> "Emulator":
        give_up = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.01)
            else:
                return self
        self.stop()
        raise EmulatorFailed(f"The emulator did not start. It said:\n{self.log()[-2000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._log.close()

    def invoke(self, event: Mapping[str, Any], timeout: float = 60.0) -> bytes:
        """Returns the function's whole answer. The emulator gathers a stream before it hands it on."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=timeout)
        try:
            connection.request("POST", INVOKE, json.dumps(event))
            return connection.getresponse().read()
        except (OSError, ValueError) as error:
            raise EmulatorFailed(f"The invocation broke off. The emulator said:\n{self.log()[-4000:]}") from error
        finally:
            connection.close()

    def log(self) -> str:
        """Everything that the emulator and the function have written."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def init_milliseconds(self) -> float:
        """Returns the start time that the emulator reports, ms. Raises EmulatorFailed before the first call."""
        reported = re.search(r"INIT REPORT\(durationMs: ([\d.]+)", self.log())
        if reported is None:
            raise EmulatorFailed("The function has not been started yet.")
        return float(reported[1])

    def stop(self) -> None:
        """End the emulator and the runtime that it started."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()


def streamed(answer: bytes) -> tuple[dict[str, Any], bytes]:
    """Returns the prelude (status and headers) and the payload of a streamed answer."""
    prelude, end, payload = answer.partition(PRELUDE_END)
    if not end:
        raise EmulatorFailed(f"This is no streamed answer: {answer[:1000]!r}")
    return json.loads(prelude), payload


def _runtime(package: Path, python: str) -> list[str]:
    """Returns the command that Lambda would start: the managed runtime's, after the exec wrapper where there is one."""
    managed = [python, "-m", "awslambdaric"]
    wrapper = package / "run.sh"
    return [str(wrapper), *managed] if wrapper.exists() else managed


def _environment(build: LocalBuild, name: str, environment: Mapping[str, str]) -> dict[str, str]:
    # From nothing: what the developer's shell happens to hold must not make a packaging mistake work.
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "LAMBDA_TASK_ROOT": str(build.function(name)),
        "LAMBDA_RUNTIME_DIR": str(build.runtime),
        "PYTHONPATH": os.pathsep.join([str(build.function(name)), str(build.layer / "python"), str(build.runtime)]),
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_TIMEOUT": "60",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1024",
        "AWS_REGION": "eu-central-1",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "POWERTOOLS_SERVICE_NAME": name,
        **environment,
    }
