"""Models as a tenant's admins see them: the registry's with the tenant's overlay, and the tenant's own."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct

from stoa.database.pool import Connection, json_parameter
from stoa.domain.catalogue.overlay import DECIDED, Decisions, Overlay, decided_limit
from stoa.domain.pricing.rates import Rates
from stoa.store.pricing import base_prices

_LIST = f"""
SELECT
    m.id, m.tenant_id IS NOT NULL AS is_own, m.provider_id, p.display_name AS provider_name, m.provider_model,
    coalesce(o.context_window, m.context_window) AS context_window,
    coalesce(o.max_output_tokens, m.max_output_tokens) AS max_output_tokens,
    m.modalities, m.capabilities, m.is_novel, m.category,
    coalesce(o.speed, m.speed) AS speed, coalesce(o.quality, m.quality) AS quality,
    coalesce(to_jsonb(o.best_for), m.best_for -> 'en', '[]') AS best_for, o.shown_cost,
    coalesce(o.thinktank_enabled, true) AS thinktank_enabled,
    m.family, m.class AS model_class, m.wire, m.thinking, m.features, m.refused_parameters, m.max_input_tokens,
    m.descriptions, m.further_prices, m.released_on, m.end_announced_on, m.never_offered, m.is_servable,
    greatest(m.updated_at, o.updated_at) AS updated_at,
    {base_prices.INPUT_PRICE} AS base_input_price,
    {base_prices.OUTPUT_PRICE} AS base_output_price,
    {base_prices.RATES} AS base_rates,
    m.is_available AND p.is_available AS is_available,
    coalesce(o.deprecated_at, m.deprecated_at) AS deprecated_at,
    coalesce(o.successor_id, m.successor_id) AS successor_id,
    m.display_name, m.known_for, m.access_tier, m.unlock_price_cents, m.daily_limit, m.trial_messages,
    m.display_order, m.enabled,
    coalesce(o.version, 0) AS version, o.display_name AS own_display_name, o.known_for AS own_known_for,
    o.access_tier AS own_access_tier, o.unlock_price_cents AS own_unlock_price_cents, o.has_daily_limit,
    o.daily_limit AS own_daily_limit, o.trial_messages AS own_trial_messages, o.display_order AS own_display_order,
    o.enabled AS own_enabled, o.fallback_model_ids,
    b.input_price AS user_input_price, b.output_price AS user_output_price, b.rates AS user_rates
FROM models m
JOIN providers p ON p.id = m.provider_id
LEFT JOIN tenant_models o ON o.tenant_id = :tenant_id AND o.model_id = m.id
LEFT JOIN LATERAL (
    SELECT r.input_price, r.output_price, r.rates FROM price_book r
    WHERE r.tenant_id = :tenant_id AND r.model_id = m.id AND r.cancelled_at IS NULL
        AND r.effective_from <= :now ::timestamptz
    ORDER BY r.effective_from DESC
    LIMIT 1
) AS b ON true
{base_prices.JOINS}
WHERE (m.tenant_id IS NULL OR m.tenant_id = :tenant_id ::uuid)
    AND (m.id = :model_id ::text OR (:model_id IS NULL AND (NOT m.added_by_sync OR o.model_id IS NOT NULL)))
ORDER BY
    m.is_novel, coalesce(o.display_order, m.display_order), coalesce(o.display_name, m.display_name), m.id
