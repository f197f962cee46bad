"""The times at which a tenant's registry is compared with the feeds."""

from collections.abc import Mapping
from datetime import datetime, timedelta

EVERY: Mapping[str, timedelta] = {"hourly": timedelta(hours=1), "daily": timedelta(days=1), "weekly": timedelta(days=7)}

# The rule ticks each hour, sometimes a little early. Without this slack a tenant would slip by an hour now and then.
SLACK = timedelta(minutes=10)


def is_due(frequency: str, last: datetime | None, now: datetime) -> bool:
    """Returns whether as much time has passed since the last completed comparison as the tenant wants."""
    return last is None or now - last >= EVERY[frequency] - SLACK
