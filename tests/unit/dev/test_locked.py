"""Checks that dev/locked.py reads of uv.lock what uv itself reads, and that the lock agrees with pyproject.toml."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import uv
from packaging.requirements import Requirement

from dev import ROOT
from dev.locked import LockUnreadable, groups, holds, read_lock, requirements, this_environment

LOCK = read_lock()
GROUPS = sorted(tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"])
LAYER_REQUIREMENTS = Path("layers/common/requirements.txt")
WINDOWS = {
    "implementation_name": "cpython",
    "os_name": "nt",
    "platform_machine": "AMD64",
    "platform_python_implementation": "CPython",
    "platform_system": "Windows",
    "python_full_version": "3.13.1",
    "sys_platform": "win32",
}
OLD_MAC = {
    **WINDOWS,
    "os_name": "posix",
    "platform_machine": "arm64",
    "platform_system": "Darwin",
    "python_full_version": "3.11.2",
    "sys_platform": "darwin",
}


def run_uv(folder: Path, *command: str) -> str:
    """Returns what a command prints that may read the lock and nothing of the network."""
    environment = {**os.environ, "UV_OFFLINE": "1", "UV_PYTHON": sys.executable}
    return subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True).stdout


def hashes(requirement: str) -> set[str]:
    return set(re.findall(r"--hash=(sha256:[0-9a-f]{64})(?!\S)", requirement))


def pins(lines: list[str]) -> dict[str, set[str]]:
    """`name==version` with its hashes."""
    return {line.split()[0]: hashes(line) for line in lines}


def test_the_lock_has_each_group_and_no_address() -> None:
    assert sorted(groups(LOCK)) == GROUPS
    assert "://" not in (ROOT / "uv.lock").read_text()


def test_locking_again_changes_nothing(tmp_path: Path) -> None:
    for file in (Path("pyproject.toml"), Path("uv.lock"), LAYER_REQUIREMENTS):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    run_uv(tmp_path, "sh", str(ROOT / "dev" / "lock.sh"), uv.find_uv_bin())
    assert (tmp_path / "uv.lock").read_text() == (ROOT / "uv.lock").read_text()
    # The layer ships what the lock pins for the group layer.
    assert (tmp_path / LAYER_REQUIREMENTS).read_text() == (ROOT / LAYER_REQUIREMENTS).read_text()


@pytest.mark.parametrize("group", GROUPS)
def test_each_group_is_pinned_and_hashed(group: str) -> None:
    for requirement in requirements(LOCK, group, this_environment()):
        pin, *rest = requirement.split(" \\\n    ")
        assert re.fullmatch(r"[a-z0-9-]+==[a-z0-9.]+", pin)
        assert rest
        assert all(re.fullmatch("--hash=sha256:[0-9a-f]{64}", hash) for hash in rest)


def test_what_is_tested_is_what_runs_and_what_the_layer_ships() -> None:
    layer, run, test, bench = (
        pins(requirements(LOCK, group, this_environment())).keys() for group in ("layer", "run", "test", "bench")
    )
    assert layer < run < test
    assert run < bench


@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("environment", [this_environment(), WINDOWS, OLD_MAC], ids=["here", "windows", "mac"])
def test_the_reader_agrees_with_uv(group: str, environment: dict[str, str]) -> None:
    exported = run_uv(ROOT, uv.find_uv_bin(), "export", "--quiet", "--frozen", "--only-group", group, "--no-annotate")
    expected = {}
    for line in re.sub(r"\\\n", "", exported).splitlines():
        wanted = Requirement(re.sub(r"\s*(#.*|--hash=.*)", "", line) or "none==0 ; python_version < '3'")
        if wanted.marker is None or wanted.marker.evaluate(environment):
            expected[f"{wanted.name}{wanted.specifier}"] = hashes(line)
    assert len(expected) > 5
    assert pins(requirements(LOCK, group, environment)) == expected


@pytest.mark.parametrize(
    ("marker", "expected"),
    [
        (None, True),
        ("sys_platform == 'win32'", True),
        ("sys_platform != 'win32'", False),
        ("python_full_version < '3.13'", False),
        ("python_full_version >= '3.13'", True),
        ("python_full_version >= '3.9'", True),
        ("python_full_version == '3.13.*'", True),
        ("python_full_version != '3.13.*'", False),
        ("python_full_version == '3.13'", False),
        ("python_full_version > '3.13' and python_full_version <= '3.13.1'", True),
        ("platform_machine in 'AMD64 x86_64'", True),
        ("platform_machine not in 'AMD64 x86_64'", False),
        ("extra == 'group-5-stoa-run'", True),
        ("extra != 'group-5-stoa-build'", True),
        ("sys_platform == 'linux' or (os_name == 'nt' and extra == 'group-5-stoa-build')", False),
        ("sys_platform == 'linux' or (os_name == 'nt' and extra == 'group-5-stoa-run')", True),
    ],
)
def test_markers(marker: str | None, expected: bool) -> None:
    assert holds(marker, WINDOWS, {"group-5-stoa-run"}) is expected


@pytest.mark.parametrize("marker", ["platform_release == '6'", "'linux' == sys_platform", "os_name == sys_platform"])
def test_an_unknown_marker_is_refused(marker: str) -> None:
    with pytest.raises(LockUnreadable, match="does not know"):
        holds(marker, WINDOWS, set())


def test_an_unknown_group_is_refused() -> None:
    with pytest.raises(LockUnreadable, match="no group 'none', only any-llm, bench, build"):
        requirements(LOCK, "none", WINDOWS)
