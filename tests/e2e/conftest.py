"""Fixtures that the tests share: a build a session under the emulator, and one stack for most stories."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from dev.build import LocalBuild, build_local
from dev.emulator import Emulator, find_emulator
from dev.practice import PracticeProviders
from tests.e2e.built import Start
from tests.e2e.clients import Stack, running_stack


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> LocalBuild:
    """Everything, built as `sam build` builds it, for this machine."""
    return build_local(tmp_path_factory.mktemp("built"))


@pytest.fixture
def start(build: LocalBuild, runtime_url: str, owner_url: str) -> Iterator[Start]:
    """Starts a built function under the emulator, with a database and what else it is given."""
    binary = find_emulator()
    if binary is None:
        pytest.skip("There is no runtime interface emulator for this machine; `make e2e` installs it on Linux.")
    with ExitStack() as running:

        def start_function(name: str, **environment: str) -> Emulator:
            given = {"STOA_DATABASE_URL": runtime_url, "STOA_MIGRATION_DATABASE_URL": owner_url, **environment}
            return running.enter_context(Emulator(binary, build, name, given))

        yield start_function


@pytest.fixture(scope="module")
def practice() -> Iterator[PracticeProviders]:
    with PracticeProviders() as providers:
        yield providers


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """Starts a stack for all stories that need none of their own. Each story has a tenant or people of its own."""
    with running_stack(STRIPE_API_KEY="", STOA_CLIENT_URL="") as started:
        yield started


@pytest.fixture(scope="session")
def todays_stack() -> Iterator[Stack]:
    """Starts a stack as `make run` does, with the models of today."""
    with running_stack(todays_models=True, STRIPE_API_KEY="", STOA_CLIENT_URL="") as started:
        yield started
