"""What Lambda does for its SQS event sources: takes messages from a queue, calls the function, deletes what it did."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from dev.gateway.events import ACCOUNT
from stoa.answers import known_error

WAIT_SECONDS = 1  # a poll that finds nothing ends after this time
PAUSE_AFTER_FAILURE = 5.0

Call = Callable[[dict[str, Any]], Any]


class QueuePoller:
    """A thread that hands a queue's messages, up to `batch_size` at once, to `call` and deletes those that it did."""

    def __init__(self, queue_url: str, batch_size: int, call: Call) -> None:
        import boto3

        self._sqs = boto3.client("sqs")
        self._queue_url = queue_url
        self._batch_size = batch_size
        self._call = call
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="queue", daemon=True)
        self._thread.start()

    def stop(self, seconds: float = 5.0) -> None:
        """End it; a function that is at work gets `seconds` to finish."""
        self._stop.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._poll()
            except Exception as error:  # noqa: BLE001 - as on AWS, what was not deleted comes again
                if not self._stop.is_set():
                    known_error(error, f"queue {self._queue_url.rpartition('/')[2]}")
                    self._stop.wait(PAUSE_AFTER_FAILURE)

    def _poll(self) -> None:
        answer = self._sqs.receive_message(
            QueueUrl=self._queue_url, MaxNumberOfMessages=self._batch_size, WaitTimeSeconds=WAIT_SECONDS
        )
        messages = answer.get("Messages", [])
        if not messages:
            return
        kept = failed_ids(self._call(queue_event(messages, self._queue_url)))
        done = [message for message in messages if message["MessageId"] not in kept]
        if done:
            entries = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(done)]
            self._sqs.delete_message_batch(QueueUrl=self._queue_url, Entries=entries)


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
