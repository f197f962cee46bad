"""Libraries that a cold start must not pay for."""

import subprocess
import sys

from dev.build import function_names
from dev.children import free_port
from tests.aws_server import AWS_KEYS
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


def test_a_function_reads_its_database_secret_without_the_sdk() -> None:
    """In a process of its own: the secret is asked for, and neither boto3 nor botocore was imported for it."""
    program = (
        "import sys; sys.path[:0] = ['layers/common', '.']\n"
        "import functions.sweep.handler\n"
        "from stoa.core.secrets import SecretUnreachable\n"
        "from stoa.database.pool import database\n"
        "try:\n"
        "    database()\n"
        "except SecretUnreachable as error:\n"
        "    print(error.code, *sorted({'boto3', 'botocore'} & set(sys.modules)))"
    )
    environment = {
        **AWS_KEYS,
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "STOA_DATABASE_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:stoa",
    }
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["ConnectionRefusedError"]


def test_a_snapshot_holds_tls_settings_but_no_secret_and_no_connection() -> None:
    """In a process of its own, where every connection fails: all handlers are imported, and nothing was asked for."""
    program = (
        "import importlib, socket, sys; sys.path[:0] = ['layers/common', '.']\n"
        "def refuse(*_): raise AssertionError('a connection at init')\n"
        "socket.socket.connect = refuse\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(f'functions.{name}.handler')\n"
        "from stoa.core.secrets import secret\n"
        "from stoa.database.pool import database\n"
        "from stoa.core.tls import _trusting\n"
        "print(*(made.cache_info().currsize for made in (secret, database, _trusting)))"
    )
    environment = {**AWS_KEYS, "STOA_DATABASE_SECRET_ARN": "arn:aws:secretsmanager:us-east-1:123456789012:secret:stoa"}
    command = [sys.executable, "-c", program, *function_names()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.split() == ["0", "0", "1"]
