"""Authority over every route of every function, asked by nobody, by people of no tenant and by the wrong group.

It is decided before anything else is looked at, so none of this needs a database or a body.
"""

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from dev.openapi import Operation
from functions.catalog import handler as catalog
from functions.checkout import handler as checkout
from functions.model_admin import handler as model_admin
from functions.personas import handler as personas
from functions.preferences import handler as preferences
from functions.pricing_admin import handler as pricing_admin
from functions.registry_admin import handler as registry_admin
from functions.schedules import handler as schedules
from functions.stripe_webhook import handler as stripe_webhook
from functions.teams import handler as teams
from stoa.core.settings import settings
from stoa.database.pool import database
from stoa.http.door import Door
from tests.integration.member.support import api_event

DOORS: list[tuple[str, Door]] = [
    (module.__name__, module.app)
    for module in (
        catalog,
        checkout,
        model_admin,
        personas,
        preferences,
        pricing_admin,
        registry_admin,
        schedules,
        stripe_webhook,
        teams,
    )
]
PUBLIC = {"/api/health", "/api/openapi.json", "/api/webhooks/stripe"}
BODIES = (None, "{}", "{")


@pytest.fixture(autouse=True)
def no_database(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A database that cannot be reached: whoever asked it would answer 503."""
    monkeypatch.setenv("STOA_DATABASE_URL", "postgresql://stoa@localhost:1/none")
    settings.cache_clear()
    database.cache_clear()
    yield
    settings.cache_clear()
    database.cache_clear()


def refusals(prefix: str, **claims: Any) -> Iterator[tuple[str, str, str | None]]:
    """Returns each route under a path that is not public, with the code that it answers to each body."""
    everyone = {"sub": "ada", "custom:tenant_id": str(uuid4()), "cognito:groups": ""}
    for name, door in DOORS:
        for operation in (Operation(name, route) for route in door.routes):
            if operation.path.startswith(prefix) and not operation.is_public:
                path = re.sub(r"\{\w+\}", str(uuid4()), operation.path)
                for body in BODIES:
                    answered = door(api_event(operation.method, path, body, {}, {**everyone, **claims}), None)
                    yield operation.method, operation.path, json.loads(answered["body"])["error"]["code"]


def test_every_function_with_routes_is_here_and_only_three_routes_are_public() -> None:
    operations = [Operation(name, route) for name, door in DOORS for route in door.routes]
    assert {operation.path for operation in operations if operation.is_public} == PUBLIC
    assert len(operations) > 100


def test_nobody_is_let_in_without_an_identity() -> None:
    assert {code for *_, code in refusals("/api/", sub=None)} == {"UNAUTHENTICATED"}


@pytest.mark.parametrize("tenant", [None, "", "demo", "0"])
def test_nobody_is_let_in_without_a_tenant(tenant: str | None) -> None:
    told = list(refusals("/api/", **{"custom:tenant_id": tenant}))
    assert [one for one in told if one[2] != "NO_TENANT"] == []


@pytest.mark.parametrize("groups", ["", "[operator]", "[administrators Admin]", "admins,member", None])
def test_only_admins_are_let_in_as_admins(groups: str | None) -> None:
    told = list(refusals("/api/admin/", **{"cognito:groups": groups}))
    assert [one for one in told if one[2] != "ADMIN_ONLY"] == []
    assert len(told) > 100


@pytest.mark.parametrize("groups", ["", "[admin]", "[operators Operator]", None])
def test_only_operators_are_let_in_as_operators(groups: str | None) -> None:
    told = list(refusals("/api/operator/", **{"cognito:groups": groups}))
    assert [one for one in told if one[2] != "OPERATOR_ONLY"] == []
    assert len(told) >= 12
