"""Access by template.yaml: secrets, policies, routes with and without a token, and what the access logs hold."""

import json
import re

import pytest

from tests.contract.template import FUNCTIONS, RESOURCES, ROOT, properties, routes, statements, variables

PUBLIC = {("ANY", "/api/health"), ("ANY", "/api/openapi.json"), ("ANY", "/api/webhooks/stripe")}

# Statements of ours whose Action or Resource may hold a wildcard, with the reason.
WILDCARDS_ALLOWED = {
    "OnlyEncrypted": "denies: it takes every action away from whoever does not use TLS",
    "LinkToResults": "objects have a key each; the bucket and the folder are named",
    "TheAccountDecides": "a key's own policy: its resource is always that key, and IAM decides who else may what",
    "KeepResults": "objects have a key each; the bucket and the folder are named",
    "RulesOfThisStackMaySend": "CloudFormation gives the rule a random end of its name; the queue itself is named",
}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_may_read_the_secrets_that_it_is_told_of_and_no_other(function: str) -> None:
    told = {
        value["Ref"] for name, value in variables(function).items() if name.endswith("_SECRET_ARN") and "Ref" in value
    }
    allowed = {
        resource["Ref"]
        for policy in properties(function).get("Policies", [])
        for statement in policy.get("Statement", [])
        if statement["Action"] == "secretsmanager:GetSecretValue"
        for resource in (statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]])
    }

    assert told == allowed


def test_the_owners_connection_is_for_migrations_alone() -> None:
    assert [name for name in FUNCTIONS if "STOA_MIGRATION_SECRET_ARN" in variables(name)] == ["migrate"]


def test_no_variable_holds_a_secret() -> None:
    names = {name for function in FUNCTIONS for name in variables(function)}

    assert not [name for name in names if re.search("KEY|PASSWORD|TOKEN|SECRET(?!_ARN)|DATABASE_URL", name)]


def test_no_statement_has_a_wildcard_that_is_not_explained() -> None:
    wide = {
        statement.get("Sid", str(statement))
        for statement in statements()
        if "*" in json.dumps([statement.get(part) for part in ("Action", "NotAction", "Resource", "Principal")])
        or "*" in json.dumps(statement.get("Condition", {}))
    }

    assert wide == set(WILDCARDS_ALLOWED)


def test_functions_get_no_ready_made_policies() -> None:
    for function in FUNCTIONS:
        for policy in properties(function).get("Policies", []):
            assert isinstance(policy, dict), f"{function}: {policy}"
            assert set(policy) <= {"Statement", "Fn::If"}, f"{function}: {policy}"


def test_every_route_needs_a_token_but_the_public_ones() -> None:
    without = {route for route, event in routes().items() if event["Properties"].get("Auth") == {"Authorizer": "NONE"}}

    assert without == PUBLIC
    assert RESOURCES["HttpApi"]["Properties"]["Auth"]["DefaultAuthorizer"] == "Jwt"
    assert RESOURCES["ChatApi"]["Properties"]["Auth"]["DefaultAuthorizer"] == "Token"
    assert all(set(event["Properties"].get("Auth", {})) <= {"Authorizer"} for event in routes().values())


def test_only_chat_is_on_the_streaming_api_and_the_distribution_sends_it_there() -> None:
    streaming = {route for route, event in routes().items() if event["Type"] == "Api"}
    distribution = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]
    (behavior,) = distribution["CacheBehaviors"]

    assert streaming == {("ANY", "/api/chat")}
    assert behavior["PathPattern"] == "/api/chat*"
    assert behavior["TargetOriginId"] == "chat-api"
    assert distribution["DefaultCacheBehavior"]["TargetOriginId"] == "http-api"
    assert not [path for _, path in set(routes()) - streaming if path.startswith("/api/chat")]


@pytest.mark.parametrize("log", ["AccessLogSettings", "AccessLogSetting"])
def test_access_logs_hold_no_token_and_no_word_of_a_member(log: str) -> None:
    settings = next(
        resource["Properties"][log] for resource in RESOURCES.values() if log in resource.get("Properties", {})
    )

    logged = json.loads(settings["Format"])
    assert "$context.requestId" in logged.values()
    assert not [value for value in logged.values() if re.search(r"header|context\.path|query|claims|body", value, re.I)]
    assert RESOURCES["ChatApi"]["Properties"]["MethodSettings"][0]["DataTraceEnabled"] is False


def test_the_streaming_api_refuses_in_our_error_form() -> None:
    for response in RESOURCES["ChatApi"]["Properties"]["GatewayResponses"].values():
        body = json.loads(response["ResponseTemplates"]["application/json"])
        assert set(body["error"]) == {"code", "message", "requestId"}


def test_web_pages_may_read_every_header_that_is_made_for_them() -> None:
    """The local gateway lets them read all; what is missing here would be missed on AWS alone."""
    made = r'"(Retry-After|RateLimit-\w+|Deprecation|Sunset|Idempotent-Replay|ETag|X-Next-Cursor|Content-Disposition)"'
    sources = [path for folder in ("functions", "layers") for path in (ROOT / folder).rglob("*.py")]
    sent = {name.lower() for path in sources for name in re.findall(made, path.read_text(encoding="utf-8"))}
    assert len(sent) == 10
    (policy,) = [one for one in RESOURCES.values() if one["Type"] == "AWS::CloudFront::ResponseHeadersPolicy"]
    cors = policy["Properties"]["ResponseHeadersPolicyConfig"]["CorsConfig"]
    (api,) = [one for one in RESOURCES.values() if one["Type"] == "AWS::Serverless::HttpApi"]
    exposed = api["Properties"]["CorsConfiguration"]["ExposeHeaders"]
    assert sent == set(exposed) == set(cors["AccessControlExposeHeaders"]["Items"])
