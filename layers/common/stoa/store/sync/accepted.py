"""Changes that a tenant accepted: base prices of its own, and facts in its overlay."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict

from stoa.core.ids import new_id
from stoa.database.pool import Connection, json_parameter
from stoa.domain.sync.facts import Price

_ACCEPT_PRICES = """
INSERT INTO tenant_base_prices (
    id, tenant_id, model_id, base_version, input_price, output_price, rates, is_own, actor_id, created_at
)
SELECT
    r.id, :tenant_id ::uuid, m.id, m.base_version, r.input_price, r.output_price, r.rates, r.is_own, :actor_id ::uuid,
    :now ::timestamptz
FROM jsonb_to_recordset(:rows ::jsonb)
    AS r (id uuid, model_id text, input_price numeric, output_price numeric, rates jsonb, is_own boolean)
JOIN models m ON m.id = r.model_id
"""

# A column that is null stays as the tenant had it. `own_facts` names what the admin decided otherwise than the feeds.
_ACCEPT_FACTS = """
INSERT INTO tenant_models AS o (
    tenant_id, model_id, context_window, max_output_tokens, deprecated_at, successor_id, enabled, display_name,
    access_tier, unlock_price_cents, own_facts
)
SELECT
    :tenant_id ::uuid, r.model_id, r.context_window, r.max_output_tokens, r.deprecated_at, r.successor_id, r.enabled,
    r.display_name, r.access_tier, r.unlock_price_cents, r.own_facts
FROM jsonb_to_recordset(:rows ::jsonb) AS r (
    model_id text, context_window int, max_output_tokens int, deprecated_at timestamptz, successor_id text,
    enabled boolean, display_name text, access_tier text, unlock_price_cents int, own_facts text[]
)
ORDER BY r.model_id
ON CONFLICT (tenant_id, model_id) DO UPDATE SET
    context_window = coalesce(excluded.context_window, o.context_window),
    max_output_tokens = coalesce(excluded.max_output_tokens, o.max_output_tokens),
    deprecated_at = coalesce(excluded.deprecated_at, o.deprecated_at),
    successor_id = coalesce(excluded.successor_id, o.successor_id),
    enabled = coalesce(excluded.enabled, o.enabled),
    display_name = coalesce(excluded.display_name, o.display_name),
    access_tier = coalesce(excluded.access_tier, o.access_tier),
    unlock_price_cents = coalesce(excluded.unlock_price_cents, o.unlock_price_cents),
    own_facts = excluded.own_facts || ARRAY(
        SELECT kept.name FROM unnest(o.own_facts) AS kept (name) WHERE to_jsonb(excluded) ->> kept.name IS NULL
    ),
    version = o.version + 1,
    updated_at = now()
"""


class AcceptedPrice(Struct, frozen=True):
    """A model's base price at the tenant. `is_own` says that an admin decided it, and not the feeds."""

    model_id: str
    price: Price
    is_own: bool


class AcceptedFacts(Struct, frozen=True, kw_only=True):
    """Columns of the tenant's overlay. None: the column stays as it is.

    `own_facts` names the columns that an admin decided otherwise than the feeds.
    """

    model_id: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    deprecated_at: datetime | None = None
    successor_id: str | None = None
    enabled: bool | None = None
    display_name: str | None = None
    access_tier: str | None = None
    unlock_price_cents: int | None = None
    own_facts: tuple[str, ...] = ()


def accept_prices(
    connection: Connection, tenant_id: UUID, accepted: Sequence[AcceptedPrice], actor_id: UUID | None, now: datetime
) -> None:
    """Writes the tenant's base prices from now on, until an operator sets others. Prices must be planned anew then."""
    rows = [
        {
            "id": new_id(),
            "model_id": one.model_id,
            "input_price": one.price.input_price,
            "output_price": one.price.output_price,
            "rates": one.price.rates.to_json(),
            "is_own": one.is_own,
        }
        for one in accepted
    ]
    connection.run(_ACCEPT_PRICES, tenant_id=tenant_id, rows=json_parameter(rows), actor_id=actor_id, now=now)


def accept_facts(connection: Connection, tenant_id: UUID, accepted: Sequence[AcceptedFacts]) -> None:
    """Writes the columns that are not None into the tenant's overlay. Each model may come once."""
    connection.run(_ACCEPT_FACTS, tenant_id=tenant_id, rows=json_parameter([asdict(one) for one in accepted]))
