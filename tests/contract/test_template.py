"""template.yaml against the rest of the project: all that is there is deployed, described and given its bounds."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.build import folder_of

ROOT = Path(__file__).parents[2]
FUNCTIONS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir() and path.name != "__pycache__")
PUBLIC = {("GET", "/api/health"), ("GET", "/api/openapi.json"), ("POST", "/api/webhooks/stripe")}
METHODS = {"get", "put", "post", "delete", "patch"}

# Statements of ours whose Action or Resource may hold a wildcard, with the reason.
WILDCARDS_ALLOWED = {
    "OnlyEncrypted": "denies: it takes every action away from whoever does not use TLS",
    "LinkToResults": "objects have a key each; the bucket and the folder are named",
    "TheAccountDecides": "a key's own policy: its resource is always that key, and IAM decides who else may what",
    "KeepResults": "objects have a key each; the bucket and the folder are named",
    "RulesOfThisStackMaySend": "CloudFormation gives the rule a random end of its name; the queue itself is named",
}


# Their tick ends itself within the minute (and may overlap the next one); the time limit is their workers'.
WORKERS_THAT_TICK = {"scheduled_prompts": "TICK_SECONDS"}


class Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` reads as {"Ref": "x"}, others as {"Fn::...": ...}."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    kinds: dict[type, Any] = {yaml.ScalarNode: loader.construct_scalar}
    kinds[yaml.SequenceNode] = lambda node: loader.construct_sequence(node, deep=True)
    kinds[yaml.MappingNode] = lambda node: loader.construct_mapping(node, deep=True)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": kinds[type(node)](node)}


Loader.add_multi_constructor("!", _short_form)

TEMPLATE: dict[str, Any] = yaml.load((ROOT / "template.yaml").read_text(), Loader)
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
DESCRIBED = {
    folder_of(name): resource for name, resource in RESOURCES.items() if resource["Type"] == "AWS::Serverless::Function"
}


def properties(function: str) -> dict[str, Any]:
    """A function's properties, the defaults for all functions filled in."""
    own: dict[str, Any] = DESCRIBED[function]["Properties"]
    defaults: dict[str, Any] = TEMPLATE["Globals"]["Function"]
    return {**defaults, **own}


def variables(function: str) -> dict[str, Any]:
    shared: dict[str, Any] = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]
    return {**shared, **properties(function)["Environment"]["Variables"]}


def routes() -> dict[tuple[str, str], dict[str, Any]]:
    """Every route with its event, by method and path."""
    return {
        (event["Properties"]["Method"], event["Properties"]["Path"]): event
        for resource in DESCRIBED.values()
        for event in resource["Properties"].get("Events", {}).values()
        if event["Type"] in ("HttpApi", "Api")
    }


def statements() -> list[dict[str, Any]]:
    """Every policy statement of the template, wherever it stands."""
    found: list[dict[str, Any]] = []

    def look(value: Any) -> None:
        if isinstance(value, dict):
            if "Effect" in value and ("Action" in value or "NotAction" in value):
                found.append(value)
            for part in value.values():
                look(part)
        elif isinstance(value, list):
            for part in value:
                look(part)

    look(RESOURCES)
    return found


def test_every_folder_is_a_function_and_every_function_a_folder() -> None:
    assert sorted(DESCRIBED) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_is_built_from_its_folder(function: str) -> None:
    assert properties(function)["CodeUri"] == f"functions/{function}"
    assert DESCRIBED[function]["Metadata"]["BuildMethod"] == "makefile"
    assert (ROOT / "functions" / function / "Makefile").exists()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_handler_can_be_imported(function: str) -> None:
    module, _, name = properties(function)["Handler"].rpartition(".")

    assert callable(getattr(importlib.import_module(f"functions.{function}.{module}"), name))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_has_a_sample_event(function: str) -> None:
    assert isinstance(json.loads((ROOT / "events" / f"{function}.json").read_text()), dict)


def test_no_sample_event_is_left_over() -> None:
    assert sorted(path.stem for path in (ROOT / "events").glob("*.json")) == FUNCTIONS


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_sample_event_is_one_of_its_own(function: str) -> None:
    event = json.loads((ROOT / "events" / f"{function}.json").read_text())
    own = routes_of(function)
    if own:
        asked = event.get("routeKey") or f"{event['httpMethod']} {event['resource']}"
        assert tuple(asked.split(" ")) in own


