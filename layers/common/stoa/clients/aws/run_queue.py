"""The queue between whoever plans runs of scheduled prompts and the workers, Amazon SQS.

A message says what is to be done and nothing of a prompt: {"tenantId", "runId"} for a run, and also "delivery", the
number of attempts so far, for the delivery of its output.
"""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.core.observe import logger
from stoa.core.settings import settings

BATCH = 10  # the most that SQS takes at once
_SENDERS = 8
_TIMEOUT_SECONDS = 5


class Job(Struct, frozen=True):
    """A message of the queue. `delivery` is None for a run, else how often its output's delivery was attempted."""

    tenant_id: UUID
    run_id: UUID
    delivery: int | None = None


def send(jobs: Sequence[Job]) -> list[Job]:
    """Put jobs into the queue; those that it took. What it did not take, and why, is logged: the tick comes again."""
    if settings().run_queue_url is None:
        logger().error("runs were not queued: STOA_RUN_QUEUE_URL is not set", extra={"runs": len(jobs)})
        return []
    batches = [jobs[start : start + BATCH] for start in range(0, len(jobs), BATCH)]
    if len(batches) <= 1:
        return _send_batch(jobs) if jobs else []
    _sqs()  # made here: clients may be shared by threads, but not made by several at once
    with ThreadPoolExecutor(min(_SENDERS, len(batches))) as senders:
        return [job for taken in senders.map(_send_batch, batches) for job in taken]


def read(body: str) -> Job:
    """Returns a message's body as the job it is. Raises ValueError or KeyError for a body that is not ours."""
    found = json.loads(body)
    return Job(UUID(found["tenantId"]), UUID(found["runId"]), found.get("delivery"))


def _send_batch(jobs: Sequence[Job]) -> list[Job]:
    from botocore.exceptions import BotoCoreError, ClientError

    entries: list[Any] = [{"Id": str(place), "MessageBody": _body(job)} for place, job in enumerate(jobs)]
    try:
        answer = _sqs().send_message_batch(QueueUrl=settings().run_queue_url, Entries=entries)
    except (BotoCoreError, ClientError) as error:
        logger().warning("runs were not queued", extra={"runs": len(jobs), "error": type(error).__name__})
        return []
    refused = {failure["Id"]: failure["Code"] for failure in answer.get("Failed", ())}
    if refused:
        logger().warning("runs were not queued", extra={"runs": len(refused), "codes": sorted(set(refused.values()))})
    return [job for place, job in enumerate(jobs) if str(place) not in refused]


def _body(job: Job) -> str:
    told = {"tenantId": str(job.tenant_id), "runId": str(job.run_id)}
    return json.dumps(told if job.delivery is None else {**told, "delivery": job.delivery})


@cache
def _sqs() -> Any:
    import boto3  # 270 ms: only where runs are queued
    from botocore.config import Config

    retries: Any = {"total_max_attempts": 2}
    timeouts: Any = {"connect_timeout": _TIMEOUT_SECONDS, "read_timeout": _TIMEOUT_SECONDS}
    return boto3.client("sqs", config=Config(retries=retries, max_pool_connections=_SENDERS, **timeouts))
