"""Logs of functions that run inside this process: written as on Lambda, and to nowhere that scrolls figures away."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def logs_unseen() -> Iterator[None]:
    """Standard output of this process goes to /dev/null inside the block, so that writing logs is still measured."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
