"""Helper processes: Python modules that run beside the gateway and end with it, also when it is killed.

`python -m dev.children MODULE ARGUMENT…` runs a module until its standard input ends, which the kernel sees to when the
starting process is gone.
"""

import os
import runpy
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from dev import ROOT

START_SECONDS = 30.0
STOP_SECONDS = 3.0


class Child:
    """A module of ours that listens on `port` of 127.0.0.1, in a process of its own; its words go to `log_path`."""

    def __init__(self, module: str, *arguments: str, port: int, log_path: Path) -> None:
        self.port = port
        self._module = module
        self._log_path = log_path
        paths = [str(ROOT), str(ROOT / "layers" / "common"), os.environ.get("PYTHONPATH", "")]
        with log_path.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "dev.children", module, *arguments],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
                start_new_session=True,  # Ctrl-C is for the gateway, which stops its helpers in order
            )

    def wait_until_listening(self) -> None:
        """Return when connections are taken. Raises RuntimeError with the log's end when that does not come to be."""
        give_up = time.monotonic() + START_SECONDS
        while self._process.poll() is None and time.monotonic() < give_up:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        self.stop()
        said = self._log_path.read_text(errors="replace").strip()[-2000:]
        raise RuntimeError(f"{self._module} did not start. Its log ({self._log_path}) says:\n{said}")

    def stop(self) -> None:
        """End it at once: it keeps nothing. Asked by a signal, a server would wait for whoever holds a connection."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def free_port() -> int:
    """Returns a port that nobody used a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)
    os._exit(0)


def main() -> None:
    """Run the module that the arguments name."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
