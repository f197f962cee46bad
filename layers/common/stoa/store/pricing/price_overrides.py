"""Overrides of a model's price. A row has a beginning and no end. A row without values ends the one before."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from stoa.core.ids import new_id
from stoa.database.pool import Connection, json_parameter
from stoa.domain.pricing.price_book import NO_OVERRIDE, Override
from stoa.domain.pricing.timeline import Step

_CANCEL = """
UPDATE price_overrides o SET cancelled_at = :now
WHERE o.tenant_id = :tenant_id ::uuid AND o.id = ANY (:row_ids ::uuid[])
"""

_ADD = """
INSERT INTO price_overrides (
    id, tenant_id, model_id, version, effective_from, markup, input_price, output_price, actor_id, created_at
)
SELECT
    r.id, :tenant_id ::uuid, :model_id, :version, r.effective_from, r.markup, r.input_price, r.output_price,
    :actor_id ::uuid, :now ::timestamptz
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    id uuid, effective_from timestamptz, markup numeric, input_price numeric, output_price numeric
)
"""


class OverrideChange(Struct, frozen=True):
    """An edit of a model's override: rows to cancel, and rows to add under the edit's version."""

    model_id: str
    version: int
    cancelled: Sequence[UUID]
    added: Sequence[Step[Override | None]]


def save(
    connection: Connection, tenant_id: UUID, change: OverrideChange, *, actor_id: UUID | None, now: datetime
) -> None:
    """Writes an edit in one round trip."""
    row_ids = [str(row_id) for row_id in change.cancelled]
    added = {
        "tenant_id": tenant_id,
        "model_id": change.model_id,
        "version": change.version,
        "actor_id": actor_id,
        "now": now,
        "rows": json_parameter([_row(step) for step in change.added]),
    }
    connection.run_all([(_CANCEL, {"tenant_id": tenant_id, "row_ids": row_ids, "now": now}), (_ADD, added)])


def _row(step: Step[Override | None]) -> dict[str, object]:
    override = step.value or NO_OVERRIDE
    return {
        "id": new_id(),
        "effective_from": step.begins,
        "markup": override.markup,
        "input_price": override.input_price,
        "output_price": override.output_price,
    }
