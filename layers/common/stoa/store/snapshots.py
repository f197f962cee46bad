"""Everything a selection needs to know about one member and one message, read in one round trip."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.db import Connection, Row, Statement
from stoa.domain.offers import Offer, Preferences, Prices

# One row. The catalogue comes as one JSON document, each model an array in the order of `Offer`'s fields: PostgreSQL
# builds it faster than the driver decodes a thousand values one by one.
_SNAPSHOT = """
WITH tenant AS (
    SELECT t.id, t.time_zone, t.force_system_default, (:now ::timestamptz AT TIME ZONE t.time_zone)::date AS local_day
    FROM tenants t
    WHERE t.id = :tenant_id ::uuid
),
entitled AS (
    SELECT DISTINCT ON (e.model_id) e.model_id, e.source
    FROM entitlements e
    WHERE e.tenant_id = :tenant_id AND e.user_id = :user_id ::uuid
        AND e.revoked_at IS NULL AND (e.expires_at IS NULL OR e.expires_at > :now)
    ORDER BY e.model_id, e.expires_at DESC NULLS FIRST
),
catalogue AS (
    SELECT json_agg(json_build_array(
        m.id,
        coalesce(o.display_name, m.display_name),
        m.provider_id,
        p.display_name,
        m.provider_model,
        m.context_window,
        m.max_output_tokens,
        array_to_json(m.modalities),
        array_to_json(m.capabilities),
        m.is_novel,
        m.provider_id = 'self_hosted',
        m.category,
        coalesce(o.known_for, m.known_for),
        m.speed,
        m.quality,
        coalesce(o.display_order, m.display_order),
        coalesce(o.enabled, m.enabled),
        m.is_available AND p.is_available,
        m.deprecated_at,
        m.successor_id,
        coalesce(o.access_tier, m.access_tier),
        coalesce(o.unlock_price_cents, m.unlock_price_cents),
        CASE WHEN o.has_daily_limit THEN o.daily_limit WHEN o.has_daily_limit IS NULL THEN m.daily_limit END,
        coalesce(d.used, 0),
        coalesce(o.trial_messages, m.trial_messages) + coalesce(c.extra, 0),
        coalesce(c.used, 0),
        e.source,
        price.id,
        price.input_price,
        price.output_price,
        price.base_input_price,
        price.base_output_price,
        price.minimum_charge
    )) AS models
    FROM tenant t
    JOIN models m ON m.tenant_id IS NULL OR m.tenant_id = t.id
    JOIN providers p ON p.id = m.provider_id
    LEFT JOIN tenant_models o ON o.tenant_id = t.id AND o.model_id = m.id
    LEFT JOIN daily_counters d
        ON d.tenant_id = t.id AND d.user_id = :user_id AND d.day = t.local_day AND d.model_id = m.id
    LEFT JOIN trial_counters c ON c.tenant_id = t.id AND c.user_id = :user_id AND c.model_id = m.id
    LEFT JOIN entitled e ON e.model_id = m.id
    LEFT JOIN LATERAL (
        SELECT b.id, b.input_price, b.output_price, b.base_input_price, b.base_output_price, b.minimum_charge
        FROM price_book b
        WHERE b.tenant_id = t.id AND b.model_id = m.id AND b.effective_from <= :now AND b.cancelled_at IS NULL
        ORDER BY b.effective_from DESC
        LIMIT 1
    ) price ON true
)
SELECT
    t.time_zone,
    t.force_system_default,
    t.local_day,
    k.models,
    to_json(f) AS preferences,
    EXISTS (
        SELECT FROM usage l
        WHERE l.tenant_id = t.id AND l.user_id = :user_id AND l.status = 'reserved' AND l.expires_at <= :now
    ) AS has_expired_reservations
FROM tenant t
CROSS JOIN catalogue k
LEFT JOIN user_preferences f ON f.tenant_id = t.id AND f.user_id = :user_id
"""

# Prompts and the models that persona, domain mode and focus mode bring along. Read only when a message names one.
_PROMPTS = """
SELECT
    (
        SELECT to_json(p) FROM personas p
        WHERE p.id = :persona_id ::text
            AND (
                p.tenant_id IS NULL
                OR p.tenant_id = :tenant_id ::uuid AND (p.is_public OR p.owner_id = :user_id ::uuid)
            )
    ) AS persona,
    (
        SELECT json_build_object(
            'id', d.id,
            'enabled', coalesce(o.enabled, true),
            'default_model', o.default_model,
            'temperature', coalesce(o.temperature, d.temperature),
            'system_prompt', coalesce(o.system_prompt, d.system_prompt)
        )
        FROM domain_modes d
        LEFT JOIN tenant_domain_modes o ON o.mode_id = d.id AND o.tenant_id = :tenant_id
        WHERE d.id = :domain_mode ::text
    ) AS domain_mode,
    (
        SELECT to_json(f) FROM focus_modes f
        WHERE f.id = :focus_mode ::text AND (f.tenant_id IS NULL OR f.tenant_id = :tenant_id)
        ORDER BY f.tenant_id NULLS LAST
        LIMIT 1
    ) AS focus_mode