"""  # noqa: S608 - constants of ours

# Two admins who decide about one model take turns: the second waits here and then sees what the first decided.
_OPEN_OVERLAY = """
INSERT INTO tenant_models (tenant_id, model_id, version)
SELECT :tenant_id ::uuid, m.id, 0
FROM models m
WHERE m.id = :model_id AND (m.tenant_id IS NULL OR m.tenant_id = :tenant_id)
ON CONFLICT (tenant_id, model_id) DO NOTHING
"""

_LOCK_OVERLAY = "SELECT FROM tenant_models o WHERE o.tenant_id = :tenant_id AND o.model_id = :model_id FOR UPDATE"

# `given` names the columns to write, so that a null writes null and a column that is not named stays as it is.
_SAVE_OVERLAY = """
UPDATE tenant_models o SET
    enabled = CASE WHEN g.given ? 'enabled' THEN r.enabled ELSE o.enabled END,
    access_tier = CASE WHEN g.given ? 'access_tier' THEN r.access_tier ELSE o.access_tier END,
    unlock_price_cents = CASE WHEN g.given ? 'unlock_price_cents' THEN r.unlock_price_cents
        ELSE o.unlock_price_cents END,
    has_daily_limit = CASE WHEN g.given ? 'has_daily_limit' THEN r.has_daily_limit ELSE o.has_daily_limit END,
    daily_limit = CASE WHEN g.given ? 'daily_limit' THEN r.daily_limit ELSE o.daily_limit END,
    trial_messages = CASE WHEN g.given ? 'trial_messages' THEN r.trial_messages ELSE o.trial_messages END,
    display_order = CASE WHEN g.given ? 'display_order' THEN r.display_order ELSE o.display_order END,
    display_name = CASE WHEN g.given ? 'display_name' THEN r.display_name ELSE o.display_name END,
    known_for = CASE WHEN g.given ? 'known_for' THEN r.known_for ELSE o.known_for END,
    context_window = CASE WHEN g.given ? 'context_window' THEN r.context_window ELSE o.context_window END,
    max_output_tokens = CASE WHEN g.given ? 'max_output_tokens' THEN r.max_output_tokens ELSE o.max_output_tokens END,
    deprecated_at = CASE WHEN g.given ? 'deprecated_at' THEN r.deprecated_at ELSE o.deprecated_at END,
    successor_id = CASE WHEN g.given ? 'successor_id' THEN r.successor_id ELSE o.successor_id END,
    fallback_model_ids = CASE WHEN g.given ? 'fallback_model_ids' THEN r.fallback_model_ids
        ELSE o.fallback_model_ids END,
    speed = CASE WHEN g.given ? 'speed' THEN r.speed ELSE o.speed END,
    quality = CASE WHEN g.given ? 'quality' THEN r.quality ELSE o.quality END,
    best_for = CASE WHEN g.given ? 'best_for' THEN r.best_for ELSE o.best_for END,
    shown_cost = CASE WHEN g.given ? 'shown_cost' THEN r.shown_cost ELSE o.shown_cost END,
    thinktank_enabled = CASE WHEN g.given ? 'thinktank_enabled' THEN r.thinktank_enabled
        ELSE o.thinktank_enabled END,
    own_facts = ARRAY(SELECT unnest(o.own_facts) UNION SELECT unnest(r.own_facts)),
    version = o.version + 1,
    updated_at = now()
FROM (SELECT :given ::jsonb AS given) AS g
CROSS JOIN LATERAL jsonb_to_record(g.given) AS r (
    enabled boolean, access_tier text, unlock_price_cents int, has_daily_limit boolean, daily_limit int,
    trial_messages int, display_order int, display_name text, known_for text, context_window int,
    max_output_tokens int, deprecated_at timestamptz, successor_id text, fallback_model_ids text[],
    own_facts text[], speed text, quality text, best_for text[], shown_cost numeric, thinktank_enabled boolean
)
WHERE o.tenant_id = :tenant_id ::uuid AND o.model_id = :model_id
"""

_EXISTS = """
SELECT
    EXISTS (SELECT FROM providers p WHERE p.id = :provider_id ::text) AS provider,
    EXISTS (
        SELECT FROM models m
        WHERE m.id = :model_id ::text AND (m.tenant_id IS NULL OR m.tenant_id = :tenant_id ::uuid)
    ) AS model
