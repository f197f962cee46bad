"""Models of a tenant's own, and what is known of the providers' models that they are made of."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection, json_parameter
from stoa.domain.catalogue.names import TYPED
from stoa.domain.pricing.rates import Rates

_SAVE_OWN_MODEL = """
UPDATE models m SET
    provider_model = CASE WHEN g.given ? 'provider_model' THEN r.provider_model ELSE m.provider_model END,
    context_window = CASE WHEN g.given ? 'context_window' THEN r.context_window ELSE m.context_window END,
    max_output_tokens = CASE WHEN g.given ? 'max_output_tokens' THEN r.max_output_tokens ELSE m.max_output_tokens END,
    modalities = CASE WHEN g.given ? 'modalities' THEN r.modalities ELSE m.modalities END,
    capabilities = CASE WHEN g.given ? 'capabilities' THEN r.capabilities ELSE m.capabilities END,
    is_novel = CASE WHEN g.given ? 'is_novel' THEN r.is_novel ELSE m.is_novel END,
    category = CASE WHEN g.given ? 'category' THEN r.category ELSE m.category END,
    provider_id = CASE WHEN g.given ? 'provider_id' THEN r.provider_id ELSE m.provider_id END,
    base_input_price = CASE WHEN g.given ? 'base_input_price' THEN r.base_input_price ELSE m.base_input_price END,
    base_output_price = CASE WHEN g.given ? 'base_output_price' THEN r.base_output_price
        ELSE m.base_output_price END,
    base_rates = CASE WHEN g.given ? 'base_rates' THEN r.base_rates ELSE m.base_rates END,
    deprecated_at = CASE WHEN g.given ? 'deprecated_at' THEN r.deprecated_at ELSE m.deprecated_at END,
    successor_id = CASE WHEN g.given ? 'successor_id' THEN r.successor_id ELSE m.successor_id END,
    updated_at = now()
FROM (SELECT :given ::jsonb AS given) AS g
CROSS JOIN LATERAL jsonb_to_record(g.given) AS r (
    provider_model text, context_window int, max_output_tokens int, modalities text[], capabilities text[],
    is_novel boolean, category text, provider_id text, base_input_price numeric, base_output_price numeric,
    base_rates jsonb, deprecated_at timestamptz, successor_id text
)
WHERE m.tenant_id = :tenant_id ::uuid AND m.id = :model_id
"""

# The tenant's slug, which no other tenant can have, stands before the name: ids of two tenants never meet, and an
# answer tells nothing of anybody else's.
_CREATE = """
INSERT INTO models (
    id, tenant_id, provider_id, provider_model, display_name, context_window, max_output_tokens, base_input_price,
    base_output_price, base_rates, modalities, capabilities, is_novel, category, known_for, access_tier,
    unlock_price_cents, daily_limit, trial_messages, speed, quality, display_order, enabled
)
SELECT
    t.slug || :separator ::text || :name ::text, t.id, r.provider_id, r.provider_model, r.display_name,
    r.context_window, r.max_output_tokens, r.base_input_price, r.base_output_price, r.base_rates, r.modalities,
    r.capabilities, r.is_novel, r.category, r.known_for, r.access_tier, r.unlock_price_cents, r.daily_limit,
    r.trial_messages, r.speed, r.quality, r.display_order, r.enabled
FROM tenants t
CROSS JOIN jsonb_to_record(:model ::jsonb) AS r (
    provider_id text, provider_model text, display_name text, context_window int, max_output_tokens int,
    base_input_price numeric, base_output_price numeric, base_rates jsonb, modalities text[], capabilities text[],
    is_novel boolean, category text, known_for text, access_tier text, unlock_price_cents int, daily_limit int,
    trial_messages int, speed text, quality text, display_order int, enabled boolean
)
WHERE t.id = :tenant_id ::uuid
ON CONFLICT (id) DO NOTHING
RETURNING id
"""

# An id may not differ from another one in its letters' case only.
_TWIN = """
SELECT m.id FROM models m
WHERE (m.tenant_id IS NULL AND lower(m.id) = lower(:typed ::text))
    OR (m.tenant_id = :tenant_id ::uuid AND lower(split_part(m.id, '~~', 2)) = lower(:typed))
