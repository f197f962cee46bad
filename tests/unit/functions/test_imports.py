"""What a cold start must not pay for."""

import subprocess
import sys

import pytest

HEAVY = ("pydantic", "boto3", "cryptography", "jwt", "urllib3", "stripe", "croniter")


@pytest.mark.parametrize("function", ["catalog", "preferences", "personas"])
def test_a_handler_is_imported_without_heavy_libraries(function: str) -> None:
    program = (
        "import sys; sys.path[:0] = ['layers/common', '.']; "
        f"import functions.{function}.handler; print(*sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
