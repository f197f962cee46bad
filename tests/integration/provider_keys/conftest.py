from collections.abc import Iterator
from uuid import UUID

import pytest

from dev.aws_setup import KMS_ALIAS, prepare_aws
from dev.practice import PracticeProviders, practice_environment
from stoa.clients.aws import key_box
from stoa.database.pool import Database
from tests.aws_server import aws_server
from tests.integration.model_admin.support import Admin, new_tenant


@pytest.fixture(scope="module")
def prepared_aws() -> Iterator[dict[str, str]]:
    """The settings that lead to a stand-in for AWS, with what the installation needs there."""
    with aws_server() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        prepare_aws(environment["AWS_ENDPOINT_URL"])
        key_box._kms.cache_clear()
        yield environment
    key_box._kms.cache_clear()


@pytest.fixture
def kms(prepared_aws: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> str:
    """A KMS with the installation's key, found by what the environment says; the key's name."""
    for name, value in {**prepared_aws, "STOA_KMS_ARN": KMS_ALIAS}.items():
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