def routes_of(function: str) -> set[tuple[str, str]]:
    own = properties(function).get("Events", {}).values()
    return {route for route, event in routes().items() if event in own}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_is_described(function: str) -> None:
    assert f"\n## {function}\n" in (ROOT / "docs" / "functions.md").read_text()
    assert properties(function)["Description"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_its_log_is_its_own_and_forgets(function: str) -> None:
    group = RESOURCES[properties(function)["LoggingConfig"]["LogGroup"]["Ref"]]

    assert group["Properties"]["LogGroupName"]["Fn::Sub"].endswith(f"-{function}")
    assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_every_log_group_forgets() -> None:
    groups = [resource for resource in RESOURCES.values() if resource["Type"] == "AWS::Logs::LogGroup"]

    assert all("RetentionInDays" in group["Properties"] for group in groups)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_runs_on_what_the_project_promises(function: str) -> None:
    assert properties(function)["Runtime"] == "python3.13"
    assert properties(function)["Architectures"] == ["arm64"]
    assert properties(function)["Tracing"] == "Active"
    assert properties(function)["Layers"] == [{"Ref": "StoaLayer"}]
    assert properties(function)["AutoPublishAliasAllProperties"] is True
    assert variables(function)["POWERTOOLS_SERVICE_NAME"] == function


@pytest.mark.parametrize("function", FUNCTIONS)
def test_it_ends_before_its_caller_gives_up(function: str) -> None:
    timeout = properties(function)["Timeout"]
    kinds = {event["Type"] for event in properties(function).get("Events", {}).values()}
    if "HttpApi" in kinds:
        assert timeout < 30
    for event in properties(function).get("Events", {}).values():
        if event["Type"] == "Api":
            assert event["Properties"]["ResponseTransferMode"] == "RESPONSE_STREAM"
            assert event["Properties"]["TimeoutInMillis"] == timeout * 1000 <= 900_000
        if event["Type"] == "Schedule" and event["Properties"]["Schedule"] == "rate(1 minute)":
            assert timeout <= 60 or function in WORKERS_THAT_TICK
    assert timeout <= 900


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_that_nobody_waits_for_has_a_dead_letter_queue(function: str) -> None:
    events = properties(function).get("Events", {}).values()
    scheduled = [event for event in events if event["Type"] in ("Schedule", "ScheduleV2", "EventBridgeRule")]
    if scheduled or (not events and function != "authorizer"):
        assert "TargetArn" in properties(function)["DeadLetterQueue"]
    assert all("DeadLetterConfig" in event["Properties"] for event in scheduled)


@pytest.mark.parametrize("function", WORKERS_THAT_TICK)
def test_a_worker_that_ticks_ends_its_tick_within_the_minute(function: str) -> None:
    handler = importlib.import_module(f"functions.{function}.handler")

    assert 0 < getattr(handler, WORKERS_THAT_TICK[function]) < 60


@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_comes_out_of_a_queue_comes_again_alone_and_not_forever(function: str) -> None:
    for event in properties(function).get("Events", {}).values():
        if event["Type"] == "SQS":
            queue = RESOURCES[event["Properties"]["Queue"]["Fn::GetAtt"].removesuffix(".Arn")]["Properties"]
            assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
            assert event["Properties"]["ScalingConfig"]["MaximumConcurrency"]
            assert queue["VisibilityTimeout"] >= 6 * properties(function)["Timeout"]
            assert queue["RedrivePolicy"]["maxReceiveCount"] <= 5
            assert "deadLetterTargetArn" in queue["RedrivePolicy"]


def test_every_queue_is_encrypted_and_watched() -> None:
    queues = {name: one for name, one in RESOURCES.items() if one["Type"] == "AWS::SQS::Queue"}
    watched = [
        alarm["Properties"]["Dimensions"][0]["Value"]["Fn::GetAtt"].removesuffix(".QueueName")
        for alarm in RESOURCES.values()
        if alarm["Type"] == "AWS::CloudWatch::Alarm" and alarm["Properties"].get("Namespace") == "AWS/SQS"
    ]

    assert sorted(watched) == sorted(queues)
    assert all(queue["Properties"]["SqsManagedSseEnabled"] is True for queue in queues.values())


def test_trap_not_one_rule_per_schedule_and_no_cron_handed_to_eventbridge() -> None:
    """Members' schedules are rows: one rule ticks for all, and EventBridge never sees an expression of theirs."""
    events = [event for event in properties("scheduled_prompts")["Events"].values() if event["Type"] == "Schedule"]

    assert [event["Properties"]["Schedule"] for event in events] == ["rate(1 minute)"]
    actions = [action for one in statements() for action in ([one["Action"]] if "Action" in one else [])]
    assert not [one for one in actions if re.search("events:|scheduler:", json.dumps(one))]


def test_a_scheduled_prompt_is_answered_under_the_settings_of_chat() -> None:
    settings = {name: value for name, value in variables("chat").items() if name.startswith("STOA_")}

    assert settings.items() <= variables("scheduled_prompts").items()


def test_only_chat_has_a_runtime_of_its_own() -> None:
    wrapped = [function for function in FUNCTIONS if "AWS_LAMBDA_EXEC_WRAPPER" in variables(function)]

    assert wrapped == ["chat"]
    assert variables("chat")["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/run.sh"
    assert (ROOT / "functions" / "chat" / "run.sh").stat().st_mode & 0o111
    assert "SnapStart" not in properties("chat")  # it and the wrapper do not go together


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

    assert without == PUBLIC & set(routes())
    assert RESOURCES["HttpApi"]["Properties"]["Auth"]["DefaultAuthorizer"] == "Jwt"
    assert RESOURCES["ChatApi"]["Properties"]["Auth"]["DefaultAuthorizer"] == "Token"
    assert all(set(event["Properties"].get("Auth", {})) <= {"Authorizer"} for event in routes().values())


def test_only_chat_is_on_the_streaming_api_and_the_distribution_sends_it_there() -> None:
    streaming = {route for route, event in routes().items() if event["Type"] == "Api"}
    distribution = RESOURCES["Distribution"]["Properties"]["DistributionConfig"]
    (behavior,) = distribution["CacheBehaviors"]

    assert streaming == {("POST", "/api/chat")}
    assert behavior["PathPattern"] == "/api/chat*"
    assert behavior["TargetOriginId"] == "chat-api"
    assert distribution["DefaultCacheBehavior"]["TargetOriginId"] == "http-api"
    assert not [path for _, path in set(routes()) - streaming if path.startswith("/api/chat")]


def described_routes() -> dict[tuple[str, str], Any]:
    document = json.loads((ROOT / "layers/common/stoa/data/openapi.json").read_text())
    return {
        (method.upper(), path): operation.get("security", document.get("security"))
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
        if method in METHODS
    }


def test_the_routes_are_those_of_the_api_description() -> None:
    assert set(routes()) == set(described_routes())


def test_the_api_description_asks_for_tokens_where_the_template_does() -> None:
    assert {route for route, security in described_routes().items() if not security} == PUBLIC & set(routes())


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


def test_the_schema_ships_before_the_code() -> None:
    needs_database = {name for name in FUNCTIONS if "STOA_DATABASE_SECRET_ARN" in variables(name)} - {"migrate"}

    assert {name for name in FUNCTIONS if "Migrations" in DESCRIBED[name].get("DependsOn", [])} == needs_database
    assert RESOURCES["Migrations"]["Properties"]["Code"] == {"Ref": "MigrateFunction.Version"}
    assert (ROOT / "functions/migrate/migrations").resolve() == ROOT / "migrations"


def test_every_alarm_goes_to_the_topic() -> None:
    alarms = [resource for resource in RESOURCES.values() if resource["Type"] == "AWS::CloudWatch::Alarm"]
    sums = [[part for part in alarm["Properties"].get("Metrics", ()) if "MetricStat" in part] for alarm in alarms]
    watched = [
        part["MetricStat"]["Metric"]["Dimensions"][0]["Value"]["Ref"]
        for parts in sums
        for part in parts
        if part["MetricStat"]["Metric"]["MetricName"] == "Errors"
    ]

    assert all("HasAlarmTopic" in alarm["Properties"]["AlarmActions"]["Fn::If"] for alarm in alarms)
    # The authorizer's errors are its refusals, so it is watched through the API's 5xx.
    assert sorted(folder_of(name) for name in watched) == sorted(set(FUNCTIONS) - {"authorizer"})
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
    assert max(len(parts) for parts in sums) <= 10