"""

_UNKNOWN = """
SELECT asked.id
FROM unnest(:model_ids ::text[]) AS asked (id)
WHERE NOT EXISTS (
    SELECT FROM models m WHERE m.id = asked.id AND (m.tenant_id IS NULL OR m.tenant_id = :tenant_id ::uuid)
)
"""


class TenantModel(Struct, frozen=True, kw_only=True):
    """A model with what the registry says of it and what the tenant decided. Prices in USD per one million tokens.

    `base_...` is what the provider asks, `user_...` what members pay at present; None: not known, not sold.
    `version` counts the tenant's decisions.
    """

    id: str
    is_own: bool
    provider_id: str
    provider_name: str
    provider_model: str
    context_window: int
    max_output_tokens: int
    modalities: list[str]
    capabilities: list[str]
    is_novel: bool
    category: str
    speed: str
    quality: str
    best_for: list[str]
    shown_cost: Decimal | None
    thinktank_enabled: bool
    family: str | None
    model_class: str | None
    wire: str | None
    thinking: str
    features: list[str]
    refused_parameters: list[str]
    max_input_tokens: int | None
    descriptions: Mapping[str, str]
    further_prices: Mapping[str, Any]
    released_on: date | None
    end_announced_on: date | None
    never_offered: bool
    is_servable: bool
    updated_at: datetime
    is_available: bool
    deprecated_at: datetime | None
    successor_id: str | None
    fallback_model_ids: list[str] | None
    base_input_price: Decimal | None
    base_output_price: Decimal | None
    base_rates: Rates
    user_input_price: Decimal | None
    user_output_price: Decimal | None
    user_rates: Rates
    registry: Decisions
    overlay: Overlay
    version: int


def offered(connection: Connection, tenant_id: UUID, now: datetime) -> list[TenantModel]:
    """Returns every model of the registry and of the tenant, in the catalogue's order."""
    return [_model(row) for row in connection.run(_LIST, tenant_id=tenant_id, now=now, model_id=None)]


def get(connection: Connection, tenant_id: UUID, now: datetime, model_id: str) -> TenantModel | None:
    """Returns one model. None: the tenant has no such model."""
    rows = connection.run(_LIST, tenant_id=tenant_id, now=now, model_id=model_id)
    return _model(rows[0]) if rows else None


def locked(connection: Connection, tenant_id: UUID, now: datetime, model_id: str) -> TenantModel | None:
    """Returns one model and keeps others from deciding about it until the transaction ends. None: no such model."""
    own = {"tenant_id": tenant_id, "model_id": model_id}
    listed = {**own, "now": now}
    rows = connection.run_all([(_OPEN_OVERLAY, own), (_LOCK_OVERLAY, own), (_LIST, listed)])[2]
    return _model(rows[0]) if rows else None


def save_overlay(connection: Connection, tenant_id: UUID, model_id: str, given: Mapping[str, Any]) -> None:
    """Writes the columns of the overlay that `given` names, null included, and counts its version up."""
    connection.run(_SAVE_OVERLAY, tenant_id=tenant_id, model_id=model_id, given=json_parameter(given))


def named(connection: Connection, name: str) -> str:
    """Returns the id of the model that the tenant means by a name; a name that fits none as it is."""
    return str(connection.run("SELECT model_named(:name ::text) AS id", name=name)[0]["id"])


def all_named(connection: Connection, names: Sequence[str]) -> dict[str, str]:
    """Returns the ids of the models that the tenant means, by the names."""
    sql = "SELECT n.name, model_named(n.name) AS id FROM unnest(:names ::text[]) AS n (name)"
    return {row["name"]: row["id"] for row in connection.run(sql, names=list(names))}


def has_provider(connection: Connection, tenant_id: UUID, provider_id: str) -> bool:
    """Returns whether there is such a provider."""
    return bool(connection.run(_EXISTS, tenant_id=tenant_id, provider_id=provider_id, model_id=None)[0]["provider"])


def unknown(connection: Connection, tenant_id: UUID, model_ids: Sequence[str]) -> set[str]:
    """Returns those of the ids that are no models of the tenant's."""
    rows = connection.run(_UNKNOWN, tenant_id=tenant_id, model_ids=list(model_ids))
    return {row["id"] for row in rows}


def has_model(connection: Connection, tenant_id: UUID, model_id: str) -> bool:
    """Returns whether the tenant has such a model: the registry's or its own, enabled or not."""
    return bool(connection.run(_EXISTS, tenant_id=tenant_id, provider_id=None, model_id=model_id)[0]["model"])


def _model(row: Mapping[str, Any]) -> TenantModel:
    values = dict(row)
    own = {name: values.pop(f"own_{name}") for name in DECIDED}
    own["daily_limit"] = decided_limit(values.pop("has_daily_limit"), own["daily_limit"])
    values["registry"] = Decisions(**{name: values.pop(name) for name in DECIDED})
    values["overlay"] = Overlay(**own)
    for name in ("base_rates", "user_rates"):
        values[name] = Rates.from_json(values[name] or {})
    return TenantModel(**values)
