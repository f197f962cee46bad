"""The rhythm of a scheduled prompt: once, by a cron expression, or every so many minutes. The time is passed in."""

from datetime import UTC, datetime, timedelta

from msgspec import Struct

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.domain.schedules.cron import Cron, InvalidCron, parse_cron
from stoa.domain.schedules.cron_words import cron_words, instant_words, interval_words, place_words
from stoa.domain.selection.quota import zone_named

ONCE, CRON, INTERVAL = "once", "cron", "interval"
SHORTEST_INTERVAL = 5  # minutes
LONGEST_INTERVAL = 366 * 24 * 60
LATEST_YEAR = 2200
PREVIEWED = 5

# The field of the API that belongs to each kind; the others must stay away.
_FIELDS = {
    ONCE: ("run_at", "runAt"),
    CRON: ("cron_expression", "cronExpression"),
    INTERVAL: ("interval_minutes", "intervalMinutes"),
}
# Some machines have these in their folder of zones: names that differ on each, and zones that count leap seconds.
_NO_PLACES = frozenset({"localtime", "posixrules", "Factory"})
_NO_REGIONS = ("posix/", "right/")


class Rhythm(Struct, frozen=True):
    """The fields that say when a schedule runs, as they were given. `kind` says which of the last three is meant."""

    kind: str
    time_zone: str
    cron_expression: str | None = None
    run_at: datetime | None = None
    interval_minutes: int | None = None


class Cadence(Struct, frozen=True):
    """A checked rhythm. Of `run_at`, `cron` and `interval` the one that `kind` names is set.

    An interval is counted from `anchor`, in real time; cron follows the wall clock of `time_zone`.
    """

    kind: str
    time_zone: str
    anchor: datetime
    run_at: datetime | None = None
    cron: Cron | None = None
    interval: timedelta | None = None

    def next_after(self, instant: datetime) -> datetime | None:
        """Returns the first planned time after `instant`, aware, UTC; None when nothing comes any more."""
        if self.run_at is not None:
            return self.run_at if self.run_at > instant else None
        if self.interval is not None:
            steps = max(0, (instant - self.anchor) // self.interval) + 1
            return self.anchor + steps * self.interval
        assert self.cron is not None
        try:
            return self.cron.next_after(instant, zone_named(self.time_zone))
        except InvalidCron:  # the calendar's end
            return None

    def upcoming(self, after: datetime, count: int = PREVIEWED) -> list[datetime]:
        """Returns the next planned times, at most `count`."""
        found: list[datetime] = []
        instant: datetime | None = after
        while len(found) < count and (instant := self.next_after(found[-1] if found else after)) is not None:
            found.append(instant)
        return found

    def words(self) -> str:
        """Returns the rhythm in plain English."""
        if self.run_at is not None:
            return f"Once, on {instant_words(self.run_at, zone_named(self.time_zone))} ({place_words(self.time_zone)})"
        if self.interval is not None:
            return interval_words(self.interval)
        assert self.cron is not None
        return f"{cron_words(self.cron)} ({place_words(self.time_zone)})"


def read_cadence(rhythm: Rhythm, anchor: datetime) -> Cadence:
    """Returns the checked rhythm. Raises InvalidFields naming each field that is missing, superfluous or wrong."""
    kind, zone = rhythm.kind, rhythm.time_zone
    if zone in _NO_PLACES or zone.startswith(_NO_REGIONS):
        raise InvalidFields(
            [FieldProblem("timezone", f"{zone!r} is no IANA time zone; send one such as Europe/Berlin.")]
        )
    zone_named(zone)
    problems = []
    for other, (name, outer) in _FIELDS.items():
        is_given = getattr(rhythm, name) is not None
        if other == kind and not is_given:
            problems.append(FieldProblem(outer, f'a schedule of type "{kind}" needs it'))
        elif other != kind and is_given:
            problems.append(FieldProblem(outer, f'it belongs to type "{other}", not to "{kind}"'))
    if problems:
        raise InvalidFields(problems)
    if rhythm.run_at is not None:
        return Cadence(ONCE, zone, anchor, run_at=_moment(rhythm.run_at, zone))
    if rhythm.interval_minutes is not None:
        return Cadence(INTERVAL, zone, anchor, interval=timedelta(minutes=_minutes(rhythm.interval_minutes)))
    try:
        cron = parse_cron(rhythm.cron_expression or "")
    except InvalidCron as error:
        raise InvalidFields([FieldProblem("cronExpression", str(error))]) from error
    return Cadence(CRON, zone, anchor, cron=cron)


def _moment(run_at: datetime, zone: str) -> datetime:
    """Returns the instant meant. A time without an offset is of the zone's clocks."""
    if not 2000 <= run_at.year <= LATEST_YEAR:
        raise InvalidFields([FieldProblem("runAt", f"a date between the years 2000 and {LATEST_YEAR}")])
    return (run_at if run_at.tzinfo else run_at.replace(tzinfo=zone_named(zone))).astimezone(UTC)


def _minutes(minutes: int) -> int:
    if not SHORTEST_INTERVAL <= minutes <= LONGEST_INTERVAL:
        reason = f"{SHORTEST_INTERVAL} to {LONGEST_INTERVAL} minutes"
        raise InvalidFields([FieldProblem("intervalMinutes", reason)])
    return minutes
