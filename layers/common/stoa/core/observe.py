"""Logs, product events and metrics: one JSON line each, never a secret, never what a member wrote."""

from collections.abc import Mapping
from functools import cache
from threading import Lock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger


# Powertools sets its loggers up in steps that a second thread must not come between.
_making = Lock()


@cache
def logger() -> "Logger":
    """Returns the process's structured logger. Powertools' own environment variables set service name and level."""
    from aws_lambda_powertools import Logger

    with _making:
        return Logger(utc=True)


def publish(service: str, figures: Mapping[str, int]) -> None:
    """Write what a run did as CloudWatch metrics of the namespace Stoa: `days_closed` becomes `DaysClosed`."""
    from aws_lambda_powertools import Metrics  # 70 ms
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = Metrics(namespace="Stoa", service=service)
    for name, value in figures.items():
        metrics.add_metric("".join(word.capitalize() for word in name.split("_")), MetricUnit.Count, value)
    metrics.flush_metrics()


def emit(event: str, /, **properties: Any) -> None:
    """Write a product event (names and properties: docs/events.md) as one log line that a subscriber can filter for."""
    logger().info("product event", extra={"event": event, "properties": properties})