"""


@dataclass(frozen=True, slots=True)
class MemberSnapshot:
    """One member's view of the catalogue at `now`, with their preferences and the tenant's switches."""

    offers: Mapping[str, Offer]
    preferences: Preferences
    time_zone: str
    local_day: Any  # the tenant's calendar day, whose counters `offers` carry
    force_system_default: bool
    has_expired_reservations: bool


@dataclass(frozen=True, slots=True)
class Prompts:
    """The rows a message's persona, domain mode and focus mode stand for; None where not named or not there."""

    persona: Row | None = None
    domain_mode: Row | None = None
    focus_mode: Row | None = None


def statement(tenant_id: UUID, user_id: UUID, now: datetime) -> Statement:
    """The snapshot query, to be sent together with others. Its one row goes to `from_row`."""
    return _SNAPSHOT, {"tenant_id": tenant_id, "user_id": user_id, "now": now}


def prompts_statement(
    tenant_id: UUID, user_id: UUID, persona_id: str | None, domain_mode: str | None, focus_mode: str | None
) -> Statement:
    """The query for `Prompts`; its one row goes to `prompts_from_row`."""
    return _PROMPTS, {
        "tenant_id": tenant_id,
        "user_id": user_id,
        "persona_id": persona_id,
        "domain_mode": domain_mode,
        "focus_mode": focus_mode,
    }


def load(connection: Connection, tenant_id: UUID, user_id: UUID, now: datetime) -> MemberSnapshot:
    """One member's snapshot in one round trip."""
    sql, parameters = statement(tenant_id, user_id, now)
    return from_row(connection.run(sql, **parameters)[0])


def from_row(row: Row) -> MemberSnapshot:
    """The snapshot query's row as values."""
    offers = (_offer(fields) for fields in row["models"] or ())
    return MemberSnapshot(
        offers={offer.model_id: offer for offer in offers},
        preferences=preferences_from_row(row["preferences"]),
        time_zone=row["time_zone"],
        local_day=row["local_day"],
        force_system_default=row["force_system_default"],
        has_expired_reservations=row["has_expired_reservations"],
    )


def prompts_from_row(row: Row) -> Prompts:
    """The prompts query's row as values."""
    return Prompts(row["persona"], row["domain_mode"], row["focus_mode"])


def preferences_from_row(row: Mapping[str, Any] | None) -> Preferences:
    """A `user_preferences` row as values; no row means the defaults."""
    if row is None:
        return Preferences()
    return Preferences(
        selection_mode=row["selection_mode"],
        default_model_id=row["default_model_id"],
        persona_overrides=row["persona_overrides"],
        domain_overrides=row["domain_overrides"],
        favorite_models=tuple(row["favorite_models"]),
        show_standard_models=row["show_standard_models"],
        show_novel_models=row["show_novel_models"],
        show_self_hosted_models=row["show_self_hosted_models"],
        show_cost_per_message=row["show_cost_per_message"],
        max_cost_per_message=row["max_cost_per_message"],
        prefer_cost_optimization=row["prefer_cost_optimization"],
    )


_MODALITIES, _CAPABILITIES, _DEPRECATED_AT, _PRICE = 7, 8, 18, 27


def _offer(fields: Sequence[Any]) -> Offer:
    values = list(fields[:_PRICE])
    values[_MODALITIES] = tuple(values[_MODALITIES])
    values[_CAPABILITIES] = tuple(values[_CAPABILITIES])
    if values[_DEPRECATED_AT] is not None:
        values[_DEPRECATED_AT] = datetime.fromisoformat(values[_DEPRECATED_AT])
    row_id, *prices = fields[_PRICE:]
    values.append(Prices(UUID(row_id), *prices) if row_id is not None else None)
    return Offer(*values)
