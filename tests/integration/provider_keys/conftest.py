from collections.abc import Iterator
from uuid import UUID

import pytest
from moto.server import ThreadedMotoServer

from dev.aws_setup import KMS_ALIAS, prepare_aws
from dev.practice import PracticeProviders, practice_environment
from stoa.db import Database
from tests.integration.model_admin.support import Admin, new_tenant

LOCAL = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def aws_url() -> Iterator[str]:
    """The address of a stand-in for AWS, with what the installation needs there."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    url = "http://{}:{}".format(*server.get_host_and_port())
    with pytest.MonkeyPatch.context() as environment:
        for name, value in LOCAL.items():
            environment.setenv(name, value)
        prepare_aws(url)
    yield url
    server.stop()


@pytest.fixture
def kms(aws_url: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A KMS with the installation's key, found by what the environment says; the key's name."""
    for name, value in {**LOCAL, "AWS_ENDPOINT_URL": aws_url, "STOA_KMS_ARN": KMS_ALIAS}.items():
        monkeypatch.setenv(name, value)
    return KMS_ALIAS


@pytest.fixture(scope="session")
def practice_server() -> Iterator[PracticeProviders]:
    with PracticeProviders() as running:
        yield running


@pytest.fixture
def practice(practice_server: PracticeProviders, monkeypatch: pytest.MonkeyPatch) -> Iterator[PracticeProviders]:
    """Practice providers behind every address."""
    practice_server.clear()
    for name, value in practice_environment(practice_server.port, {}).items():
        monkeypatch.setenv(name, value)
    yield practice_server
    practice_server.clear()


@pytest.fixture
def admin(kms: str, function_environment: None, runtime_database: Database, tenant: UUID) -> Admin:
    """An admin of a new tenant."""
    return Admin(runtime_database, tenant, "admin")


@pytest.fixture
def ada(admin: Admin) -> Admin:
    """A member of the same tenant, in no group."""
    return Admin(admin.database, admin.tenant_id, "ada", groups="")


@pytest.fixture
def other_admin(admin: Admin) -> Admin:
    """An admin of another tenant."""
    return Admin(admin.database, new_tenant(admin.database), admin.subject)
