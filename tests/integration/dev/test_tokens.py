"""Tokens of the local issuer, checked by the very code that checks them on AWS, over real sockets."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from dev.demo import Tenants, default_groups
from dev.gateway.functions import Functions, Handler
from dev.gateway.gateway import Gateway
from dev.gateway.issuer import AUDIENCE, Issuer
from dev.gateway.own_endpoints import OwnEndpoints
from dev.gateway.template import HTTP_EVENT, REST_EVENT, Function, Route, Schedule
from dev.serving.application import Application
from dev.serving.server import Server, listen
from functions.authorizer import handler as authorizer
from stoa.core.settings import settings
from stoa.database.pool import Database

from .conftest import function_named


@dataclass
class Local:
    """A gateway with the issuer, the real authorizer, and functions that answer their event."""

    port: int
    issuer: Issuer
    tenants: Tenants
    runs: list[dict[str, Any]]

    def ask(self, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        body = document if isinstance(document, bytes | None) else json.dumps(document)
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        return answer.status, json.loads(text)


@pytest.fixture
def local(runtime_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Local]:
    listener = listen(0)
    port = listener.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("STOA_JWT_ISSUER", url)
    monkeypatch.setenv("STOA_JWT_AUDIENCE", AUDIENCE)
    authorizer.signing_keys.cache_clear()
    settings.cache_clear()
    runs: list[dict[str, Any]] = []

    def sweeps(event: dict[str, Any], _: Any) -> dict[str, int]:
        if "wrong" in event:
            raise LookupError("The broom is gone.")
        runs.append(event)
        return {"expired": 0}

    def load(function: Function) -> Handler:
        if function.name == "authorizer":
            return authorizer.handler
        if function.name == "sweep":
            return sweeps
        return lambda event, _: {"statusCode": 200, "body": json.dumps(event["requestContext"]["authorizer"])}

    echo, guard, sweep = (function_named(name) for name in ("echo", "authorizer", "sweep"))
    functions = Functions([echo, guard, sweep], load)
    issuer, tenants = Issuer(url, tmp_path / "issuer.pem"), Tenants(runtime_database)
    schedules = [Schedule(sweep, "rate(1 minute)", 1, None)]
    own = OwnEndpoints(issuer, functions, schedules, tenants.find_or_create, default_groups, list)
    routes = [
        Route(HTTP_EVENT, "GET", "/who", echo, public=False),
        Route(REST_EVENT, "POST", "/talk", echo, public=False, authorizer=guard),
    ]
    gateway = Gateway(routes, functions, authorizer.claims_of, own.table(), log=lambda line: None)
    server = Server(listener, Application(gateway.respond, gateway.refuse))
    yield Local(port, issuer, tenants, runs)
    server.stop()
    authorizer.signing_keys.cache_clear()
    settings.cache_clear()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_an_unknown_email_becomes_a_member_of_the_demo_tenant(local: Local) -> None:
    status, answer = local.ask("POST", "/dev/token", {"email": "new@example.test"})
    assert (status, answer["token_type"]) == (200, "Bearer")
    status, authorized = local.ask("GET", "/who", **bearer(answer["access_token"]))
    claims = authorized["jwt"]["claims"]
    assert (status, claims["email"], claims["cognito:groups"]) == (200, "new@example.test", "[]")
    assert claims["custom:tenant_id"] == str(local.tenants.find_or_create("demo"))


def test_the_demo_admin_is_an_admin_and_groups_can_be_asked_for(local: Local) -> None:
    _, answer = local.ask("POST", "/dev/token", {"email": "admin@demo.test"})
    _, authorized = local.ask("POST", "/talk", **bearer(answer["access_token"]))
    assert authorized["groups"] == "admin"
    _, answer = local.ask("POST", "/dev/token", {"email": "ada@demo.test", "groups": ["admin", "operator"]})
    _, authorized = local.ask("POST", "/talk", **bearer(answer["access_token"]))
    assert authorized["groups"] == "admin,operator"
    assert UUID(authorized["tenantId"]) == local.tenants.find_or_create("demo")


def test_another_tenant_is_made_once_and_the_same_email_there_is_somebody_else(local: Local) -> None:
    asked = {"email": "ada@demo.test", "tenant": "fresh-one"}
    subjects = set()
    for document in (asked, asked, {"email": "ada@demo.test"}):
        _, answer = local.ask("POST", "/dev/token", document)
        _, authorized = local.ask("POST", "/talk", **bearer(answer["access_token"]))
        subjects.add((authorized["subject"], authorized["tenantId"]))
    assert len(subjects) == 2
    assert len({tenant for _, tenant in subjects}) == 2


@pytest.mark.parametrize(
    ("document", "status", "path"),
    [
        (b"", 400, None),
        (b"[1]", 400, None),
        (b"{", 400, None),
        ({}, 422, "email"),
        ({"email": 5}, 422, "email"),
        ({"email": "nobody"}, 422, "email"),
        ({"email": "a@b.test", "tenant": "No Slug"}, 422, "tenant"),
        ({"email": "a@b.test", "tenant": None}, 422, "tenant"),
        ({"email": "a@b.test", "groups": "admin"}, 422, "groups"),
        ({"email": "a@b.test", "groups": ["a b"]}, 422, "groups"),
        ({"email": "a@b.test", "role": "admin"}, 422, "role"),
    ],
)
def test_a_token_request_that_is_wrong_is_told_where(
    local: Local, document: Any, status: int, path: str | None
) -> None:
    got, answer = local.ask("POST", "/dev/token", document)
    assert got == status
    if path:
        assert [problem["path"] for problem in answer["error"]["details"]] == [path]


@pytest.mark.parametrize(("method", "path"), [("GET", "/who"), ("POST", "/talk")])
@pytest.mark.parametrize(
    "claims",
    [
        {"exp": int(datetime(2020, 1, 1, tzinfo=UTC).timestamp())},
        {"aud": "somebody-else"},
        {"iss": "https://elsewhere.test"},
        {"sub": ""},
        {"nbf": int(datetime(2100, 1, 1, tzinfo=UTC).timestamp())},
    ],
    ids=["expired", "wrong audience", "wrong issuer", "no subject", "not yet valid"],
)
def test_a_token_with_wrong_claims_is_401_by_either_authorizer(
    local: Local, method: str, path: str, claims: dict[str, Any]
) -> None:
    tenant = local.tenants.find_or_create("demo")
    status, answer = local.ask(method, path, **bearer(local.issuer.token("ada@demo.test", tenant, [], **claims)))
    assert (status, answer["error"]["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(("method", "path"), [("GET", "/who"), ("POST", "/talk")])
def test_garbage_and_another_issuers_signature_are_401(local: Local, tmp_path: Path, method: str, path: str) -> None:
    forged = Issuer(local.issuer.url, tmp_path / "other.pem").token("ada@demo.test", UUID(int=1), ["operator"])
    for token in ("garbage", "a.b.c", forged, forged[:-8] + "AAAAAAAA"):
        assert local.ask(method, path, **bearer(token))[0] == 401


def test_the_issuers_key_is_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    first = Issuer("http://127.0.0.1:1", tmp_path / "issuer.pem")
    again = Issuer("http://127.0.0.1:1", tmp_path / "issuer.pem")
    assert first.keys() == again.keys()
    assert (tmp_path / "issuer.pem").stat().st_mode & 0o777 == 0o600


def test_web_pages_of_elsewhere_get_no_token(local: Local) -> None:
    asked = {"email": "admin@demo.test"}
    assert local.ask("POST", "/dev/token", asked, Origin="https://evil.test")[0] == 403
    assert local.ask("POST", "/dev/token", asked, Host="evil.test")[0] == 403
    assert local.ask("POST", "/dev/token", asked, Origin="http://localhost:3000")[0] == 200


def test_a_scheduled_function_runs_once_when_asked(local: Local) -> None:
    assert local.ask("POST", "/dev/run/sweep") == (200, {"function": "sweep", "returned": {"expired": 0}})
    (event,) = local.runs
    assert (event["source"], event["detail-type"]) == ("aws.events", "Scheduled Event")
    status, answer = local.ask("POST", "/dev/run/sweep", {"wrong": True})
    assert (status, answer["error"]["code"]) == (502, "FUNCTION_FAILED")
    assert answer["error"]["message"] == "LookupError: The broom is gone."
    status, answer = local.ask("POST", "/dev/run/echo")
    assert (status, answer["error"]["code"]) == (404, "NOT_FOUND")
    assert "sweep" in answer["error"]["message"]
