"""Single models of the shared registry, read and changed in the operator's scope."""

from collections.abc import Mapping
from typing import Any

from stoa.db import Connection, Row, json_parameter

_COLUMNS = "m.id, m.display_name, m.provider_id, m.enabled, m.is_available, m.deprecated_at, m.successor_id"

_LOCK = f"SELECT {_COLUMNS} FROM models m WHERE m.id = :model_id AND m.tenant_id IS NULL FOR NO KEY UPDATE"  # noqa: S608

_SAVE = f"""
UPDATE models m SET
    enabled = CASE WHEN g.given ? 'enabled' THEN r.enabled ELSE m.enabled END,
    is_available = CASE WHEN g.given ? 'is_available' THEN r.is_available ELSE m.is_available END,
    deprecated_at = CASE WHEN g.given ? 'deprecated_at' THEN r.deprecated_at ELSE m.deprecated_at END,
    successor_id = CASE WHEN g.given ? 'successor_id' THEN r.successor_id ELSE m.successor_id END,
    updated_at = now()
FROM (SELECT :given ::jsonb AS given) AS g
CROSS JOIN LATERAL jsonb_to_record(g.given)
    AS r (enabled boolean, is_available boolean, deprecated_at timestamptz, successor_id text)
WHERE m.id = :model_id AND m.tenant_id IS NULL
RETURNING {_COLUMNS}
"""  # noqa: S608 - a constant of this file, no input


def lock(connection: Connection, model_id: str) -> Row | None:
    """One model of the registry, for a change by nobody else until the transaction ends; None: no such model."""
    rows = connection.run(_LOCK, model_id=model_id)
    return rows[0] if rows else None


def save(connection: Connection, model_id: str, given: Mapping[str, Any]) -> Row:
    """Write the columns that `given` names, null included; the model as it is then."""
    return connection.run(_SAVE, model_id=model_id, given=json_parameter(given))[0]
