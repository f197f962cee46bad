"""Reads the price feeds and the providers' own lists each hour, for the tenants that are due."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import asdict

from stoa.core.observe import logger, publish
from stoa.database.pool import database
from stoa.domain.providers.provider import Provider
from stoa.domain.sync.facts import Reading
from stoa.workflows.sync.run import sync


class NotSynced(Exception):
    """Some tenants could not be synced, or the feeds could not be read. The log says which. Everything else is done."""


def handler(event: Mapping[str, Any], context: Any) -> dict[str, int]:
    """Does what is due and returns the counts.

    In a call by hand, `{"atOnce": true}` does not wait for the tenants' times. With `{"believeFewer": true}` a source
    is believed that lost most of its models.

    Raises NotSynced, for the alarm, after everything else is done.
    """
    now = datetime.now(UTC)

    def read(providers: Sequence[Provider], counts: Mapping[str, int]) -> Reading:
        from stoa.clients.feeds.sources import read_sources  # most hours no tenant is due, and nothing is read

        return read_sources(providers, now, counts)

    by_hand = {"at_once": event.get("atOnce") is True, "believe_fewer": event.get("believeFewer") is True}
    report = sync(database(), read, lambda: datetime.now(UTC), **by_hand)
    done = asdict(report)
    logger().info("providers synced", extra=done)
    publish("provider_sync", done)
    if report.tenants_failed or report.feed_unreadable:
        what = f"{report.tenants_failed} of {report.tenants} tenants could not be synced"
        raise NotSynced("The price feed could not be read." if report.feed_unreadable else f"{what}.")
    return done
