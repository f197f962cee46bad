"""Single models of the shared registry, read and changed in the operator's scope."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import asdict

from stoa.database.pool import Connection, json_parameter
from stoa.domain.pricing.rates import Rates

_COLUMNS = (
    "m.id, m.display_name, m.provider_id, m.enabled, m.is_available, m.deprecated_at, m.successor_id, m.base_rates"
)

_LOCK = f"SELECT {_COLUMNS} FROM models m WHERE m.id = :model_id AND m.tenant_id IS NULL FOR NO KEY UPDATE"  # noqa: S608

_SAVE = f"""
UPDATE models m SET
    enabled = CASE WHEN g.given ? 'enabled' THEN r.enabled ELSE m.enabled END,
    is_available = CASE WHEN g.given ? 'is_available' THEN r.is_available ELSE m.is_available END,
    deprecated_at = CASE WHEN g.given ? 'deprecated_at' THEN r.deprecated_at ELSE m.deprecated_at END,
    successor_id = CASE WHEN g.given ? 'successor_id' THEN r.successor_id ELSE m.successor_id END,
    base_rates = CASE WHEN g.given ? 'base_rates' THEN r.base_rates ELSE m.base_rates END,
    updated_at = now()
FROM (SELECT :given ::jsonb AS given) AS g
CROSS JOIN LATERAL jsonb_to_record(g.given)
    AS r (enabled boolean, is_available boolean, deprecated_at timestamptz, successor_id text, base_rates jsonb)
WHERE m.id = :model_id AND m.tenant_id IS NULL
RETURNING {_COLUMNS}
"""  # noqa: S608 - a constant of this file, no input

_NAMES = """
SELECT m.id, m.provider_id, m.provider_model FROM models m WHERE m.tenant_id IS NULL ORDER BY m.id
"""

_NAMED = """
SELECT m.id, m.provider_id = :provider_id ::text AND m.provider_model = :provider_model ::text AS is_same
FROM models m
WHERE m.tenant_id IS NULL
    AND (m.id = ANY (:ids ::text[]) OR (m.provider_id = :provider_id AND m.provider_model = :provider_model))
ORDER BY is_same DESC, m.id
"""

# Two tenants that want the same new model take turns, so that it comes into the registry once.
_LOCK_NEW = "SELECT pg_advisory_xact_lock(7862035)"

_ADD = """
INSERT INTO models (
    id, provider_id, provider_model, display_name, context_window, max_output_tokens, base_input_price,
    base_output_price, base_rates, enabled, added_by_sync
)
SELECT
    r.id, r.provider_id, r.provider_model, r.display_name, r.context_window, r.max_output_tokens, r.base_input_price,
    r.base_output_price, r.base_rates, false, true
FROM jsonb_to_record(:model ::jsonb) AS r (
    id text, provider_id text, provider_model text, display_name text, context_window int, max_output_tokens int,
    base_input_price numeric, base_output_price numeric, base_rates jsonb
)
"""


class RegistryName(NamedTuple):
    """A model of the registry, and its provider's own name for it."""

    id: str
    provider_id: str
    provider_model: str


class RegistryModel(Struct, frozen=True):
    """A model that all tenants share. `base_rates` are what the provider asks beside its two prices."""

    id: str
    display_name: str
    provider_id: str
    enabled: bool
    is_available: bool
    deprecated_at: datetime | None
    successor_id: str | None
    base_rates: Rates


class NewRegistryModel(Struct, frozen=True):
    """A model that comes into the registry from a feed. Base prices are both known or both None."""

    provider_id: str
    provider_model: str
    display_name: str
    context_window: int
    max_output_tokens: int
    base_input_price: Decimal | None
    base_output_price: Decimal | None
    base_rates: Mapping[str, Any]


def names(connection: Connection) -> list[RegistryName]:
    """Returns the names of every model of the registry."""
    return [RegistryName(**row) for row in connection.run(_NAMES)]


def add_from_feed(connection: Connection, ids: Sequence[str], model: NewRegistryModel) -> str:
    """Returns the registry's id of a provider's model.

    A model that is not in the registry yet is added, switched off, under the first free one of `ids`.
    """
    asked = {"ids": list(ids), "provider_id": model.provider_id, "provider_model": model.provider_model}
    rows = connection.run_all([(_LOCK_NEW, {}), (_NAMED, asked)])[1]
    if rows and rows[0]["is_same"]:
        return str(rows[0]["id"])
    taken = {row["id"] for row in rows}
    model_id = next(one for one in ids if one not in taken)
    connection.run(_ADD, model=json_parameter({**asdict(model), "id": model_id}))
    return model_id


def lock(connection: Connection, model_id: str) -> RegistryModel | None:
    """Returns one model of the registry and keeps others from changing it until the transaction ends. None: no such
    model."""
    rows = connection.run(_LOCK, model_id=model_id)
    return _model(rows[0]) if rows else None


def save(connection: Connection, model_id: str, given: Mapping[str, Any]) -> RegistryModel:
    """Writes the columns that `given` names, null included, and returns the model."""
    return _model(connection.run(_SAVE, model_id=model_id, given=json_parameter(given))[0])


def _model(row: Mapping[str, Any]) -> RegistryModel:
    return RegistryModel(**{**row, "base_rates": Rates.from_json(row["base_rates"])})
