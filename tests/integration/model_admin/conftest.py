from collections.abc import Callable
from uuid import UUID

import pytest

from stoa.database.pool import Database
from tests.integration.model_admin.support import Admin, new_tenant


@pytest.fixture
def admin(function_environment: None, runtime_database: Database, tenant: UUID) -> Admin:
    """An admin of a new tenant."""
    return Admin(runtime_database, tenant, "admin")


@pytest.fixture
def ada(admin: Admin) -> Admin:
    """A member of the same tenant, in no group."""
    return Admin(admin.database, admin.tenant_id, "ada", groups="")


@pytest.fixture
def other_admin(admin: Admin) -> Admin:
    """An admin of another tenant, with the same subject at the issuer."""
    return Admin(admin.database, new_tenant(admin.database), admin.subject)


@pytest.fixture
def operator(admin: Admin) -> Admin:
    """An operator of the installation, who belongs to the admin's tenant."""
    return Admin(admin.database, admin.tenant_id, "olga", groups="[operator]")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[dict[str, object]]]:
    """Product events by name, as they are emitted."""
    emitted: list[tuple[str, dict[str, object]]] = []

    def emit(event: str, /, **properties: object) -> None:
        emitted.append((event, properties))

    for module in ("catalogue.model_admin", "members.grants"):
        monkeypatch.setattr(f"stoa.workflows.{module}.emit", emit)
    return lambda name: [properties for event, properties in emitted if event == name]
