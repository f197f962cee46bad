"""The packages for Lambda: what is in them, and what is not."""

import re
import stat
from pathlib import Path

import pytest

from dev.build import ROOT, LocalBuild, find_python, folder_of, function_names, unzipped_size

LARGEST_LAYER = 60_000_000  # bytes, unzipped; Lambda takes 250 MB for layer and function together


def test_each_function_is_run_as_it_is_packaged() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_built_*.py"))
    assert set(re.findall(r'start\("(\w+)"', tests)) == set(function_names())


def test_the_layer_is_small(build: LocalBuild) -> None:
    assert unzipped_size(build.layer) < LARGEST_LAYER
    assert all(unzipped_size(build.function(name)) < LARGEST_LAYER // 60 for name in function_names())


def test_everything_is_compiled_for_lambda(build: LocalBuild) -> None:
    """An unchecked hash: byte 4 of a compiled file holds the flags, 1 = by hash, not checked."""
    for root in (build.layer / "python" / "stoa", *(build.function(name) for name in function_names())):
        sources = [path for path in root.rglob("*.py") if "__pycache__" not in path.parts]
        assert sources
        for source in sources:
            (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.cpython-*.pyc")
            assert compiled.read_bytes()[4:8] == b"\1\0\0\0", source


def test_nothing_of_the_developers_is_shipped(build: LocalBuild) -> None:
    shipped = {path.name for path in build.layer.glob("python/*")}

    assert not shipped & {"dev", "tests", "boto3", "moto", "pytest"}
    assert not list(build.folder.rglob("Makefile"))


def test_the_wrapper_of_chat_may_be_executed(build: LocalBuild) -> None:
    assert (build.package("chat") / "run.sh").stat().st_mode & stat.S_IXUSR


def test_migrations_are_packaged_with_migrate(build: LocalBuild) -> None:
    packaged = {path.name for path in (build.package("migrate") / "migrations").glob("*.sql")}

    assert packaged == {path.name for path in (ROOT / "migrations").glob("*.sql")}


def test_lambdas_own_python_is_used_where_it_is_found(build: LocalBuild) -> None:
    assert build.python == (find_python() or build.python)


@pytest.mark.parametrize(
    ("logical_id", "folder"), [("CatalogFunction", "catalog"), ("StripeWebhookFunction", "stripe_webhook")]
)
def test_the_templates_names_are_folders(logical_id: str, folder: str) -> None:
    assert folder_of(logical_id) == folder
