"""Each hour: closes the days that have ended in the tenants' time zones, archives, and forgets what is old."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import asdict

from stoa.core.observe import logger, publish
from stoa.database.pool import database
from stoa.workflows.catalogue.retire_models import retire_models
from stoa.workflows.operations.day_close import close_days


class DaysNotClosed(Exception):
    """The day of some tenants could not be closed; the log names them. What could be done is done."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, int]:
    """Do what is due, and report it. Raises DaysNotClosed, for the alarm, after everything else is done."""
    now = datetime.now(UTC)
    report, retired = close_days(database(), now), retire_models(database(), now)
    done = {
        **asdict(report),
        **asdict(retired),
        "tenants_failed": report.tenants_failed + retired.tenants_failed,
    }
    logger().info("days closed", extra=done)
    publish("daily_reset", done)
    if done["tenants_failed"]:
        raise DaysNotClosed(
            f"The days of {report.tenants_failed} of {report.tenants} tenants could not be closed; the members of "
            f"{retired.tenants_failed} could not be moved from models that have ended."
        )
    return done
