"""Does the work of Lambda's SQS event sources: takes messages from a queue, calls the function, deletes what it did."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from dev.gateway.events import ACCOUNT
from stoa.http.answers import known_error

AT_ONCE = 4  # batches
WAIT_SECONDS = 1  # a poll that finds nothing ends after this time
PAUSE_AFTER_FAILURE = 5.0

Call = Callable[[dict[str, Any]], Any]


class QueuePoller:
    """Hands a queue's messages, up to `batch_size` at once, to `call` and deletes those that it did.

    Several batches are worked on side by side, as by several instances of a function: one that hangs holds up no other.
    """

    def __init__(self, queue_url: str, batch_size: int, call: Call) -> None:
        import boto3

        self._sqs = boto3.client("sqs")
        self._queue_url = queue_url
        self._batch_size = batch_size
        self._call = call
        self._stop = threading.Event()
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End it; functions that are at work get `seconds` to finish."""
        ends = time.monotonic() + seconds
        self._stop.set()
        self._thread.join(seconds)
        for _ in range(AT_ONCE):
            self._places.acquire(timeout=max(0.0, ends - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._places.acquire(timeout=WAIT_SECONDS):
                messages = self._tried(self._receive) or []
                if messages:
                    threading.Thread(target=self._work, args=(messages,), daemon=True).start()
                else:
                    self._places.release()

    def _receive(self) -> list[Any]:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=self._batch_size, WaitTimeSeconds=WAIT_SECONDS
        )
        return list(answer.get("Messages", ()))

    def _work(self, messages: list[Any]) -> None:
        try:
            self._tried(lambda: self._hand_out(messages))
        finally:
            self._places.release()

    def _hand_out(self, messages: list[Any]) -> None:
        kept = failed_ids(self._call(queue_event(messages, self._queue_url)))
        done = [message for message in messages if message["MessageId"] not in kept]
        if done:
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(done)]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)

    def _tried(self, action: Callable[[], list[Any] | None]) -> list[Any] | None:
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - as on AWS, what was not deleted comes again
            if not self._stop.is_set():
                known_error(error, f"queue {self._queue_url.rpartition('/')[2]}")
                self._stop.wait(PAUSE_AFTER_FAILURE)
            return None


def failed_ids(returned: Any) -> set[str]:
    """The messages that a function with ReportBatchItemFailures wants to see again."""
    failures = returned.get("batchItemFailures") or [] if isinstance(returned, Mapping) else []
    return {failure["itemIdentifier"] for failure in failures}


def queue_event(messages: list[Any], queue_url: str) -> dict[str, Any]:
    """Messages as Lambda hands them to a function."""
    arn = f"arn:aws:sqs:local:{ACCOUNT}:{queue_url.rpartition('/')[2]}"
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": {},
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": "local",
            }
            for message in messages
        ]
    }
