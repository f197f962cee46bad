"""template.yaml against the rest of the project: all that is there is deployed, described and given its bounds."""

import importlib
import json
import re

import pytest

from dev.build import folder_of
from tests.contract.template import DESCRIBED, FUNCTIONS, RESOURCES, ROOT, properties, routes, statements, variables

# Their tick ends itself within the minute (and may overlap the next one); the time limit is their workers'.
WORKERS_THAT_TICK = {"scheduled_prompts": "TICK_SECONDS"}


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

    assert module == f"functions.{function}.handler"
    assert callable(getattr(importlib.import_module(module), name))


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
        asked = event.get("routeKey") or f"ANY {event['resource']}"
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


def test_every_setting_of_ours_is_read_by_somebody() -> None:
    sources = [path for folder in ("functions", "layers") for path in (ROOT / folder).rglob("*.py")]
    read = {name for path in sources for name in re.findall(r'"(STOA_[A-Z_]+)"', path.read_text(encoding="utf-8"))}

    assert {name for function in FUNCTIONS for name in variables(function) if name.startswith("STOA_")} <= read


def test_only_chat_has_a_runtime_of_its_own() -> None:
    wrapped = [function for function in FUNCTIONS if "AWS_LAMBDA_EXEC_WRAPPER" in variables(function)]

    assert wrapped == ["chat"]
    assert variables("chat")["AWS_LAMBDA_EXEC_WRAPPER"] == "/var/task/functions/chat/run.sh"
    assert (ROOT / "functions" / "chat" / "run.sh").stat().st_mode & 0o111
    assert "SnapStart" not in properties("chat")  # it and the wrapper do not go together


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
