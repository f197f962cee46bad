"""Requests made up from the OpenAPI document, right and wrong ones: every answer is one that the document allows."""

import json
import re
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

from functions.catalog import handler as catalog
from functions.model_admin import handler as model_admin
from functions.personas import handler as personas
from functions.preferences import handler as preferences
from functions.pricing_admin import handler as pricing_admin
from functions.registry_admin import handler as registry_admin
from functions.schedules import handler as schedules
from functions.teams import handler as teams
from stoa.api import Api
from tests.integration.member.support import api_event

HANDLERS = (catalog, preferences, personas, model_admin, pricing_admin, registry_admin, schedules, teams)
# Chat has an API of its own, what sells needs Stripe and is tested against the practice Stripe, a sheet is no JSON.
ELSEWHERE = (
    r"^/api/(chat|purchases|webhooks|bundles|admin/bundles|admin/pricing/overrides\.csv"
    r"|team-plans|admin/team-plans|teams/[^/]+/(subscription|billing-portal))"
)

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


def function_of(method: str, path: str) -> Api:
    """The function that the gateway would call; for a path of nobody's, any."""
    for module in HANDLERS:
        for route in module.api.routes:
            if route.method == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", route.path), path):
                return module.api
    return HANDLERS[0].api


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
