"""Dates of price changes as admins write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 2000, 2200  # far from the ends of the calendar, where arithmetic fails


def moment(text: str) -> datetime:
    """Returns a time in ISO 8601, aware where it has an offset. Raises ValueError that says what to send instead."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("send a time such as 2027-03-28T02:30:00+01:00") from error
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise ValueError(f"send a year from {FIRST_YEAR} to {LAST_YEAR}")
    return read


def in_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    """Returns the instant in UTC. A time without an offset is in `zone`.

    A time that comes twice, because clocks are put back, is the earlier one. A time in the hour that is left out,
    because clocks are put forward, is read as if they had not been. The instant is cut to milliseconds, as answers and
    sheets show it, so that a client can send back what it read.
    """
    instant = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
