"""Five-field cron expressions in a time zone: what they mean, and when they are next due.

The fields are read here, so that a refusal names the field; croniter does the calendar's arithmetic, on the wall
clock. What happens when the clocks change is ours, because croniter's own answers differ between kinds of expressions.
It is what cron(8) of Vixie's cron, section "DAYLIGHT SAVING TIME", does (docs/decisions/0015):

- The hours are named (`30 2 * * *`): each wall time is due once a day. One that the clocks skip is due at the first
  instant after the gap; of one that comes twice, the first is taken.
- Every hour (the hour field allows all): due whenever the clock shows a matching minute, so the rhythm never breaks.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo

from msgspec import Struct

LONGEST = 200  # characters: far more than any expression that a person would write

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_MINUTE = timedelta(minutes=1)
_PART = re.compile(r"(?P<range>\*|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d+))?", re.ASCII)


class InvalidCron(ValueError):
    """The expression is not one; the text says what is wrong with it."""


class _Field(Struct, frozen=True):
    name: str
    low: int
    high: int
    names: dict[str, int]


_FIELDS = (
    _Field("minute", 0, 59, {}),
    _Field("hour", 0, 23, {}),
    _Field("day of the month", 1, 31, {}),
    _Field("month", 1, 12, {name: number for number, name in enumerate(_MONTHS, 1)}),
    _Field("weekday", 0, 7, {name: number for number, name in enumerate(_WEEKDAYS)}),  # 7 is Sunday, too
)
_LONGEST_MONTHS = {2: 29, 4: 30, 6: 30, 9: 30, 11: 30}


class Cron(Struct, frozen=True):
    """The values each field allows. A field that allows all of them restricts nothing, however it was written.

    Where day of the month and weekday are both restricted, either is enough, as in every cron.
    """

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday

    @property
    def every_hour(self) -> bool:
        """True when no hour is left out."""
        return len(self.hours) == 24

    @property
    def every_day_of_month(self) -> bool:
        """True when the day of the month restricts nothing."""
        return len(self.days) == 31

    @property
    def every_weekday(self) -> bool:
        """True when the weekday restricts nothing."""
        return len(self.weekdays) == 7

    def next_after(self, instant: datetime, zone: tzinfo) -> datetime:
        """Returns the first instant after `instant` at which it is due in the zone; aware, UTC.

        Raises InvalidCron when there is none before the calendar's end.
        """
        return self._whenever_shown(instant, zone) if self.every_hour else self._once_a_wall_time(instant, zone)

    def _once_a_wall_time(self, instant: datetime, zone: tzinfo) -> datetime:
        for wall in self._walls_after(instant.astimezone(zone).replace(tzinfo=None)):
            shown = _shown(wall, zone)
            due = shown[0] if shown else _end_of_gap(wall, zone)
            if due > instant:
                return due
        raise AssertionError  # pragma: no cover - the iterator ends by raising

    def _whenever_shown(self, instant: datetime, zone: tzinfo) -> datetime:
        # In an hour that comes twice, an earlier wall time may still be ahead: look from both readings of the clock.
        local = instant.astimezone(zone)
        offsets = {local.replace(fold=fold).utcoffset() or timedelta() for fold in (0, 1)}
        walls = [(instant.astimezone(UTC) + offset).replace(tzinfo=None) for offset in offsets]
        return min(self._first_shown(instant, wall, zone) for wall in walls)

    def _first_shown(self, instant: datetime, wall_before: datetime, zone: tzinfo) -> datetime:
        for wall in self._walls_after(wall_before):
            ahead = [due for due in _shown(wall, zone) if due > instant]
            if ahead:
                return ahead[0]
        raise AssertionError  # pragma: no cover - the iterator ends by raising

    def _walls_after(self, wall: datetime) -> Iterator[datetime]:
        """The wall times that match after `wall`, without a zone."""
        from croniter import CroniterBadDateError, croniter  # 60 ms: only where a schedule is reckoned

        found = croniter(self._canonical(), wall)
        while True:
            try:
                yield found.get_next(datetime)
            except (CroniterBadDateError, ValueError, OverflowError) as error:
                raise InvalidCron("this combination of day and month never comes") from error

    def _canonical(self) -> str:
        # With the values spelled out nothing is left to a library's reading of ranges and steps.
        sizes = (60, 24, 31, 12, 7)
        fields = (self.minutes, self.hours, self.days, self.months, self.weekdays)
        return " ".join(
            "*" if len(values) == size else ",".join(map(str, sorted(values)))
            for values, size in zip(fields, sizes, strict=True)
        )


def parse_cron(expression: str) -> Cron:
    """Returns the expression's meaning. Raises InvalidCron saying what is wrong with it."""
    fields = expression.split()
    if len(expression) > LONGEST:
        raise InvalidCron(f"an expression has at most {LONGEST} characters")
    if expression.lstrip().startswith("@"):
        raise InvalidCron("write the five fields instead of an alias such as @daily: 0 0 * * *")
    if len(fields) != 5:
        raise InvalidCron(
            f"five fields are needed (minute, hour, day of the month, month, weekday), here are {len(fields)}"
            + ("; there is no field for seconds or years" if len(fields) > 5 else "")
        )
    minutes, hours, days, months, weekdays = (_values(text, field) for text, field in zip(fields, _FIELDS, strict=True))
    cron = Cron(minutes, hours, days, months, frozenset(day % 7 for day in weekdays))
    if cron.every_weekday and all(min(days) > _LONGEST_MONTHS.get(month, 31) for month in months):
        raise InvalidCron("this combination of day and month never comes")
    return cron


