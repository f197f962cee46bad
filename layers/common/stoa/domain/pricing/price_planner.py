"""The price planner: from timelines of base prices, configuration and overrides to the dated rows of one price book.

Every change of a price goes through `plan`, whatever its cause:

- A decrease holds at once, an increase after the grace period. Input price, output price, each rate and the minimum
  charge do so on their own, so that one change may need two rows.
- An announced price stays announced: within the grace a price may rise as far as a row to come said, and no further.
- Rows are never edited. Rows to come that the plan no longer wants are cancelled. Those that it still wants are kept.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from stoa.domain.pricing.price_book import (
    NO_OVERRIDE,
    SOURCE_OVERRIDE,
    SOURCE_OVERRIDE_END,
    BasePrices,
    Override,
    PriceRow,
    PricingConfig,
    price_row,
)
from stoa.domain.pricing.rates import NO_RATES, Levels, Rates, combined, levels_of, rates_of
from stoa.domain.pricing.timeline import Step, Timeline


class Timelines(Struct, frozen=True):
    """Everything that the price of one model at one tenant follows from. An override of None is no override."""

    base: Timeline[BasePrices]
    config: Timeline[PricingConfig]
    override: Timeline[Override | None]
    is_self_hosted: bool


class StoredRow(Struct, frozen=True):
    """A row of the price book with its id."""

    row_id: UUID
    row: PriceRow


class Plan(Struct, frozen=True):
    """A change of a price book: rows to cancel, rows to add, and the whole of it from now on.

    `in_force` is the row in force before the change. `rows` are those in force at the time of planning and to come, in
    order. `wanted` are the same rows as they would be if no increase had to wait.
    """

    in_force: StoredRow | None
    kept: tuple[StoredRow, ...]
    cancelled: tuple[StoredRow, ...]
    added: tuple[PriceRow, ...]
    rows: tuple[PriceRow, ...]
    wanted: tuple[PriceRow, ...]

    @property
    def changes_anything(self) -> bool:
        """Returns False when the book already says what it should."""
        return bool(self.cancelled or self.added)

    def in_full_from(self, start: datetime) -> datetime | None:
        """Returns the first instant from `start` on at which nothing is held back. None: no such instant comes."""
        rows, wanted = (Timeline([Step(row.effective_from, row) for row in line]) for line in (self.rows, self.wanted))
        later = {step.begins for line in (rows, wanted) for step in line.after(start)}
        for instant in (start, *sorted(later)):
            holds, wish = rows.at(instant), wanted.at(instant)
            if holds is not None and wish is not None and _effect(holds) == _effect(wish):
                return instant
        return None


class _Money(NamedTuple):
    """The dimensions in which a member can pay more or less."""

    tokens: Levels
    minimum_charge: Decimal

    def each(self, other: "_Money", pick: Callable[[Decimal, Decimal], Decimal]) -> "_Money":
        """Returns the money picked from the two, dimension by dimension."""
        return _Money(combined(self.tokens, other.tokens, pick), pick(self.minimum_charge, other.minimum_charge))


_NOTHING = _Money(levels_of(Decimal(0), Decimal(0), NO_RATES), Decimal(0))


def plan(timelines: Timelines, book: Sequence[StoredRow], *, now: datetime, grace: timedelta, source: str) -> Plan:
    """Returns the changes that make the price book follow the timelines from `now` on.

    `book` are the rows not cancelled: the one in force and those to come. Earlier ones do not matter. Raises
    UnknownPrice when a base price is not known, InvalidFields when a markup is not a fraction.
    """
    stored = Timeline([Step(row.row.effective_from, row) for row in book])
    in_force = stored.at(now)
    wanted = tuple(_wanted_rows(timelines, now, source))
    rows = tuple(_allowed_rows(wanted, stored, now, now + grace))
    there = {stored_row.row.effective_from: stored_row for stored_row in book}
    if in_force is not None:
        there[now] = in_force  # it began earlier, and the row that holds from now on is compared with it
    kept = {
        row.effective_from: there[row.effective_from]
        for row in rows
        if row.effective_from in there and _content(there[row.effective_from].row) == _content(row)
    }
    # A row that begins just now is still open: of two edits at one instant the later counts.
    open_rows = [step.value for step in stored.steps if step.begins >= now]
    return Plan(
        in_force=in_force,
        kept=tuple(kept.values()),
        cancelled=tuple(row for row in open_rows if row not in kept.values()),
        added=tuple(row for row in rows if row.effective_from not in kept),
        rows=tuple(kept[row.effective_from].row if row.effective_from in kept else row for row in rows),
        wanted=wanted,
    )


def _wanted_rows(timelines: Timelines, now: datetime, source: str) -> Iterator[PriceRow]:
    """Yields the row that the timelines make at each instant at which one of them changes, from `now` on."""
    later = {step.begins for line in (timelines.base, timelines.config, timelines.override) for step in line.after(now)}
    for instant in (now, *sorted(later)):
        config = timelines.config.at(instant)
        assert config is not None  # defaults hold where nothing was ever saved
        override = timelines.override.at(instant)
        ends = source == SOURCE_OVERRIDE and override is None
        yield price_row(
            timelines.base.at(instant) or BasePrices(None, None),
            config.default_markup(is_self_hosted=timelines.is_self_hosted),
            config.minimum_charge,
            effective_from=instant,
            source=SOURCE_OVERRIDE_END if ends else source,
            override=override or NO_OVERRIDE,
        )


def _allowed_rows(
    wanted: Sequence[PriceRow], stored: Timeline[StoredRow], now: datetime, end_of_grace: datetime
) -> Iterator[PriceRow]:
    """The wanted rows with every increase kept back until it may hold; equal neighbours are one row."""
    wishes = Timeline([Step(row.effective_from, row) for row in wanted])
    announced = [step for step in stored.after(now) if step.begins < end_of_grace]
    instants = {row.effective_from for row in wanted} | {step.begins for step in announced} | {end_of_grace}
    in_force = stored.at(now)
    before = in_force.row if in_force else None
    ceiling: _Money | None = None  # the most that announced increases have come to
    previous: PriceRow | None = None
    for instant in sorted(instants):
        wish = wishes.at(instant)
        assert wish is not None
        ceiling = _announced_ceiling(ceiling, stored, instant, now)
        row = replace(wish, effective_from=instant)
        if before is not None and instant < end_of_grace:
            row = _kept_back(row, before, ceiling, stored.at(instant))
        if previous is None or _content(row) != _content(previous):
            yield row
            previous = row
        before = row


def _announced_ceiling(
    ceiling: _Money | None, stored: Timeline[StoredRow], instant: datetime, now: datetime
) -> _Money | None:
    """Returns the most that each dimension may have risen to by `instant`, by the announced increases."""
    announced = stored.at(instant)
    if announced is None or announced.row.effective_from != instant or instant <= now:
        return ceiling
    earlier = [step.value for step in stored.steps if step.begins < instant]
    low = _money(earlier[-1].row) if earlier else _NOTHING
    risen = _money(announced.row).each(low, lambda high, was: high if high > was else Decimal(0))
    return risen.each(ceiling or risen, max)


def _kept_back(wish: PriceRow, before: PriceRow, ceiling: _Money | None, announced: StoredRow | None) -> PriceRow:
    """Returns the wish without the increases that have not been announced for long enough."""
    money = _money(wish)
    most = _money(before) if ceiling is None else _money(before).each(ceiling, max)
    allowed = money.each(most, min)
    if allowed == money:
        return wish
    input_price, output_price, rates = rates_of(allowed.tokens)
    row = replace(
        wish,
        input_price=input_price,
        output_price=output_price,
        rates=rates,
        minimum_charge=allowed.minimum_charge,
        held=True,
    )
    # The row that said the same before stays as it is where nothing changes for the member or for us.
    for known in (before, announced.row if announced else None):
        if known is not None and _effect(known) == _effect(row):
            return replace(known, effective_from=row.effective_from, source=row.source)
    return row


def _money(row: PriceRow) -> _Money:
    return _Money(levels_of(row.input_price, row.output_price, row.rates), row.minimum_charge)


def _effect(row: PriceRow) -> tuple[Decimal | Rates, ...]:
    """Returns everything that a charge or a cost under the row follows from."""
    paid = (row.input_price, row.output_price, row.rates, row.minimum_charge)
    return (*paid, row.base_input_price, row.base_output_price, row.base_rates)


def _content(row: PriceRow) -> PriceRow:
    """Returns the row without the instant and the cause of its writing. Rows of equal content say the same."""
    return replace(row, effective_from=datetime.min, source="")
