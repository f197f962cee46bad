"""The registry as a tenant has it, read for the comparison with the feeds."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from stoa.database.pool import Connection
from stoa.domain.pricing.rates import Rates
from stoa.domain.selection.offers import gives_text
from stoa.domain.sync.diff import Held
from stoa.domain.sync.facts import Price
from stoa.domain.sync.review import Filed, Place
from stoa.store.pricing import base_prices

# A tenant's own models are left out: their admins set them, and no feed knows them.
_HELD = f"""
SELECT json_agg(json_build_array(
    m.id, m.provider_id, m.provider_model,
    {base_prices.INPUT_PRICE}::text, {base_prices.OUTPUT_PRICE}::text, {base_prices.RATES},
    coalesce(o.context_window, m.context_window), coalesce(o.max_output_tokens, m.max_output_tokens),
    coalesce(o.deprecated_at, m.deprecated_at), coalesce(o.successor_id, m.successor_id),
    coalesce(o.enabled, m.enabled),
    m.capabilities,
    NOT m.added_by_sync OR o.model_id IS NOT NULL,
    coalesce(o.own_facts, '{{}}') || CASE WHEN a.is_own THEN '{{price}}'::text[] ELSE '{{}}' END
) ORDER BY m.id) AS models
FROM models m
LEFT JOIN tenant_models o ON o.tenant_id = :tenant_id ::uuid AND o.model_id = m.id
{base_prices.JOINS}
WHERE m.tenant_id IS NULL
"""  # noqa: S608 - constants of ours

_FILED = """
SELECT json_agg(json_build_array(f.id, f.kind, f.subject, f.digest, f.status)) AS filed
FROM (
    SELECT DISTINCT ON (c.kind, c.subject) c.id, c.kind, c.subject, c.digest, c.status
    FROM registry_changes c
    WHERE c.tenant_id = :tenant_id ::uuid AND c.status NOT IN ('superseded', 'withdrawn')
    ORDER BY c.kind, c.subject, c.id DESC
) AS f
"""


class _Columns(NamedTuple):
    """The columns of `_HELD` in their order."""

    model_id: str
    provider_id: str
    provider_model: str
    input_price: str | None
    output_price: str | None
    rates: Mapping[str, Any]
    context_window: int
    max_output_tokens: int
    deprecated_at: str | None
    successor_id: str | None
    is_offered: bool
    capabilities: list[str]
    is_taken: bool
    own: list[str]


def held(connection: Connection, tenant_id: UUID, now: datetime) -> tuple[list[Held], dict[Place, Filed]]:
    """Returns the registry as this tenant has it, and the newest change of each kind on file about each subject."""
    own = {"tenant_id": tenant_id}
    ((models,), (filed,)) = connection.run_all([(_HELD, {**own, "now": now}), (_FILED, own)])
    known = [Filed(UUID(row[0]), *row[1:]) for row in filed["filed"] or ()]
    registry = [_held(_Columns._make(row)) for row in models["models"] or ()]
    return registry, {(change.kind, change.subject): change for change in known}


def _held(row: _Columns) -> Held:
    price = None
    if row.input_price is not None and row.output_price is not None:
        price = Price(Decimal(row.input_price), Decimal(row.output_price), Rates.from_json(row.rates))
    return Held(
        row.model_id,
        row.provider_id,
        row.provider_model,
        price,
        row.context_window,
        row.max_output_tokens,
        None if row.deprecated_at is None else datetime.fromisoformat(row.deprecated_at),
        row.successor_id,
        row.is_offered,
        gives_text(row.max_output_tokens, row.capabilities),
        row.is_taken,
        frozenset(row.own),
    )
