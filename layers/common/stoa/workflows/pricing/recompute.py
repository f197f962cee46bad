"""Derives past charges again, from the ledger's tokens and the price row that each line names, and reports differences.

Nothing is changed. A difference is a bug or a hand in the database, and a person has to look at it.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection, Database, Scope
from stoa.domain.pricing.markup import NOTHING, charge_for, provider_cost
from stoa.domain.pricing.price_book import BasePrices, Override, PriceRow, price_row
from stoa.domain.pricing.price_planner import StoredRow
from stoa.domain.pricing.rates import combined, levels_of
from stoa.store.pricing import charged_lines
from stoa.store.pricing.charged_lines import ChargedLine
from stoa.store.tenancy import tenants

PAGE = 2000
# A row may seem to begin this much after the line that names it, because clocks of two machines differ.
CLOCK_DIFFERENCE = timedelta(seconds=5)


Kind = TypeVar("Kind")
Told = tuple[str, object, object]  # the part that differs, as recorded and as recomputed


class Difference(Struct, frozen=True):
    """A line or row that does not say what follows from its sources. Amounts are USD.

    `id` is the ledger line's or the price row's. `what` names the part that differs.
    """

    tenant_id: UUID
    id: UUID
    what: str
    recorded: object
    recomputed: object

    def __str__(self) -> str:
        return f"tenant {self.tenant_id}: {self.what} {self.id} says {self.recorded}, recomputed {self.recomputed}"


class Recomputed(Struct, frozen=True):
    """Counts of the lines and rows that were derived again, the sum of recorded charges in USD, and the differences."""

    lines: int
    rows: int
    charged: Decimal
    differences: tuple[Difference, ...]


def recompute_all(database: Database, since: datetime) -> Recomputed:
    """Recomputes every tenant's price rows, and its charges of messages reserved since then."""
    with database.autocommit(Scope(operator=True)) as connection:
        known = tenants.all_tenants(connection)
    parts = [recompute(database, tenant.id, since) for tenant in known]
    return Recomputed(
        lines=sum(part.lines for part in parts),
        rows=sum(part.rows for part in parts),
        charged=sum((part.charged for part in parts), Decimal(0)),
        differences=tuple(difference for part in parts for difference in part.differences),
    )


def recompute(database: Database, tenant_id: UUID, since: datetime) -> Recomputed:
    """Recomputes one tenant's price rows, and its charges of messages reserved since then."""
    lines, rows, charged = 0, 0, Decimal(0)
    found: list[Difference] = []

    def next_lines(connection: Connection, after: UUID | None) -> list[ChargedLine]:
        return charged_lines.lines(connection, tenant_id, since=since, after=after, rows=PAGE)

    def next_rows(connection: Connection, after: UUID | None) -> list[StoredRow]:
        return charged_lines.price_rows(connection, tenant_id, after=after, rows=PAGE)

    for line in _each(database, tenant_id, next_lines, lambda line: line.id):
        lines += 1
        charged += line.charge
        found += [Difference(tenant_id, line.id, *told) for told in _check_line(line)]
    for stored in _each(database, tenant_id, next_rows, lambda stored: stored.row_id):
        rows += 1
        found += [Difference(tenant_id, stored.row_id, *told) for told in _check_row(stored.row)]
    return Recomputed(lines, rows, charged, tuple(found))


def _each(
    database: Database,
    tenant_id: UUID,
    page: Callable[[Connection, UUID | None], list[Kind]],
    id_of: Callable[[Kind], UUID],
) -> Iterator[Kind]:
    """Yields everything page by page, so that no transaction lasts long and memory stays small."""
    after: UUID | None = None
    while True:
        with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            found = page(connection, after)
        yield from found
        if len(found) < PAGE:
            return
        after = id_of(found[-1])


def _check_line(line: ChargedLine) -> Iterator[Told]:
    if line.price is None:
        yield "price row of line", None, "a row of this tenant"
        return
    if line.price.model_id != line.model_id:
        yield "model of the price row of line", line.price.model_id, line.model_id
    if line.price.effective_from > line.reserved_at + CLOCK_DIFFERENCE:
        yield "reservation of line", line.reserved_at, f"not before its price began, {line.price.effective_from}"
    charge = charge_for(line.access, line.usage, line.price.prices)
    if line.charge != charge:
        yield "charge of line", line.charge, charge
    cost = NOTHING if line.own_key else provider_cost(line.usage, line.price.prices)
    if line.provider_cost != cost:
        yield "provider_cost of line", line.provider_cost, cost


def _check_row(row: PriceRow) -> Iterator[Told]:
    formula = price_row(
        BasePrices(row.base_input_price, row.base_output_price, row.base_rates),
        row.markup,
        NOTHING,
        effective_from=row.effective_from,
        source=row.source,
        override=Override(None, row.override_input_price, row.override_output_price),
    )
    for dimension, price, wanted in (
        ("input_price", row.input_price, formula.input_price),
        ("output_price", row.output_price, formula.output_price),
    ):
        # A held row is cheaper than its formula in what waits for its grace.
        if price > wanted or (price < wanted and not row.held):
            yield f"{dimension} of price row", price, wanted
    paid = levels_of(row.input_price, row.output_price, row.rates)
    most = levels_of(formula.input_price, formula.output_price, formula.rates)
    if (row.rates != formula.rates and not row.held) or combined(paid, most, max) != most:
        yield "rates of price row", row.rates.to_json(), formula.rates.to_json()
