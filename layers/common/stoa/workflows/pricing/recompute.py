"""Derive past charges again, from the ledger's tokens and the price row that each line names; report what differs.

Nothing is changed: a difference is a bug or a hand in the database, and a person's matter.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Database, Row, Scope
from stoa.domain.pricing.markup import NOTHING, PARTS, TokenUsage, charge_for, provider_cost
from stoa.domain.pricing.price_book import BasePrices, Override, price_row
from stoa.domain.pricing.rates import Rates, combined, levels_of
from stoa.domain.selection.offers import Prices
from stoa.store.pricing import charged_lines
from stoa.store.tenancy import tenants

PAGE = 2000
# A row may seem to begin this much after the line that names it: clocks of two machines differ.
CLOCK_DIFFERENCE = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Difference:
    """A line or row that does not say what follows from what it rests on. Amounts are USD."""

    tenant_id: UUID
    id: UUID  # of the ledger line, or of the price row
    what: str
    recorded: Any
    recomputed: Any

    def __str__(self) -> str:
        return f"tenant {self.tenant_id}: {self.what} {self.id} says {self.recorded}, recomputed {self.recomputed}"


@dataclass(frozen=True, slots=True)
class Recomputed:
    """What was derived again, and what did not agree."""

    lines: int
    rows: int
    charged: Decimal  # sum of the recorded charges, USD
    differences: tuple[Difference, ...]


def recompute_all(database: Database, since: datetime) -> Recomputed:
    """Recompute every tenant's price rows, and its charges of messages reserved since then."""
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
    """Recompute one tenant's price rows, and its charges of messages reserved since then."""
    lines, rows, charged = 0, 0, Decimal(0)
    found: list[Difference] = []

    def next_lines(connection: Connection, after: UUID | None) -> list[Row]:
        return charged_lines.lines(connection, tenant_id, since=since, after=after, rows=PAGE)

    def next_rows(connection: Connection, after: UUID | None) -> list[Row]:
        return charged_lines.price_rows(connection, tenant_id, after=after, rows=PAGE)

    for line in _each(database, tenant_id, next_lines):
        lines += 1
        charged += line["charge"]
        found += [Difference(tenant_id, line["id"], *told) for told in _check_line(line)]
    for row in _each(database, tenant_id, next_rows):
        rows += 1
        found += [Difference(tenant_id, row["id"], *told) for told in _check_row(row)]
    return Recomputed(lines, rows, charged, tuple(found))


def _each(database: Database, tenant_id: UUID, page: Callable[[Connection, UUID | None], list[Row]]) -> Iterator[Row]:
    """All rows, page by page, so that no transaction lasts long and memory stays small."""
    after: UUID | None = None
    while True:
        with database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            rows = page(connection, after)
        yield from rows
        if len(rows) < PAGE:
            return
        after = rows[-1]["id"]


def _check_line(line: Row) -> Iterator[tuple[str, Any, Any]]:
    if line["row_id"] is None:
        yield "price row of line", None, "a row of this tenant"
        return
    if line["row_model_id"] != line["model_id"]:
        yield "model of the price row of line", line["row_model_id"], line["model_id"]
    if line["effective_from"] > line["reserved_at"] + CLOCK_DIFFERENCE:
        yield "reservation of line", line["reserved_at"], f"not before its price began, {line['effective_from']}"
    prices = Prices(
        row_id=line["row_id"],
        input_price=line["input_price"],
        output_price=line["output_price"],
        base_input_price=line["base_input_price"],
        base_output_price=line["base_output_price"],
        minimum_charge=line["minimum_charge"],
        rates=Rates.from_json(line["rates"]),
        base_rates=Rates.from_json(line["base_rates"]),
    )
    usage = TokenUsage(line["input_tokens"], line["output_tokens"], *(line[part] for part in PARTS))
    for what, recomputed in (
        ("charge", charge_for(line["access"], usage, prices)),
        ("provider_cost", NOTHING if line["own_key"] else provider_cost(usage, prices)),
    ):
        if line[what] != recomputed:
            yield f"{what} of line", line[what], recomputed


def _check_row(row: Row) -> Iterator[tuple[str, Any, Any]]:
    base = BasePrices(row["base_input_price"], row["base_output_price"], Rates.from_json(row["base_rates"]))
    override = Override(None, row["override_input_price"], row["override_output_price"])
    formula = price_row(
        base, row["markup"], NOTHING, effective_from=row["effective_from"], source=row["source"], override=override
    )
    for dimension in ("input_price", "output_price"):
        # A held row is cheaper than its formula in what waits for its grace.
        wanted = getattr(formula, dimension)
        if row[dimension] > wanted or (row[dimension] < wanted and not row["held"]):
            yield f"{dimension} of price row", row[dimension], wanted
    rates = Rates.from_json(row["rates"])
    paid = levels_of(row["input_price"], row["output_price"], rates)
    most = levels_of(formula.input_price, formula.output_price, formula.rates)
    if (rates != formula.rates and not row["held"]) or combined(paid, most, max) != most:
        yield "rates of price row", rates.to_json(), formula.rates.to_json()
