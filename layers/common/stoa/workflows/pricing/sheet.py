"""Overrides as a CSV sheet: exported, edited, and imported again, all lines or none."""

import csv
import io
import re
from collections.abc import Callable
from decimal import Decimal
from itertools import pairwise
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, StoaError
from stoa.core.text import iso, storable
from stoa.database.pool import Connection
from stoa.domain.pricing.price_book import Override
from stoa.domain.pricing.timeline import BEGINNING
from stoa.identity.caller import Caller
from stoa.store.pricing import prices
from stoa.workflows.pricing.dates import in_utc, moment
from stoa.workflows.pricing.overrides import OverrideEdit, OverridePeriod, SavedOverride, apply_edits, override_periods
from stoa.workflows.pricing.price_planning import PlannedChange

COLUMNS = ("modelId", "markup", "inputPrice", "outputPrice", "effectiveFrom", "effectiveTo", "version")
MOST_LINES = 2000
MOST_PRICE = Decimal(1_000_000)
STALE = "STALE_EDIT"

Line = tuple[int, OverrideEdit]
Value = TypeVar("Value")


class SheetImport(Struct, frozen=True):
    """A sheet of overrides to set."""

    text: str


def export_sheet(caller: Caller) -> str:
    """Returns every override in force or to come, a line each. `version` lets an import notice somebody else's edit."""
    written = io.StringIO()
    sheet = csv.writer(written, lineterminator="\n")
    sheet.writerow(COLUMNS)
    with caller.database.autocommit(caller.tenant_scope) as connection:
        models = prices.models(connection, caller.tenant_id, None, caller.now)
    for model in sorted(models, key=lambda model: model.model_id):
        for period in override_periods(model.overrides, caller.now):
            sheet.writerow([model.model_id, *_cells(period), model.override_version])
    return written.getvalue()


def import_sheet(caller: Caller, sheet: SheetImport) -> int:
    """Sets the overrides of the sheet, all or none. Models that are not in the sheet keep theirs.

    Returns the number of models whose prices change. Raises InvalidFields naming each line that is refused, Conflict
    where a line's version is stale.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        return len(apply_sheet(connection, caller, sheet))


def apply_sheet(connection: Connection, caller: Caller, sheet: SheetImport) -> list[PlannedChange]:
    """Does what `import_sheet` does, within a transaction. Sets a model's lines in the order of their beginnings."""
    lines = read_sheet(sheet.text, ZoneInfo(prices.time_zone(connection, caller.tenant_id)))
    if not lines:
        return []
    outcomes = apply_edits(connection, caller, [edit for _, edit in lines])
    numbers = [number for number, _ in lines]
    failed = [(number, said) for number, said in zip(numbers, outcomes, strict=True) if isinstance(said, StoaError)]
    problems = {number: error.problems for number, error in failed if isinstance(error, InvalidFields)}
    problems |= {
        number: [FieldProblem("modelId", error.message)]
        for number, error in failed
        if not isinstance(error, InvalidFields) and error.code != STALE
    }
    if problems:
        raise _invalid([(number, problem) for number, found in sorted(problems.items()) for problem in found])
    if failed:
        message = "Somebody else has changed overrides meanwhile. Export the sheet again and repeat your changes."
        raise Conflict(STALE, message, details={"lines": sorted(number for number, _ in failed)})
    changes = {outcome.change.model_id: outcome.change for outcome in outcomes if isinstance(outcome, SavedOverride)}
    return [change for change in changes.values() if change.plan.changes_anything]


def read_sheet(text: str, zone: ZoneInfo) -> list[Line]:
    """Returns the lines of the sheet with their numbers, each model's in order of time. Raises InvalidFields by line.

    Times without an offset are in `zone`.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    lines: list[Line] = []
    problems: list[tuple[int, FieldProblem]] = []
    try:
        heading = [name.strip() for name in next(reader, [])]
        _check_heading(heading)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            try:
                lines.append((reader.line_num, _edit(heading, cells, zone)))
            except InvalidFields as error:
                problems += [(reader.line_num, problem) for problem in error.problems]
            if reader.line_num > MOST_LINES:
                raise _invalid([(reader.line_num, FieldProblem("", f"a sheet has at most {MOST_LINES} lines"))])
    except csv.Error as error:
        raise _invalid([(reader.line_num, FieldProblem("", f"this is no CSV: {error}"))]) from error
    lines.sort(key=lambda line: (line[1].model_id, line[1].effective_from or BEGINNING, line[0]))
    problems += _overlaps(lines)
    if problems:
        raise _invalid(sorted(problems, key=lambda problem: problem[0]))
    return lines


def _check_heading(heading: list[str]) -> None:
    unknown = [name for name in heading if name not in COLUMNS]
    if "modelId" not in heading or unknown or len(set(heading)) != len(heading):
        reason = f"the first line names the columns: modelId, and of the others any of {', '.join(COLUMNS[1:])}"
        raise _invalid([(1, FieldProblem("", reason))])


def _edit(heading: list[str], cells: list[str], zone: ZoneInfo) -> OverrideEdit:
    if len(cells) != len(heading):
        reason = f"there are {len(cells)} cells under {len(heading)} headings"
        raise InvalidFields([FieldProblem("", reason)])
    values = {name: cell.strip() for name, cell in zip(heading, cells, strict=True) if cell.strip()}
    problems: list[FieldProblem] = []

    def read(name: str, reader: Callable[[str], Value]) -> Value | None:
        try:
            return reader(values[name]) if name in values else None
        except ValueError as error:
            problems.append(FieldProblem(name, str(error)))
            return None

    model_id = read("modelId", storable)
    override = Override(read("markup", _number), read("inputPrice", _price), read("outputPrice", _price))
    begins, ends = (read(name, lambda text: in_utc(moment(text), zone)) for name in ("effectiveFrom", "effectiveTo"))
    version = read("version", _version)
    if model_id is None and not problems:
        problems.append(FieldProblem("modelId", "say which model"))
    if problems or model_id is None:
        raise InvalidFields(problems)
    return OverrideEdit(model_id, override, begins, ends, version)


def _number(text: str) -> Decimal:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", text):
        raise ValueError("send a number with a point and at most 6 places, such as 0.25")
    return Decimal(text)


def _price(text: str) -> Decimal:
    price = _number(text)
    if price > MOST_PRICE:
        raise ValueError(f"send at most {MOST_PRICE} USD per million tokens")
    return price


def _version(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise ValueError("keep the number that the export wrote")
    return int(text)


def _overlaps(lines: list[Line]) -> list[tuple[int, FieldProblem]]:
    found: list[tuple[int, FieldProblem]] = []
    for (number, edit), (next_number, following) in pairwise(lines):
        if edit.model_id != following.model_id:
            continue
        ends, begins = edit.effective_to, following.effective_from
        if ends is None or begins is None or ends > begins:
            reason = f"overlaps line {number}, which is the same model's: a model has one override at a time"
            found.append((next_number, FieldProblem("effectiveFrom", reason)))
    return found


def _invalid(problems: list[tuple[int, FieldProblem]]) -> InvalidFields:
    return InvalidFields([FieldProblem(_place(number, one.path), one.reason) for number, one in problems])


def _place(number: int, column: str) -> str:
    return f"line {number}, {column}" if column else f"line {number}"


def _cells(period: OverridePeriod) -> list[str]:
    numbers = (period.markup, period.input_price, period.output_price)
    instants = (period.effective_from, period.effective_to)
    return [
        *("" if number is None else format(number, "f") for number in numbers),
        *("" if instant is None else iso(instant) for instant in instants),
    ]
