"""Servers that the bench starts: our own front, the practice upstream, the peers. Each ends with its block."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

START_SECONDS = 120.0
STOP_SECONDS = 20.0


class NotStarted(RuntimeError):
    """A server did not come to listen. The message ends with what it last said."""


@contextmanager
def serving(
    command: Sequence[str], port: int, log: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[None]:
    """Run `command` in `folder` until the block ends; inside, it listens on `port`. Raises NotStarted."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_listening(process, port, log)
        yield
    finally:
        _stop(process)


def _wait_until_listening(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    give_up = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < give_up:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    said = " ".join(log.read_text(errors="replace").split())[-300:]
    raise NotStarted(f"{log.stem} did not start. It said: … {said}")


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # a session of its own, so only what it started itself
            process.wait()
