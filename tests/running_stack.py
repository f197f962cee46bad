"""The whole local stack in a process of its own, as `make run` starts it."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from dev import ROOT


class Running:
    """The stack in a process of its own, and what it has printed."""

    def __init__(self, folder: Path, port: int, environment: Mapping[str, str] | None = None) -> None:
        self.folder, self.port = folder, port
        self.lines: list[str] = []
        self._told = threading.Condition()
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("STOA_", "AWS_"))}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dev.run", str(folder)],
            cwd=ROOT,
            env={**clean, "PORT": str(port), **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._told:
                self.lines.append(line.rstrip("\n"))
                self._told.notify_all()

    def wait_for_line(self, start: str) -> str:
        with self._told:
            assert self._told.wait_for(lambda: any(line.startswith(start) for line in self.lines), 60), self.lines
            return next(line for line in self.lines if line.startswith(start))

    def stop(self, number: signal.Signals) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(30)
        self._reader.join(10)
        return code
