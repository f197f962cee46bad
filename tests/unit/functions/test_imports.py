"""Libraries that a cold start must not pay for."""

import subprocess
import sys

from dev.build import function_names
from tests.contract.template import FUNCTIONS, properties

HEAVY = (
    *("pydantic", "boto3", "cryptography", "jwt", "urllib3", "stripe", "croniter", "genai_prices", "model_prices"),
    *("numpy", "yaml"),
)
# SnapStart functions import at the top: the snapshot holds it, and the first request after a restore does not pay.
SNAPSHOT = {"pydantic", "boto3", "urllib3", "stripe", "croniter", "cryptography"}
NEEDED = {
    "chat": {"pydantic"},
    "provider_sync": {"pydantic"},
    **{name: SNAPSHOT for name in FUNCTIONS if "SnapStart" in properties(name)},
    "authorizer": {"cryptography", "jwt"},
}


def test_handlers_are_imported_without_heavy_libraries() -> None:
    """All in one process, those that need something last; what is imported tells who was the first to need it."""
    program = (
        "import importlib, sys; sys.path[:0] = ['layers/common', '.']\n"
        "for name in sys.argv[1:]:\n"
        "    before = set(sys.modules)\n"
        "    importlib.import_module(f'functions.{name}.handler')\n"
        f"    print(name, *sorted(set({HEAVY!r}) & (set(sys.modules) - before)))"
    )
    names = sorted(function_names(), key=lambda name: (name in NEEDED, name))
    done = subprocess.run([sys.executable, "-c", program, *names], capture_output=True, text=True, check=True)
    imported = {name: set(heavy) for name, *heavy in map(str.split, done.stdout.splitlines())}
    assert imported.keys() == set(names)
    assert {name: heavy for name, heavy in imported.items() if not heavy <= NEEDED.get(name, set())} == {}
