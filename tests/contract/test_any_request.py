"""Requests made up from the OpenAPI document, right and wrong ones: every answer is one that the document allows."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl
from uuid import UUID

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dev.openapi import Operation
from functions.catalog import handler as catalog
from functions.model_admin import handler as model_admin
from functions.personas import handler as personas
from functions.preferences import handler as preferences
from functions.pricing_admin import handler as pricing_admin
from functions.registry_admin import handler as registry_admin
from functions.schedules import handler as schedules
from functions.teams import handler as teams
from stoa.http.door import Door
from tests.integration.member.support import api_event

HANDLERS = (catalog, preferences, personas, model_admin, pricing_admin, registry_admin, schedules, teams)
# Chat has an API of its own, what sells needs Stripe and is tested against the practice Stripe, a sheet is no JSON.
ELSEWHERE = (
    r"^/api/(chat|purchases|webhooks|bundles|admin/bundles|admin/pricing/overrides\.csv"
    r"|team-plans|admin/team-plans|teams/[^/]+/(subscription|billing-portal))"
)

SOME_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
ODD_NAMES = ("\ud800", "\x00", "a" * 5000, "{" + SOME_ID + "}")
ODD_TEXTS = ("", "\ud800", "\x00", "0000000019999", "9" * 5000, "-1", "２", "1e400", "NaN", "9999-12-31", "a" * 5000)
ODD_PLACES = ("[" * 5000, "[1]", "{}", '["9999-12-31T23:59:59-23:59", "x"]', r'["\ud800", "a", "b"]', "9" * 5000)
ODD_CURSORS = tuple(urlsafe_b64encode(text.encode()).decode() for text in ODD_PLACES)

CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
SUBJECT = "schemathesis"

Start = Callable[[str, list[tuple[str, str]]], object]


class Members:
    """The functions, asked by an admin, as one WSGI application: what API Gateway does, without a socket."""

    def __init__(self) -> None:
        self.tenant_id: UUID | None = None

    def __call__(self, environ: dict[str, Any], start: Start) -> Iterable[bytes]:
        path = environ["PATH_INFO"].encode("latin-1").decode(errors="replace")
        length = int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length).decode(errors="replace") if length else None
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        claims = {"sub": SUBJECT, "custom:tenant_id": str(self.tenant_id), "cognito:groups": "[admin]"}
        event = api_event(environ["REQUEST_METHOD"], path, body, query, claims)
        answered = function_of(environ["REQUEST_METHOD"], path)(event, None)
        start(f"{answered['statusCode']} Answer", list(answered["headers"].items()))
        return [answered["body"].encode()]


def function_of(method: str, path: str) -> Door:
    """The function that the gateway would call; for a path of nobody's, any."""
    for module in HANDLERS:
        if any(route.rule.match(path) for route in module.app.routes):
            return module.app
    return HANDLERS[0].app


members = Members()
schema = schemathesis.openapi.from_wsgi("/api/openapi.json", members).exclude(path_regex=ELSEWHERE)


@pytest.fixture
def served(function_environment: None, tenant: UUID) -> Iterator[None]:
    members.tenant_id = tenant
    yield
    members.tenant_id = None


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_answer_is_one_the_document_allows(served: None, case: schemathesis.Case) -> None:
    response = case.call()
    case.validate_response(response, checks=CHECKS)
    assert json.loads(response.content) is not None


def asked(method: str, path: str, query: dict[str, str] | None = None) -> int:
    """Returns the status of the answer to an admin who is an operator, too."""
    claims = {"sub": SUBJECT, "custom:tenant_id": str(members.tenant_id), "cognito:groups": "[admin operator]"}
    status: int = function_of(method, path)(api_event(method, path, None, query or {}, claims), None)["statusCode"]
    return status


def test_no_name_and_no_parameter_is_too_odd(served: None) -> None:
    """The functions answer what no client would send with a 4xx, or with a list without it."""
    failed = []
    for one in (Operation(module.__name__, route) for module in HANDLERS for route in module.app.routes):
        if "{" in one.path:
            paths = [put_in(one.path, odd) for odd in ODD_NAMES]
            failed += [(one.method, path[:60]) for path in paths if asked(one.method, path) >= 500]
        if one.method == "GET":
            path = put_in(one.path, SOME_ID)
            pairs = [(name, odd) for name in parameters_of(one) for odd in (*ODD_TEXTS, *ODD_CURSORS)]
            failed += [(path, name, odd[:60]) for name, odd in pairs if asked("GET", path, {name: odd}) >= 500]
    assert failed == []


def put_in(path: str, name: str) -> str:
    """The path with the same name in the place of each of its parameters."""
    return re.sub(r"\{\w+\}", lambda _: name, path)


def parameters_of(operation: Operation) -> list[str]:
    """The query parameters that the route knows, and one that it does not."""
    return [*(field.alias for field in operation.route.dependant.query_params), "unknown"]
