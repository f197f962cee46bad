"""Scheduled prompts: each minute a tick plans runs, and SQS hands them to workers. One function does both."""

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec.structs import asdict

from stoa.clients.aws import run_queue, storage
from stoa.clients.http import webhook_out
from stoa.core.observe import logger
from stoa.database.pool import database
from stoa.http.answers import known_error
from stoa.identity.members import Member
from stoa.workflows.chat import Tools
from stoa.workflows.providers.provider_directory import provider_directory
from stoa.workflows.schedules.ask import answered
from stoa.workflows.schedules.deliver import deliver
from stoa.workflows.schedules.prompt_run import Ask, RunAnswer, RunPrompt
from stoa.workflows.schedules.run import run
from stoa.workflows.schedules.tick import tick
from stoa.workflows.schedules.values import Worker

TICK_SECONDS = 50  # then the next minute's tick goes on
TOGETHER = run_queue.BATCH  # a batch is run at once: a slow provider holds up its own run alone
# What is left of the function's time must suffice to settle, to end the run, and to deliver: a webhook has 10 s, a
# file 20.
END_MARGIN_SECONDS = 30.0
DEFAULT_SECONDS = 300.0


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    """Returns the tick's report, or for SQS the messages of a batch that are to come again."""
    if "Records" not in event:
        return _tick()
    worker = Worker(database(), _now, _ask_within(_deadline(context)), webhook_out.post, storage.put, storage.link)
    with ThreadPoolExecutor(TOGETHER) as together:
        failed = together.map(lambda record: _work(worker, record), event["Records"])
        return {"batchItemFailures": [{"itemIdentifier": message} for message in failed if message is not None]}


def _tick() -> dict[str, Any]:
    report = asdict(tick(database(), run_queue.send, _now, _now() + timedelta(seconds=TICK_SECONDS)))
    if any(value for name, value in report.items() if name != "complete"):
        logger().info("schedules ticked", extra=report)
    return report


def _work(worker: Worker, record: Mapping[str, Any]) -> str | None:
    """Do what one message asks; its id when it has to come again."""
    try:
        job = run_queue.read(record["body"])
        if job.delivery is not None:
            deliver(worker, job.tenant_id, job.run_id, job.delivery)
        elif run(worker, job.tenant_id, job.run_id):
            deliver(worker, job.tenant_id, job.run_id, 0)
    except Exception as error:  # noqa: BLE001 - one message's failure must not take the others of its batch with it
        known_error(error, f"message {record['messageId']}")  # logs it, without a word of the prompt
        return str(record["messageId"])
    return None


def _ask_within(deadline: float) -> Ask:
    """The chat, as a scheduled run asks it: the same limits, access, teams, persona and charge as for a member."""

    def ask(member: Member, prompt: RunPrompt) -> RunAnswer:
        directory = provider_directory(database())
        tools = Tools(database(), _now, directory.endpoint, directory.stream, deadline)
        return answered(tools, member, prompt)

    return ask


def _now() -> datetime:
    return datetime.now(UTC)


def _deadline(context: Any) -> float:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    seconds = remaining() / 1000 if remaining else DEFAULT_SECONDS
    return time.monotonic() + seconds - END_MARGIN_SECONDS
