"""Dry runs: a change is made as it would be, its effect is read, and all of it is undone."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from stoa.database.pool import Connection, Database, Scope
from stoa.workflows.pricing.price_planning import PlannedChange
from stoa.workflows.pricing.views import change_view


class _Undo(Exception):
    """Ends the transaction of a dry run."""


def preview(database: Database, tenant_id: UUID, change: Callable[[Connection], list[PlannedChange]]) -> dict[str, Any]:
    """What `change` would do, model by model. It is refused as the real one would be, and writes nothing."""
    planned: list[PlannedChange] = []
    try:
        with database.transaction(Scope(tenant_id=tenant_id)) as connection:
            planned = change(connection)
            raise _Undo
    except _Undo:
        changed = [one for one in planned if one.plan.changes_anything]
    return {"modelsUpdated": len(changed), "changes": [change_view(one) for one in changed]}
