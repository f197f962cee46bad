"""Daily limits: the tenant's local day, when it ends, and how the limit is told to a client.

A counter belongs to a local day, so the limit resets at the tenant's midnight whether or not any job runs.
"""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from stoa.core.errors import FieldProblem, InvalidFields


def zone_named(name: str) -> ZoneInfo:
    """Returns the IANA time zone of that name. Raises InvalidFields when there is none."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown name, path-like name, name of a folder
        reason = f"{name!r} is no IANA time zone; send one such as Europe/Berlin."
        raise InvalidFields([FieldProblem("timezone", reason)]) from error


def local_day(now: datetime, zone: str) -> date:
    """Returns the date that a wall calendar in the zone shows at `now`."""
    return now.astimezone(zone_named(zone)).date()


def next_reset(now: datetime, zone: str) -> datetime:
    """Returns the first instant after `now` at which the zone's calendar shows a later day; aware, UTC."""
    tenant_zone = zone_named(zone)
    tomorrow = now.astimezone(tenant_zone).date() + timedelta(days=1)
    # Midnight happens twice where clocks go back over it and never where they jump over it: of the two readings
    # take the first that lies ahead and is really tomorrow. Checked against every zone's transitions since 1971.
    midnights = (datetime.combine(tomorrow, time(fold=fold), tenant_zone).astimezone(UTC) for fold in (0, 1))
    return min(at for at in midnights if at > now and at.astimezone(tenant_zone).date() >= tomorrow)


def day_begins(day: date, zone: str) -> datetime:
    """Returns the first instant at which the zone's calendar shows `day`; aware, UTC."""
    tenant_zone = zone_named(zone)
    midnights = (datetime.combine(day, time(fold=fold), tenant_zone).astimezone(UTC) for fold in (0, 1))
    return min(at for at in midnights if at.astimezone(tenant_zone).date() >= day)


def remaining(limit: int | None, used: int) -> int | None:
    """Messages left today, never negative. None: there is no limit."""
    return None if limit is None else max(0, limit - used)


def limit_reached(limit: int | None, used: int) -> bool:
    """True when one more message would be over the limit. A limit of 0 is always reached; no limit never."""
    return limit is not None and used >= limit


def seconds_until(reset_at: datetime, now: datetime) -> int:
    """Whole seconds to wait, rounded up so that waiting them is enough, never negative."""
    return max(0, -((now - reset_at) // timedelta(seconds=1)))


def utc_text(instant: datetime) -> str:
    """Returns the instant for JSON: ISO 8601 in UTC with a Z, to the second (2026-11-21T23:00:00Z)."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
