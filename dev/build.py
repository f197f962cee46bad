"""Build what Lambda runs: the layer and each function, their code compiled. `sam build` calls this by the Makefiles.

    python dev/build.py layer FOLDER                      the layer, for Lambda (python3.13 on arm64)
    python dev/build.py function CatalogFunction FOLDER   one function, for Lambda
    python dev/build.py local [FOLDER]                    everything, for this machine: what the emulator runs

Code is shipped with compiled files that Python trusts without a look at the source's date ("unchecked hash"): the zip
loses the dates, and a cold start that compiles everything anew takes 2.3 times as long. Only a Python 3.13 makes them.

Standard library only, so that any Python 3.11 or newer may run it, without an environment.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FUNCTIONS = ROOT / "functions"
LAYER = ROOT / "layers" / "common"
LOCAL_FOLDER = ROOT / ".stoa" / "built"

LAMBDA_PYTHON = "3.13"
# Every spelling under which wheels for Lambda's system (Amazon Linux 2023, glibc 2.34) are published.
LAMBDA_PLATFORMS = [
    "manylinux2014_aarch64",
    "manylinux_2_17_aarch64",
    "manylinux_2_28_aarch64",
    "manylinux_2_34_aarch64",
]
# cryptography needs cffi's compiled half alone; the other one and its parser make C extensions, which nobody does here.
# Of Stripe's library, the types of parameters are for type checkers, and the others are of its products we do not use.
# Of Powertools we use logger and metrics.
UNUSED_UTILITIES = (
    *("auth_alpha", "batch", "circuit_breaker", "data_masking", "feature_flags", "idempotency", "kafka"),
    *("parameters", "parser", "streaming", "validation"),
)
NEVER_IMPORTED = [
    *("bin", "cffi", "pycparser"),
    *(f"stripe/{part}" for part in ("params", "events", "issuing", "terminal", "test_helpers", "treasury")),
    *(f"aws_lambda_powertools/utilities/{part}" for part in UNUSED_UTILITIES),
]
NOT_SHIPPED = shutil.ignore_patterns("__pycache__", "*.pyc", ".mypy_cache", ".ruff_cache", "Makefile")


@dataclass(frozen=True)
class LocalBuild:
    """Names the folder of a build for this machine and the interpreter that it is for."""

    folder: Path
    python: str

    @property
    def layer(self) -> Path:
        """Returns the folder that Lambda mounts at /opt."""
        return self.folder / "layer"

    @property
    def runtime(self) -> Path:
        """Returns the folder that plays the managed runtime's own (/var/runtime)."""
        return self.folder / "runtime"

    def function(self, name: str) -> Path:
        """Returns the folder that Lambda mounts at /var/task for the function of this name."""
        return self.folder / "functions" / name

    def package(self, name: str) -> Path:
        """Returns the folder of the function's own files in it: the package `functions.<name>`."""
        return self.function(name) / "functions" / name


def function_names() -> list[str]:
    """Returns every function that has a handler."""
    return sorted(handler.parent.name for handler in FUNCTIONS.glob("*/handler.py"))


