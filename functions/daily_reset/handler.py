"""Each hour: closes the days that have ended in the tenants' time zones, archives, and forgets what is old."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from stoa.db import database
from stoa.observe import logger
from stoa.workflows.day_close import DayReport, close_days


class DaysNotClosed(Exception):
    """The day of some tenants could not be closed; the log names them. What could be done is done."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, int]:
    """Do what is due, and report it. Raises DaysNotClosed, for the alarm, after everything else is done."""
    report = close_days(database(), datetime.now(UTC))
    done = asdict(report)
    logger().info("days closed", extra=done)
    _publish(report)
    if report.tenants_failed:
        raise DaysNotClosed(f"The days of {report.tenants_failed} of {report.tenants} tenants could not be closed.")
    return done


def _publish(report: DayReport) -> None:
    from aws_lambda_powertools import Metrics  # imported where it is used: 70 ms
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = Metrics(namespace="Stoa", service="daily_reset")
    for name, value in asdict(report).items():
        metrics.add_metric("".join(word.capitalize() for word in name.split("_")), MetricUnit.Count, value)
    metrics.flush_metrics()
