"""The functions that no member calls, as they are packaged: schedules, queue and CloudFormation call them."""

import json
from collections.abc import Iterator
from uuid import UUID

import boto3
import pytest

from dev.aws_setup import MAIL_FROM, RESULTS_BUCKET, RUN_QUEUE_PATH, prepare_aws, sent_mail
from dev.gateway.queues import queue_event
from dev.practice import PracticeProviders, practice_environment
from tests.aws_server import aws_server
from tests.e2e.built import Start, answer_of, call, sample, sample_for, serve


def test_the_sweep_runs_on_its_schedule(start: Start) -> None:
    assert json.loads(start("sweep").invoke(sample("sweep"))) == {"expired": 0}


def test_the_daily_function_reports_what_it_did(start: Start, tenant: UUID) -> None:
    report = json.loads(start("daily_reset").invoke(sample("daily_reset")))
    assert report["tenants"] >= 1
    assert report["tenants_failed"] == 0


@pytest.fixture
def aws() -> Iterator[dict[str, str]]:
    """A stand-in for AWS with what the template makes: the settings that lead to it."""
    with aws_server() as environment, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        url = environment["AWS_ENDPOINT_URL"]
        prepare_aws(url)
        yield environment | {
            "STOA_MAIL_FROM": MAIL_FROM,
            "STOA_RESULTS_BUCKET": RESULTS_BUCKET,
            "STOA_RUN_QUEUE_URL": url + RUN_QUEUE_PATH,
        }


def test_a_run_goes_through_queue_chat_and_mail(
    start: Start, tenant: UUID, practice: PracticeProviders, aws: dict[str, str]
) -> None:
    schedules = start("schedules", **aws)
    event = sample_for("schedules", tenant)
    made = {"type": "cron", "cronExpression": "0 9 * * *", "name": "Mornings", "prompt": "One thought", "model": "auto"}
    call(event, "POST /api/schedules", {**made, "outputDestination": "email"})
    status, body = answer_of(schedules, event)
    assert status == 201, body
    call(event, "POST /api/schedules/{scheduleId}/run", None, scheduleId=body["data"]["id"])
    status, run = answer_of(schedules, event)
    assert status == 202, (run, schedules.log()[-4000:])

    worker = start("scheduled_prompts", **aws, **practice_environment(practice.port, {}))
    assert json.loads(worker.invoke(sample("scheduled_prompts")))["complete"] is True
    messages = boto3.client("sqs", endpoint_url=aws["AWS_ENDPOINT_URL"], region_name="us-east-1").receive_message(
        QueueUrl=aws["STOA_RUN_QUEUE_URL"], MaxNumberOfMessages=10
    )["Messages"]
    taken = json.loads(worker.invoke(queue_event(messages, aws["STOA_RUN_QUEUE_URL"])))
    assert taken == {"batchItemFailures": []}, worker.log()[-4000:]

    mailer = start("mailer", **aws)
    assert json.loads(mailer.invoke(sample("mailer")))["sent"] >= 1, mailer.log()[-4000:]
    one_run = "GET /api/schedules/{scheduleId}/runs/{runId}"
    call(event, one_run, None, scheduleId=body["data"]["id"], runId=run["data"]["id"])
    status, run = answer_of(schedules, event)
    assert (status, run["data"]["status"], run["data"]["delivery"]["status"]) == (200, "succeeded", "delivered")
    assert "One thought" not in worker.log() + schedules.log()
    (mail,) = (one for one in sent_mail(aws["AWS_ENDPOINT_URL"]) if one["subject"] == "Mornings")
    assert run["data"]["output"] in mail["text"]


def test_the_packaged_feeds_are_read_and_proposed(start: Start, tenant: UUID) -> None:
    """Without a provider's key or a feed's address, only the packaged feeds are read."""
    sync = start("provider_sync")
    report = json.loads(sync.invoke(sample("provider_sync")))
    assert (report["tenants_failed"], report["feed_unreadable"]) == (0, 0), sync.log()[-4000:]
    assert report["tenants_synced"] >= 1
    status, body = answer_of(start("registry_admin"), sample_for("registry_admin", tenant))
    assert status == 200
    assert {change["kind"] for change in body["data"]} >= {"new_model"}


def test_migrate_answers_cloudformation(start: Start) -> None:
    server, documents = serve()
    event = sample("migrate") | {"ResponseURL": f"http://127.0.0.1:{server.server_port}/answer?signature=none"}

    migrate = start("migrate")
    migrate.invoke(event)
    server.shutdown()
    server.server_close()

    told = json.loads(documents["/answer?signature=none"])
    assert told["Status"] == "SUCCESS", told
    assert told["LogicalResourceId"] == "Migrations"
    assert told["PhysicalResourceId"]


def test_migrate_runs_by_hand(start: Start) -> None:
    assert json.loads(start("migrate").invoke({})) == {"applied": []}  # the session's database is migrated already
