"""A small catalogue that does not age: 36 models of 2025, as most tests speak of them.

What the packaged list says of today's models is the matter of tests/integration/catalogue alone. All others would fail
whenever a provider ends a model.
"""

import csv
from pathlib import Path

from stoa.database.pool import Database, Scope, json_parameter

_ROWS = Path(__file__).parent / "data" / "small_catalogue.csv"

# A model that only a sync added is none of a tenant's, so the others of the packaged list are out of sight.
_HIDE_OTHERS = "UPDATE models m SET added_by_sync = true WHERE m.tenant_id IS NULL AND m.id <> ALL (:ids ::text[])"

_AS_THEY_WERE = """
UPDATE models m SET
    deprecated_at = r.deprecated_at, successor_id = r.successor_id, never_offered = false,
    context_window = CASE WHEN m.id = 'codestral-latest' THEN 32000 ELSE m.context_window END,
    operator_facts = '{deprecated_at, successor_id, never_offered}'
FROM jsonb_to_recordset(:rows ::jsonb) AS r (id text, deprecated_at timestamptz, successor_id text)
WHERE m.id = r.id
"""

_DEFAULT = "UPDATE default_models SET model_ids = '{gpt-4o-mini}' WHERE tenant_id IS NULL"


def use_small_catalogue(owner: Database) -> None:
    """Leaves only the small catalogue in a database whose registry is loaded."""
    with _ROWS.open(newline="", encoding="utf-8") as file:
        rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(file)]
    with owner.autocommit(Scope()) as connection:
        connection.run(_HIDE_OTHERS, ids=[row["id"] for row in rows])
        connection.run(_AS_THEY_WERE, rows=json_parameter(rows))
        connection.run(_DEFAULT)