def folder_of(logical_id: str) -> str:
    """`StripeWebhookFunction` in the template is the folder `stripe_webhook`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id.removesuffix("Function")).lower()


def build_layer(target: Path, python: str, *, for_lambda: bool) -> None:
    """Puts locked libraries and the package `stoa` under target/python. Raises CalledProcessError when pip fails."""
    packages = target / "python"
    install(LAYER / "requirements.txt", packages, python, for_lambda=for_lambda)
    for name in NEVER_IMPORTED:
        shutil.rmtree(packages / name, ignore_errors=True)
    for stub in packages.rglob("*.pyi"):
        stub.unlink()
    shutil.copytree(LAYER / "stoa", packages / "stoa", ignore=NOT_SHIPPED, dirs_exist_ok=True)
    compile_folder(target, python, "/opt", for_lambda=for_lambda)


def build_function(name: str, target: Path, python: str, *, for_lambda: bool) -> None:
    """Copies a function's own code, under the name it is imported by here, and what its folder links to.

    Raises FileNotFoundError when it has no handler.
    """
    if not (FUNCTIONS / name / "handler.py").exists():
        raise FileNotFoundError(
            f"functions/{name}/handler.py does not exist; the template names a function of that name."
        )
    shutil.copytree(FUNCTIONS / name, target / "functions" / name, ignore=NOT_SHIPPED, dirs_exist_ok=True)
    shutil.copy(FUNCTIONS / "__init__.py", target / "functions")
    compile_folder(target, python, "/var/task", for_lambda=for_lambda)


def build_local(folder: Path = LOCAL_FOLDER) -> LocalBuild:
    """Builds everything for this machine, from nothing, by a Python 3.13 where there is one, else by this one."""
    python = find_python() or sys.executable
    build = LocalBuild(folder, python)
    shutil.rmtree(folder, ignore_errors=True)
    build_layer(build.layer, python, for_lambda=False)
    for name in function_names():
        build_function(name, build.function(name), python, for_lambda=False)
    install(locked("runtime", python, folder), build.runtime, python, for_lambda=False)
    return build


def locked(group: str, python: str, folder: Path) -> Path:
    """Returns a file in `folder` with what uv.lock pins for a group and this interpreter. Raises CalledProcessError."""
    command = [python, str(ROOT / "dev" / "locked.py"), group]
    requirements = folder / f"{group}.txt"
    requirements.write_bytes(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return requirements


def install(requirements: Path, target: Path, python: str, *, for_lambda: bool) -> None:
    """Installs the locked packages, hashes checked, as files under `target`."""
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--no-input"]
    command += ["--root-user-action", "ignore", "--require-hashes", "--no-deps", "--only-binary", ":all:"]
    command += ["--requirement", str(requirements), "--target", str(target)]
    if for_lambda:
        command += ["--implementation", "cp", "--python-version", LAMBDA_PYTHON]
        command += [word for platform in LAMBDA_PLATFORMS for word in ("--platform", platform)]
    subprocess.run(command, check=True)


def compile_folder(folder: Path, python: str, mounted_at: str, *, for_lambda: bool) -> None:
    """Compile everything, with the paths in tracebacks as Lambda mounts them."""
    if for_lambda and version_of(python) != LAMBDA_PYTHON:
        warning = f"stoa: no Python {LAMBDA_PYTHON} found, so nothing is compiled and cold starts take twice as long. "
        sys.stderr.write(warning + "Install it, or name one in STOA_BUILD_PYTHON.\n")
        return
    options = ["-q", "-f", "--invalidation-mode", "unchecked-hash", "-s", str(folder), "-p", mounted_at]
    subprocess.run([python, "-m", "compileall", *options, str(folder)], check=True)


def find_python() -> str | None:
    """Returns an interpreter of Lambda's version that really runs. A version manager's shim may refuse to."""
    return next((python for python in _candidates() if version_of(python) == LAMBDA_PYTHON), None)


def _candidates() -> Iterator[str]:
    named = os.environ.get("STOA_BUILD_PYTHON")
    if named:
        yield named
    yield sys.executable
    on_path = shutil.which(f"python{LAMBDA_PYTHON}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    for python in sorted(pyenv.glob(f"versions/{LAMBDA_PYTHON}*/bin/python{LAMBDA_PYTHON}"), reverse=True):
        yield str(python)


def version_of(python: str) -> str | None:
    """`3.13` for an interpreter that runs and has pip, else None."""
    program = "import pip, sys; print('%d.%d' % sys.version_info[:2])"
    try:
        ended = subprocess.run([python, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return ended.stdout.strip()


def unzipped_size(folder: Path) -> int:
    """Bytes of all files: what counts against Lambda's 250 MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main(arguments: Sequence[str] | None = None) -> None:
    """Build what the command line names."""
    parser = argparse.ArgumentParser(description="Build the layer and the functions.")
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("layer").add_argument("folder", type=Path)
    function = what.add_parser("function")
    function.add_argument("logical_id")
    function.add_argument("folder", type=Path)
    what.add_parser("local").add_argument("folder", type=Path, nargs="?", default=LOCAL_FOLDER)
    chosen = parser.parse_args(arguments)
    python = find_python() or sys.executable
    if chosen.what == "layer":
        build_layer(chosen.folder, python, for_lambda=True)
    elif chosen.what == "function":
        build_function(folder_of(chosen.logical_id), chosen.folder, python, for_lambda=True)
    else:
        build = build_local(chosen.folder.resolve())
        print(f"layer: {unzipped_size(build.layer) / 1e6:.1f} MB")
        for name in function_names():
            print(f"{name}: {unzipped_size(build.function(name)) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
