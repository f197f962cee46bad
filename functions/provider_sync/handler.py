"""Each hour: reads what the price feeds and the providers say of their models, for the tenants that want to know."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from stoa.clients.feeds.sources import read_sources
from stoa.db import Row, database
from stoa.domain.provider_facts import Reading
from stoa.observe import logger
from stoa.workflows.provider_sync import SyncReport, sync


class NotSynced(Exception):
    """Some tenants could not be synced, or the feeds not be read; the log says which. What could be done is done."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, int]:
    """Do what is due, and report it. By hand, `{"atOnce": true}` does not wait for the tenants' times, and with
    `{"believeFewer": true}` sources may have lost most of their models.

    Raises NotSynced, for the alarm, after everything else is done.
    """
    now = datetime.now(UTC)

    def read(providers: Sequence[Row], counts: Mapping[str, int]) -> Reading:
        return read_sources(providers, now, counts)

    by_hand = {"at_once": event.get("atOnce") is True, "believe_fewer": event.get("believeFewer") is True}
    report = sync(database(), read, lambda: datetime.now(UTC), **by_hand)
    done = asdict(report)
    logger().info("providers synced", extra=done)
    _publish(report)
    if report.tenants_failed or report.feed_unreadable:
        what = f"{report.tenants_failed} of {report.tenants} tenants could not be synced"
        raise NotSynced("The price feed could not be read." if report.feed_unreadable else f"{what}.")
    return done


def _publish(report: SyncReport) -> None:
    from aws_lambda_powertools import Metrics  # imported where it is used: 70 ms
    from aws_lambda_powertools.metrics import MetricUnit

    metrics = Metrics(namespace="Stoa", service="provider_sync")
    for name, value in asdict(report).items():
        metrics.add_metric("".join(word.capitalize() for word in name.split("_")), MetricUnit.Count, value)
    metrics.flush_metrics()
