"""The Lambda authorizer: events in, API Gateway's answers out."""

import time
from types import ModuleType
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from functions.authorizer import handler as authorizer
from stoa.core.errors import Unavailable
from stoa.core.settings import settings
from stoa.identity.signing_keys import SigningKeys

ISSUER = "https://issuer.example"
KEYS = {kid: rsa.generate_private_key(public_exponent=65537, key_size=2048) for kid in ("old", "new")}
METHOD = "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/POST/api/chat"


def jwks(*kids: str) -> dict[str, Any]:
    return {"keys": [{**RSAAlgorithm.to_jwk(KEYS[kid].public_key(), as_dict=True), "kid": kid} for kid in kids]}


def bearer(kid: str = "old", **changes: Any) -> str:
    claims = {
        "sub": "subject-1",
        "iss": ISSUER,
        "aud": "stoa-web",
        "exp": time.time() + 600,
        "email": "ada@example.com",
        "custom:tenant_id": "0193a1b2-0000-7000-8000-000000000001",
        "cognito:groups": ["admin", "operator"],
    } | changes
    return "Bearer " + jwt.encode(claims, KEYS[kid], "RS256", headers={"kid": kid})


@pytest.fixture
def function(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("STOA_JWT_ISSUER", ISSUER)
    monkeypatch.setenv("STOA_JWT_AUDIENCE", "stoa-web, stoa-app")
    settings.cache_clear()
    published = SigningKeys(lambda: jwks("old"))
    monkeypatch.setattr(authorizer, "signing_keys", lambda: published)
    return authorizer


def ask(function: ModuleType, authorization: str | None) -> dict[str, Any]:
    event = {"type": "TOKEN", "authorizationToken": authorization, "methodArn": METHOD}
    answer: dict[str, Any] = function.handler(event, None)
    return answer


def test_a_good_token_is_let_in_with_its_identity(function: ModuleType) -> None:
    answer = ask(function, bearer())

    assert answer["principalId"] == "subject-1"
    assert answer["context"] == {
        "subject": "subject-1",
        "email": "ada@example.com",
        "tenantId": "0193a1b2-0000-7000-8000-000000000001",
        "groups": "admin,operator",
    }
    (statement,) = answer["policyDocument"]["Statement"]
    assert statement == {
        "Action": "execute-api:Invoke",
        "Effect": "Allow",
        "Resource": "arn:aws:execute-api:eu-central-1:123456789012:abcdef1234/prod/*",
    }


def test_a_request_event_is_read_as_well(function: ModuleType) -> None:
    event = {"type": "REQUEST", "headers": {"authorization": bearer()}, "methodArn": METHOD}

    assert function.handler(event, None)["principalId"] == "subject-1"


def test_the_context_is_flat_text_when_claims_are_missing(function: ModuleType) -> None:
    answer = ask(function, bearer(**{"email": None, "custom:tenant_id": None, "cognito:groups": None}))

    assert answer["context"] == {"subject": "subject-1", "email": "", "tenantId": "", "groups": ""}


@pytest.mark.parametrize("verified", [False, "false", "False"])
def test_an_address_that_the_issuer_calls_unverified_is_not_passed_on(function: ModuleType, verified: Any) -> None:
    assert ask(function, bearer(email_verified=verified))["context"]["email"] == ""
    assert ask(function, bearer(email_verified=True))["context"]["email"] == "ada@example.com"


@pytest.mark.parametrize(
    ("claim", "told"),
    [("admin,writer", "admin,writer"), (["a,operator", "admin"], "admin"), ([], ""), ("admin", "admin")],
)
def test_groups_are_told_as_one_text(function: ModuleType, claim: Any, told: str) -> None:
    assert ask(function, bearer(**{"cognito:groups": claim}))["context"]["groups"] == told


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic dXNlcjpwYXNz",
        "Bearer nonsense",
        "Bearer sk-stoa-0123456789",
        bearer(aud="other"),
        bearer(exp=1),
        bearer(kid="new"),
    ],
)
def test_a_bad_token_is_api_gateways_401(function: ModuleType, authorization: str | None) -> None:
    with pytest.raises(Exception) as refusal:
        ask(function, authorization)

    assert type(refusal.value) is Exception
    assert str(refusal.value) == "Unauthorized"


def test_a_rotated_key_is_fetched_for_the_first_token_that_names_it(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    answers = [jwks("old"), jwks("old", "new")]
    published = SigningKeys(lambda: answers.pop(0), lambda: now[0])
    monkeypatch.setattr(function, "signing_keys", lambda: published)
    ask(function, bearer("old"))
    now[0] += 60

    assert ask(function, bearer("new"))["principalId"] == "subject-1"
    assert answers == []


def test_an_issuer_out_of_reach_is_not_taken_for_a_bad_token(
    function: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down() -> dict[str, Any]:
        raise OSError("connection refused")

    published = SigningKeys(down)
    monkeypatch.setattr(function, "signing_keys", lambda: published)

    with pytest.raises(Unavailable):
        ask(function, bearer())


def test_the_token_is_not_logged(function: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    authorization = bearer(aud="other")
    with pytest.raises(Exception, match="Unauthorized"):
        ask(function, authorization)

    logged = "".join(str(vars(record)) for record in caplog.records)
    assert "another audience" in logged
    assert authorization.split()[1] not in logged
