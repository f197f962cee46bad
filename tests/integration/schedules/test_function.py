"""The function: a tick by EventBridge, batches by SQS, and the queue between them, on a real (stand-in) SQS."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Event, Semaphore
from typing import Any
from uuid import UUID

import pytest

from dev.aws_setup import RUN_QUEUE_PATH, prepare_aws
from dev.gateway.queues import QueuePoller, failed_ids, queue_event
from functions.scheduled_prompts import handler as function
from functions.scheduled_prompts.handler import handler
from stoa.clients.aws import run_queue
from stoa.clients.aws.run_queue import Job
from stoa.clients.wires.types import Call, Cancel, Endpoint
from stoa.core.ids import new_id
from stoa.core.settings import settings
from stoa.database.pool import Database, Scope
from tests.integration.chat.support import Desk, ScriptedProviders, make_member, says
from tests.integration.schedules.support import Office


@pytest.fixture
def sqs(aws: str, monkeypatch: pytest.MonkeyPatch, function_environment: None) -> Iterator[Any]:
    import boto3

    monkeypatch.setenv("STOA_RUN_QUEUE_URL", aws + RUN_QUEUE_PATH)
    settings.cache_clear()
    run_queue._sqs.cache_clear()
    prepare_aws(aws)
    yield boto3.client("sqs")
    settings.cache_clear()
    run_queue._sqs.cache_clear()


@pytest.fixture
def office(owner_database: Database, runtime_database: Database, tenant: UUID) -> Office:
    with owner_database.autocommit(Scope()) as connection:
        connection.run("DELETE FROM schedules")
    desk = Desk(runtime_database, make_member(runtime_database, tenant), ScriptedProviders())
    return Office(desk, now=datetime.now(UTC))


@pytest.fixture
def practised(office: Office, monkeypatch: pytest.MonkeyPatch) -> ScriptedProviders:
    """The function's providers are scripted ones."""

    class Directory:
        stream = staticmethod(office.desk.providers.stream)

        @staticmethod
        def endpoint(provider_id: str, tenant_id: UUID) -> Endpoint:
            return Endpoint(provider_id, "openai", "http://provider.invalid", None)

    monkeypatch.setattr(function, "provider_directory", lambda database: Directory)
    return office.desk.providers


def received(sqs: Any) -> list[Any]:
    found: list[Any] = []
    while more := sqs.receive_message(QueueUrl=settings().run_queue_url, MaxNumberOfMessages=10).get("Messages"):
        found += more
    return found


def test_a_tick_fills_the_queue_and_a_batch_empties_it(office: Office, sqs: Any, practised: ScriptedProviders) -> None:
    office.bulk(25, office.now - timedelta(minutes=1))
    assert handler({"source": "aws.events"}, None)["planned"] == 25
    messages = received(sqs)
    bodies = [json.loads(message["Body"]) for message in messages]
    assert len(bodies) == 25
    assert {frozenset(body) for body in bodies} == {frozenset({"tenantId", "runId"})}  # and not a word of the prompt
    for start in range(0, 25, 10):
        batch = queue_event(messages[start : start + 10], str(settings().run_queue_url))
        assert handler(batch, None) == {"batchItemFailures": []}
    assert [run["status"] for run in office.runs()] == ["succeeded"] * 25
    assert handler({"source": "aws.events"}, None)["planned"] == 0


def test_a_provider_that_hangs_holds_up_its_own_run_alone(
    office: Office, sqs: Any, practised: ScriptedProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    others_have_ended, ended = Event(), Semaphore(0)
    real = function.run

    def run(worker: Any, tenant_id: UUID, run_id: UUID) -> bool:
        try:
            return real(worker, tenant_id, run_id)
        finally:
            ended.release()

    def hangs(call: Call, cancel: Cancel) -> Any:
        assert all(ended.acquire(timeout=20) for _ in range(9))
        others_have_ended.set()
        yield from says("At last.")(call, cancel)

    monkeypatch.setattr(function, "run", run)
    practised.by_model["gpt-4o"] = hangs
    office.bulk(1, office.now - timedelta(minutes=1), model_id="gpt-4o")
    office.bulk(9, office.now - timedelta(minutes=1))
    handler({"source": "aws.events"}, None)
    assert handler(queue_event(received(sqs), "queue"), None) == {"batchItemFailures": []}
    assert others_have_ended.is_set()
    assert [run["status"] for run in office.runs()] == ["succeeded"] * 10


def test_the_local_queue_hands_out_more_while_a_batch_is_worked_on(sqs: Any) -> None:
    run_queue.send([Job(new_id(), new_id()) for _ in range(2)])
    second, done = Event(), Semaphore(0)
    handed: list[str] = []

    def call(event: dict[str, Any]) -> None:
        handed.append(event["Records"][0]["body"])
        if len(handed) == 2:
            second.set()
        assert second.wait(20)  # the first hangs until the second has come
        done.release()

    poller = QueuePoller(str(settings().run_queue_url), 1, call)
    assert all(done.acquire(timeout=20) for _ in range(2))
    poller.stop()
    assert len(set(handed)) == 2


def test_one_message_that_fails_comes_again_alone(
    office: Office, sqs: Any, practised: ScriptedProviders, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.bulk(3, office.now - timedelta(minutes=1))
    handler({"source": "aws.events"}, None)
    messages = received(sqs)
    broken = UUID(json.loads(messages[1]["Body"])["runId"])
    real = function.run

    def run(worker: Any, tenant_id: UUID, run_id: UUID) -> bool:
        if run_id == broken:
            raise ZeroDivisionError
        return real(worker, tenant_id, run_id)

    monkeypatch.setattr(function, "run", run)
    messages[2]["Body"] = "not ours"
    returned = handler(queue_event(messages, "queue"), None)
    assert failed_ids(returned) == {messages[1]["MessageId"], messages[2]["MessageId"]}
    assert sorted(run["status"] for run in office.runs()) == ["queued", "queued", "succeeded"]


def test_a_batch_that_the_queue_does_not_take_is_told(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [Job(new_id(), new_id(), delivery=number) for number in range(23)]
    assert run_queue.send(jobs) == jobs
    assert sorted(run_queue.read(message["Body"]).delivery or 0 for message in received(sqs)) == list(range(23))
    assert run_queue.send([]) == []
    client = run_queue._sqs()
    monkeypatch.setattr(client, "send_message_batch", lambda **_: {"Failed": [{"Id": "1", "Code": "InternalError"}]})
    assert run_queue.send(jobs[:3]) == [jobs[0], jobs[2]]
    monkeypatch.undo()
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    run_queue._sqs.cache_clear()
    settings.cache_clear()
    assert run_queue.send(jobs[:3]) == []


def test_who_starts_a_run_is_answered_also_while_the_queue_is_silent(sqs: Any) -> None:
    config = run_queue._sqs().meta.config
    slowest = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
    assert slowest < 29, "the function `schedules` has no longer"


def test_without_a_queue_nothing_is_taken(monkeypatch: pytest.MonkeyPatch, function_environment: None) -> None:
    monkeypatch.delenv("STOA_RUN_QUEUE_URL", raising=False)
    settings.cache_clear()
    assert run_queue.send([Job(new_id(), new_id())]) == []
