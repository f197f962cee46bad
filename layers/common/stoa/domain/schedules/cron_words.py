"""A rhythm in plain English, for the people whose schedule it is."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, tzinfo

from stoa.domain.schedules.cron import Cron

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_WEEKDAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_WORKDAYS, _WEEKEND = frozenset(range(1, 6)), frozenset({0, 6})
_MOST_TIMES = 6  # more times of day than this are told as minutes and hours


def cron_words(cron: Cron) -> str:
    """Returns the times in words, such as "Every weekday at 09:00"."""
    when, days = _times(cron), _days(cron)
    if when.startswith("at "):
        return f"{days or 'Every day'} {when}"
    return _sentence(f"{when}, {days[0].lower() + days[1:]}" if days else when)


def interval_words(interval: timedelta) -> str:
    """Returns the interval in words, in the largest unit that divides it evenly."""
    minutes = interval // timedelta(minutes=1)
    for size, unit in ((24 * 60, "day"), (60, "hour")):
        if minutes % size == 0:
            count = minutes // size
            # A day of an interval is 24 hours, whatever the clocks do.
            return f"Every {unit}" if count == 1 and unit == "hour" else f"Every {count * (size // 60)} hours"
    return f"Every {minutes} minutes"


def instant_words(instant: datetime, zone: tzinfo) -> str:
    """Returns an instant as clocks and calendars in the zone show it."""
    local = instant.astimezone(zone)
    day = f"{_WEEKDAYS[local.isoweekday() % 7]} {local.day} {_MONTHS[local.month - 1]} {local.year}"
    return f"{day} at {local:%H:%M}"


def place_words(zone_name: str) -> str:
    """Returns a time zone as people call it: "New York time"."""
    if zone_name in ("UTC", "Etc/UTC", "Etc/GMT", "GMT"):
        return "UTC"
    place = zone_name.rpartition("/")[2].replace("_", " ")
    return f"{place} time" if "/" in zone_name and not zone_name.startswith("Etc/") else zone_name


def _times(cron: Cron) -> str:
    minutes, hours = sorted(cron.minutes), sorted(cron.hours)
    if not cron.every_hour and len(minutes) * len(hours) <= _MOST_TIMES:
        return "at " + _list(f"{hour:02}:{minute:02}" for hour in hours for minute in minutes)
    step = _step(minutes, 60)
    if step and minutes[0] == 0 and len(minutes) > 1:
        often = "every minute" if step == 1 else f"every {step} minutes"
        return often if cron.every_hour else f"{often}, {_hours(hours)}"
    past = "" if minutes == [0] else f" at {_spans(minutes)} minutes past"
    if cron.every_hour:
        return f"every hour{past}"
    if _step(hours, 24) and hours[0] == 0:
        return f"every {_step(hours, 24)} hours{past}"
    return f"every hour{past}, {_hours(hours)}"


def _hours(hours: Sequence[int]) -> str:
    if hours[-1] - hours[0] == len(hours) - 1:
        return f"from {hours[0]:02}:00 to {hours[-1]:02}:59"
    return "in the hours " + _spans(hours)


def _days(cron: Cron) -> str:
    """Returns the days as the start of a sentence. Empty: every day."""
    months = "" if len(cron.months) == 12 else _spans(sorted(cron.months), lambda month: _MONTHS[month - 1])
    if cron.every_day_of_month and cron.every_weekday:
        return f"Every day in {months}" if months else ""
    weekdays = "" if cron.every_weekday else _weekdays(cron.weekdays)
    if cron.every_day_of_month:
        return f"Every {weekdays} in {months}" if months else f"Every {weekdays}"
    dates = f"On the {_spans(sorted(cron.days), _ordinal)} of {months or 'every month'}"
    if not weekdays:
        return dates
    return f"{dates}, and every {weekdays}" + (f" in {months}" if months else "")


def _weekdays(days: frozenset[int]) -> str:
    if days == _WORKDAYS:
        return "weekday"
    if days == _WEEKEND:
        return "Saturday and Sunday"
    from_monday = sorted(day or 7 for day in days)  # where the week begins
    return _spans(from_monday, lambda day: _WEEKDAYS[day % 7])


def _step(values: Sequence[int], size: int) -> int:
    """Returns the one distance between all neighbours, the last and the first included; 0 where there are several."""
    distances = {later - earlier for earlier, later in zip(values, [*values[1:], values[0] + size], strict=True)}
    return distances.pop() if len(distances) == 1 else 0


def _ordinal(number: int) -> str:
    ending = "th" if number // 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _spans(values: Sequence[int], word: Callable[[int], str] = str) -> str:
    """Sorted values as a list, in which three neighbours or more are told as the first to the last."""
    spans: list[list[int]] = []
    for value in values:
        if spans and value == spans[-1][-1] + 1:
            spans[-1].append(value)
        else:
            spans.append([value])
    texts = ([f"{word(span[0])} to {word(span[-1])}"] if len(span) > 2 else map(word, span) for span in spans)
    return _list(text for span in texts for text in span)


def _list(items: Iterable[object]) -> str:
    texts = [str(item) for item in items]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]
