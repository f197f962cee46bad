"""A price book in memory, kept as the store keeps it, for the planner's tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.domain.pricing.price_book import BasePrices, Override, PriceRow, PricingConfig
from stoa.domain.pricing.price_planner import Plan, StoredRow, Timelines, plan
from stoa.domain.pricing.timeline import Timeline

START = datetime(2027, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def at(hours: float) -> datetime:
    return START + HOUR * hours


@dataclass
class Kept:
    """A row with the instants at which it was written and cancelled."""

    stored: StoredRow
    written_at: datetime
    cancelled_at: datetime | None = None


@dataclass
class Book:
    """A model's price book, and the things that its prices follow from."""

    base: Timeline[BasePrices] = field(default_factory=lambda: Timeline.always(BasePrices(Decimal("2.5"), Decimal(10))))
    config: PricingConfig = field(default_factory=PricingConfig)
    overrides: Timeline[Override | None] = field(default_factory=Timeline)
    grace: timedelta = DAY
    kept: list[Kept] = field(default_factory=list)
    edits: list[datetime] = field(default_factory=list)

    def replan(self, now: datetime, source: str = "config") -> Plan:
        """Plans at `now`, and writes what the plan says."""
        planned = self.planned(now, source)
        self.edits.append(now)
        cancelled = {row.row_id for row in planned.cancelled}
        for kept in self.kept:
            if kept.stored.row_id in cancelled:
                kept.cancelled_at = now
        for row in planned.added:
            self.kept.append(Kept(StoredRow(UUID(int=len(self.kept) + 1), row), now))
        return planned

    def planned(self, now: datetime, source: str = "config") -> Plan:
        """Returns the plan and writes nothing."""
        lines = Timelines(self.base, Timeline.always(self.config), self.overrides, is_self_hosted=False)
        return plan(lines, self.live(), now=now, grace=self.grace, source=source)

    def override(self, now: datetime, begins: datetime, ends: datetime | None = None, **values: str) -> Plan:
        """Sets an override, as the workflow does it."""
        wanted = Override(**{name: Decimal(value) for name, value in values.items()})
        self.overrides = self.overrides.replaced(begins, wanted)
        if ends is not None:
            self.overrides = self.overrides.replaced(ends, None)
        return self.replan(now, "override")

    def live(self) -> list[StoredRow]:
        return [kept.stored for kept in self.kept if kept.cancelled_at is None]

    def seen(self, instant: datetime) -> list[PriceRow]:
        """Returns the rows that somebody saw just after the edits of this instant, in order of time."""
        rows = [
            kept.stored.row
            for kept in self.kept
            if kept.written_at <= instant and (kept.cancelled_at is None or kept.cancelled_at > instant)
        ]
        return sorted(rows, key=lambda row: row.effective_from)

    def price_at(self, instant: datetime) -> PriceRow:
        """Returns the row in force."""
        return [row for row in self.seen(instant) if row.effective_from <= instant][-1]

    def figures(self) -> list[tuple[float, str, str]]:
        """Returns hours since START, input and output price of every live row, in order of time."""
        rows = sorted((stored.row for stored in self.live()), key=lambda row: row.effective_from)
        return [
            (
                (row.effective_from - START) / HOUR,
                f"{row.input_price.normalize():f}",
                f"{row.output_price.normalize():f}",
            )
            for row in rows
        ]


def plain(amount: Decimal) -> str:
    """Returns the number without zeros at its end."""
    return f"{amount.normalize():f}"


def opened(**things: Any) -> Book:
    """Returns a book whose first row was written at START."""
    book = Book(**things)
    book.replan(START, "initial")
    return book
