"""`python -m dev.reset` (or `make reset`): forget all local data."""

import shutil
import sys

from dev import postgres
from dev.run import FOLDER, lock_folder


def main() -> int:
    """Empty `.stoa/`, unless Stoa runs from it."""
    lock = lock_folder(FOLDER)
    if lock is None:
        print("Stoa runs from this folder. Stop it first (Ctrl-C there).", file=sys.stderr)
        return 1
    with lock:
        postgres.stop_leftover(FOLDER / "postgres")
        shutil.rmtree(FOLDER)
    print("The local data is gone. The next `make run` starts afresh.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