def _values(text: str, field: _Field) -> frozenset[int]:
    return frozenset(value for part in text.split(",") for value in _part_values(part, field))


def _part_values(part: str, field: _Field) -> range:
    found = _PART.fullmatch(part)
    if found is None:
        raise InvalidCron(f"{field.name}: {part!r} is none of: a value, *, a range 1-5, a step */15, a list 1,15")
    step = int(found["step"] or 1)
    if found["range"] == "*":
        # Not to 7 in the weekdays: Sunday would be there twice, and a step would reach both.
        first, last = field.low, min(field.high, 6) if field.names.get("SUN") == 0 else field.high
    else:
        first = _value(found["first"], field)
        last = _value(found["last"], field) if found["last"] else first
        if found["step"] and not found["last"]:
            example = f"{first}-{field.high}/{step}" if 1 <= step <= field.high - first else "1-5/2"
            raise InvalidCron(f"{field.name}: a step needs a range, such as {example}")
    if last < first:
        raise InvalidCron(f"{field.name}: the range {found['range']} runs backwards; write it as two, with a comma")
    if found["step"] and not 1 <= step <= last - first:
        raise InvalidCron(f"{field.name}: a step of {step} finds no second value in {found['range']}")
    return range(first, last + 1, step)


def _value(text: str, field: _Field) -> int:
    value = field.names.get(text.upper())
    if value is None:
        if not text.isdigit():
            hint = f"; its names are {', '.join(field.names)}" if field.names else ""
            raise InvalidCron(f"{field.name}: {text!r} is not a number{hint}")
        value = int(text)
    if not field.low <= value <= field.high:
        raise InvalidCron(f"{field.name}: {value} is not between {field.low} and {field.high}")
    return value


def _shown(wall: datetime, zone: tzinfo) -> list[datetime]:
    """Returns when clocks in the zone show `wall`: once, never where they skip it, twice where they repeat it."""
    readings = {wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    return sorted(at for at in readings if at.astimezone(zone).replace(tzinfo=None, fold=0) == wall)


def _end_of_gap(wall: datetime, zone: tzinfo) -> datetime:
    """Returns the first instant at which clocks in the zone show a time after `wall`, which they skip."""
    # By PEP 495, a skipped time read with the offset before the gap lies after it, and the other way round.
    after, before = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    while after - before > _MINUTE:
        middle = before + (after - before) // (2 * _MINUTE) * _MINUTE
        if middle.astimezone(zone).replace(tzinfo=None, fold=0) > wall:
            after = middle
        else:
            before = middle
    return after
