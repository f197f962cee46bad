"""What a cold start must not pay for."""

import subprocess
import sys

from dev.build import function_names

HEAVY = (
    *("pydantic", "boto3", "cryptography", "jwt", "urllib3", "stripe", "croniter", "genai_prices", "model_prices"),
    *("numpy", "yaml"),
)
# Pydantic costs 70 ms: worth it at init where every event needs it, as an API function's GET does not.
NEEDED = {
    "chat": {"pydantic"},
    "model_admin": {"pydantic", "boto3", "urllib3"},  # the client of KMS is part of the snapshot
    "provider_sync": {"pydantic"},
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
