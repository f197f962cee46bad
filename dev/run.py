"""`python -m dev.run [FOLDER]` (or `make run`): the whole of Stoa on this machine, until Ctrl-C."""

import fcntl
import os
import signal
import sys
import threading
from pathlib import Path
from typing import IO

from dev import ROOT
from dev.demo import ADMIN, MEMBERS
from dev.postgres import PostgresFailed
from dev.serving.server import listen
from dev.stack import Stack, running
from stoa.workflows.operations.migrate import OlderShape

DEFAULT_PORT = 8787
FOLDER = ROOT / ".stoa"


def main(folder: Path = FOLDER) -> int:
    """Run until Ctrl-C or SIGTERM, with the data in `folder`. The exit code says whether it could start."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        port = int(os.environ.get("PORT", str(DEFAULT_PORT)))
        listener = listen(port)
    except (ValueError, OverflowError):
        return _fail("PORT is not a port number. Try: make run PORT=8788")
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        return _fail(f"Port {port} cannot be used ({reason}). Try another one: make run PORT={port + 1}")
    lock = lock_folder(folder)
    if lock is None:
        return _fail("Stoa already runs from this folder. Stop that one first (Ctrl-C there).")
    with lock:
        try:
            with running(listener, folder) as stack:
                print(_welcome(stack), flush=True)
                stop.wait()
                print("\nStopping…", flush=True)
        except OlderShape as error:
            return _fail(f"{error}\n{_way_out()}")
        except (PostgresFailed, RuntimeError) as error:
            return _fail(str(error))
    print(f"Stopped. Data stays in {folder.name}/ (make reset empties it).", flush=True)
    return 0


def lock_folder(folder: Path) -> IO[str] | None:
    """Hold the data folder for this process, or None when another one has it. The kernel lets go when we end."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "run.lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def _welcome(stack: Stack) -> str:
    member = stack.token(MEMBERS[0])
    return f"""
Stoa answers on {stack.url}   (Ctrl-C stops it, data stays in .stoa/)

Token of {MEMBERS[0]}, a member:
{member}

Token of {ADMIN}, an admin:
{stack.token(ADMIN)}

A streamed chat, ready to paste:
curl -N {stack.url}/api/chat \\
  -H 'Authorization: Bearer {member}' \\
  -H 'Accept: text/event-stream' -H 'Content-Type: application/json' \\
  -d '{{"content": "Say hello in three languages.", "modelId": null}}'

More tokens: curl {stack.url}/dev/token -d '{{"email": "you@example.test"}}'
An operator's: curl {stack.url}/dev/token -d '{{"email": "ops@demo.test", "groups": ["operator"]}}'
Mail that was sent since it started: curl {stack.url}/dev/mail
What runs by the clock, at once: curl -X POST {stack.url}/dev/run/mailer (or another function's name)

{_database(stack)}
{_payments(stack)}
Providers without a key in STOA_PROVIDER_<ID>_API_KEY are practice ones that make their text up.
To have them fail, or say other prices (dev/practice/README.md): http://127.0.0.1:{stack.practice_port}/practice
"""


def _database(stack: Stack) -> str:
    if os.environ.get("DATABASE_URL"):
        return "Data goes to the database in DATABASE_URL."
    return f"Its database, as the owner: {stack.owner_url}"


def _way_out() -> str:
    if os.environ.get("DATABASE_URL"):
        return "Name an empty database in DATABASE_URL."
    return '"make reset" empties it (all local data is lost).'


def _payments(stack: Stack) -> str:
    if stack.stripe_port is None:
        return "Purchases go to Stripe, by the key in STRIPE_API_KEY."
    return f"Purchases go to a practice Stripe, where no money moves: http://127.0.0.1:{stack.stripe_port}/practice"


def _fail(message: str) -> int:
    print(message, file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:2])))
