"""Prints what uv.lock pins for a group of pyproject.toml, as requirements with hashes:  python dev/locked.py run

pip installs them from whatever index the machine is configured with (dev/venv.sh). The answer holds for the interpreter
and the system that this runs on. Standard library only, because nothing is installed yet.
"""

import ast
import operator
import os
import platform
import sys
import tomllib
from collections.abc import Callable, Mapping, Set
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parent.parent / "uv.lock"
PROJECT = "stoa"
COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.In: lambda value, text: value in text,
    ast.NotIn: lambda value, text: value not in text,
}

Table = Mapping[str, Any]


class LockUnreadable(ValueError):
    """The lock lacks what was asked for, or holds what this reader does not know; the message says which."""


def read_lock(path: Path = LOCK) -> Table:
    """Returns the parsed lock. Raises OSError, and tomllib.TOMLDecodeError (a ValueError)."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def groups(lock: Table) -> Mapping[str, list[Table]]:
    """Returns each dependency group's own dependencies, those of the groups that it includes among them."""
    project: Table = _package(lock, {"name": PROJECT})["dev-dependencies"]
    return project


def requirements(lock: Table, group: str, environment: Mapping[str, str]) -> list[str]:
    """Returns the pinned, hashed requirements of `group` in `environment`, by name. Raises LockUnreadable."""
    if group not in groups(lock):
        raise LockUnreadable(f"uv.lock has no group {group!r}, only {', '.join(groups(lock))}.")
    # uv marks a dependency that only some groups have as if each group were an extra of this name.
    extras = {f"group-{len(PROJECT)}-{PROJECT}-{group}"}
    found: dict[str, Table] = {}
    followed: set[tuple[str, str]] = set()
    waiting = list(groups(lock)[group])
    while waiting:
        dependency = waiting.pop()
        if not holds(dependency.get("marker"), environment, extras):
            continue
        package = _package(lock, dependency)
        name = package["name"]
        if found.setdefault(name, package) is not package:
            raise LockUnreadable(f"uv.lock has two versions of {name} for the group {group!r}.")
        for extra in ("", *dependency.get("extra", [])):
            if (name, extra) not in followed:
                followed.add((name, extra))
                waiting += package["optional-dependencies"][extra] if extra else package.get("dependencies", [])
    return [_requirement(found[name]) for name in sorted(found)]


def _package(lock: Table, wanted: Table) -> Table:
    """Returns the package that a dependency names; its version is named only where the lock has several."""
    packages: list[Table] = lock["package"]
    same_name = [package for package in packages if package["name"] == wanted["name"]]
    fitting = [package for package in same_name if wanted.get("version") in (None, package["version"])]
    if len(fitting) != 1:
        raise LockUnreadable(f"uv.lock has {len(fitting)} packages for the dependency {dict(wanted)}.")
    return fitting[0]


def _requirement(package: Table) -> str:
    files = package.get("wheels", []) + [package[key] for key in ("sdist",) if key in package]
    hashes = sorted(file["hash"] for file in files)
    return " \\\n".join([f"{package['name']}=={package['version']}", *(f"    --hash={hash}" for hash in hashes)])


def holds(marker: str | None, environment: Mapping[str, str], extras: Set[str]) -> bool:
    """Returns whether a marker such as "sys_platform == 'linux'" is true. No marker is. Raises LockUnreadable."""
    # The markers that uv writes are Python's own syntax.
    return marker is None or _holds(ast.parse(marker, mode="eval").body, environment, extras)


def _holds(node: ast.expr, environment: Mapping[str, str], extras: Set[str]) -> bool:
    match node:
        case ast.BoolOp(op=ast.And(), values=parts):
            return all(_holds(part, environment, extras) for part in parts)
        case ast.BoolOp(op=ast.Or(), values=parts):
            return any(_holds(part, environment, extras) for part in parts)
        case ast.Compare(ast.Name("extra"), [ast.Eq() | ast.NotEq() as equal], [ast.Constant(str(name))]):
            return (name in extras) is isinstance(equal, ast.Eq)
        case ast.Compare(ast.Name(name), [comparison], [ast.Constant(str(value))]) if (
            name in environment and type(comparison) in COMPARISONS
        ):
            compare = COMPARISONS[type(comparison)]
            if name == "python_full_version":
                return bool(compare(*_versions(environment[name], value)))
            return bool(compare(environment[name], value))
    raise LockUnreadable(f"uv.lock has a marker that dev/locked.py does not know: {ast.unparse(node)}")


def _versions(running: str, wanted: str) -> tuple[list[int], list[int]]:
    """Returns two versions as numbers to compare: 3.11.7 and 3.12 as all three, 3.11.7 and 3.11.* as the first two."""
    numbers = [int(part) for part in wanted.removesuffix(".*").split(".")]
    counted = len(numbers) if wanted.endswith(".*") else 3
    return [int(part) for part in running.split(".")][:counted], numbers + [0] * (counted - len(numbers))


def this_environment() -> dict[str, str]:
    """Returns the values that markers are compared with, for this interpreter and system."""
    return {
        "implementation_name": sys.implementation.name,
        "os_name": os.name,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_system": platform.system(),
        "python_full_version": ".".join(str(part) for part in sys.version_info[:3]),
        "sys_platform": sys.platform,
    }


if __name__ == "__main__":
    print("\n".join(requirements(read_lock(), sys.argv[1], this_environment())))
