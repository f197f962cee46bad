"""Dry runs: a change is made as it would be, its effect is read, and all of it is undone."""

from typing import assert_never

from stoa.database.pool import Connection
from stoa.identity.caller import Caller
from stoa.workflows.pricing.config import ConfigEdit, MarkupEdit, change_config, change_markup
from stoa.workflows.pricing.overrides import OverrideEdit, OverrideRemoval, clear_override, set_override
from stoa.workflows.pricing.price_planning import PlannedChange
from stoa.workflows.pricing.sheet import SheetImport, apply_sheet

PriceEdit = ConfigEdit | MarkupEdit | OverrideEdit | OverrideRemoval | SheetImport


class _Undo(Exception):
    """Ends the transaction of a dry run."""


def preview(caller: Caller, edit: PriceEdit) -> list[PlannedChange]:
    """Returns the models whose prices the edit would change, and writes nothing. Raises as the edit itself would."""
    planned: list[PlannedChange] = []
    try:
        with caller.database.transaction(caller.tenant_scope) as connection:
            planned = _make(connection, caller, edit)
            raise _Undo
    except _Undo:
        return [change for change in planned if change.plan.changes_anything]


def _make(connection: Connection, caller: Caller, edit: PriceEdit) -> list[PlannedChange]:
    match edit:
        case ConfigEdit():
            return change_config(connection, caller, edit)
        case MarkupEdit():
            return change_markup(connection, caller, edit)
        case OverrideEdit():
            return [set_override(connection, caller, edit).change]
        case OverrideRemoval():
            return [clear_override(connection, caller, edit).change]
        case SheetImport():
            return apply_sheet(connection, caller, edit)
    assert_never(edit)
