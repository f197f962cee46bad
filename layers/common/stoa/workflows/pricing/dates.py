"""Dates of price changes as admins write them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

FIRST_YEAR, LAST_YEAR = 2000, 2200  # far from the ends of the calendar, where arithmetic fails


def moment(text: str) -> datetime:
    """A time in ISO 8601, aware where it has an offset. Raises ValueError with what to send instead."""
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError("send a time such as 2027-03-28T02:30:00+01:00") from error
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise ValueError(f"send a year from {FIRST_YEAR} to {LAST_YEAR}")
    return read


def in_utc(moment: datetime, zone: ZoneInfo) -> datetime:
    """The instant. A time without offset is the tenant's: the earlier one where clocks are put back, and in the hour
    that is left out when they are put forward, as the clock before would have gone on to show. Cut to milliseconds, as
    answers and sheets show it, so that what was read can be sent back.
    """
    instant = (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)
