"""Logs and product events: one JSON line each, never a secret, never what a member wrote."""

from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


# Powertools sets its loggers up in steps that a second thread must not come between.
_making = Lock()


@cache
def logger() -> "Logger":
    """The process's structured logger. Service name and level come from Powertools' own environment variables."""
    from aws_lambda_powertools import Logger

    with _making:
        return Logger(utc=True)


def emit(event: str, /, **properties: Any) -> None:
    """Write a product event (names and properties: docs/events.md) as one log line that a subscriber can filter for."""
    logger().info("product event", extra={"event": event, "properties": properties})
