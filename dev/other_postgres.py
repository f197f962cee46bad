"""`python -m dev.other_postgres BIN_FOLDER TEST…`: run tests on another installed PostgreSQL, a server of their own."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from dev import ROOT, postgres


def main(binaries: Path, tests: list[str]) -> int:
    """Returns the exit code of pytest."""
    with tempfile.TemporaryDirectory(prefix="stoa-other-") as folder:
        # The server may run as another user, who must be able to look into the folder.
        Path(folder).chmod(0o755)
        server = postgres.start(Path(folder) / "postgres", binaries=binaries, settings={"fsync": "off"})
        try:
            command = [sys.executable, "-m", "pytest", "--quiet", *tests]
            return subprocess.run(command, cwd=ROOT, env={**os.environ, "DATABASE_URL": server.url}).returncode
        finally:
            server.stop()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2:]))