LIMIT 1
"""

# What the registry knows of a provider's model, else what the feeds do.
_KNOWN = """
SELECT m.context_window, m.max_output_tokens, m.base_input_price, m.base_output_price, m.base_rates, m.modalities,
    m.capabilities, m.category, m.known_for, m.speed, m.quality
FROM models m
WHERE m.tenant_id IS NULL AND m.provider_id = :provider_id ::text AND m.provider_model = :provider_model ::text
UNION ALL
SELECT f.context_window, f.max_output_tokens, f.input_price, f.output_price, f.rates, NULL, NULL, NULL, NULL, NULL, NULL
FROM feed_models f
WHERE f.provider_id = :provider_id AND f.provider_model = :provider_model
LIMIT 1
"""

SEPARATOR = "~"  # no slug and no id of the registry contains it, and no client has to escape it in an address


class KnownModel(Struct, frozen=True):
    """Facts that are known of a provider's model. Prices are USD per one million tokens; None: not known."""

    context_window: int | None
    max_output_tokens: int | None
    base_input_price: Decimal | None
    base_output_price: Decimal | None
    base_rates: Mapping[str, Any]
    modalities: list[str] | None
    capabilities: list[str] | None
    category: str | None
    known_for: str | None
    speed: str | None
    quality: str | None


class OwnModel(Struct, frozen=True, kw_only=True):
    """A model of the tenant's own, to be made. Prices in USD per one million tokens; None: not known, not sold."""

    provider_id: str
    provider_model: str
    display_name: str
    known_for: str
    context_window: int
    max_output_tokens: int
    base_input_price: Decimal | None
    base_output_price: Decimal | None
    base_rates: Rates
    modalities: list[str]
    capabilities: list[str]
    is_novel: bool
    category: str
    access_tier: str
    unlock_price_cents: int | None
    daily_limit: int | None
    trial_messages: int
    speed: str
    quality: str
    display_order: int
    enabled: bool

    def columns(self) -> dict[str, Any]:
        """Returns the values by their columns."""
        values = {name: getattr(self, name) for name in self.__struct_fields__}
        return {**values, "base_rates": self.base_rates.to_json()}


def save_own_model(connection: Connection, tenant_id: UUID, model_id: str, given: Mapping[str, Any]) -> None:
    """Writes the columns of a tenant's own model that `given` names. Leaves a model of the registry as it is."""
    connection.run(_SAVE_OWN_MODEL, tenant_id=tenant_id, model_id=model_id, given=json_parameter(given))


def create(connection: Connection, tenant_id: UUID, name: str, model: OwnModel, *, typed: bool = False) -> str | None:
    """Makes a model of the tenant's own and returns its id. None: the tenant has a model of that name.

    With `typed` the name is the id that everyone in the tenant uses.
    """
    values = json_parameter(model.columns())
    separator = TYPED if typed else SEPARATOR
    rows = connection.run(_CREATE, tenant_id=tenant_id, separator=separator, name=name, model=values)
    return rows[0]["id"] if rows else None


def twin(connection: Connection, tenant_id: UUID, typed: str) -> str | None:
    """Returns the id of a model whose id is the same but for the case of its letters. None: there is none."""
    rows = connection.run(_TWIN, tenant_id=tenant_id, typed=typed)
    return str(rows[0]["id"]) if rows else None


def known(connection: Connection, provider_id: str, provider_model: str) -> KnownModel | None:
    """Returns what the registry, else the feeds, know of a provider's model. None: neither knows it."""
    return connection.fetch_one(KnownModel, _KNOWN, provider_id=provider_id, provider_model=provider_model)
