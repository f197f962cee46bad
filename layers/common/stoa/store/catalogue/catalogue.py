"""Reads what a tenant offers at which price: the part of a snapshot that is the same for all its members.

It changes seldom and is large, so a process keeps it (`Catalogue`) and sends the version it has along with the query.
The database answers with the models only when that version is no longer the present one.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from stoa.database.pool import Statement
from stoa.domain.catalogue.model_facts import ModelFacts
from stoa.domain.pricing.rates import Rates
from stoa.domain.selection.offers import Aliases, Offer, PendingPrices, Prices

# Each model is an array in the order of `Offer`'s fields, one JSON document for all: PostgreSQL builds it faster than
# the driver decodes a thousand values one by one. Its prices are a timeline: the row in force and those to come, and
# the ones of the last hour for a process whose clock is behind.
_CATALOGUE = """
WITH present AS (
    SELECT string_agg(v.version::text, '.' ORDER BY v.tenant_id NULLS FIRST) AS version
    FROM catalogue_versions v
    WHERE v.tenant_id IS NULL OR v.tenant_id = :tenant_id ::uuid
)
SELECT present.version, CASE WHEN present.version IS DISTINCT FROM :known_version ::text THEN (
    SELECT json_agg(json_build_array(
        m.id,
        coalesce(o.display_name, m.display_name),
        m.provider_id,
        p.display_name,
        m.provider_model,
        coalesce(o.context_window, m.context_window),
        coalesce(o.max_output_tokens, m.max_output_tokens),
        array_to_json(m.modalities),
        array_to_json(m.capabilities),
        m.is_novel,
        m.provider_id = 'self_hosted',
        m.category,
        coalesce(o.known_for, m.known_for),
        coalesce(o.speed, m.speed),
        coalesce(o.quality, m.quality),
        coalesce(o.display_order, m.display_order),
        coalesce(o.enabled, m.enabled),
        m.is_available AND p.is_available,
        coalesce(o.deprecated_at, m.deprecated_at),
        coalesce(o.successor_id, m.successor_id),
        coalesce(o.access_tier, m.access_tier),
        coalesce(o.unlock_price_cents, m.unlock_price_cents),
        CASE WHEN o.has_daily_limit THEN o.daily_limit WHEN o.has_daily_limit IS NULL THEN m.daily_limit END,
        coalesce(o.trial_messages, m.trial_messages),
        (
            SELECT json_agg(json_build_array(
                b.effective_from, b.id, b.input_price, b.output_price, b.base_input_price, b.base_output_price,
                b.minimum_charge, b.rates, b.base_rates
            ) ORDER BY b.effective_from)
            FROM price_book b
            WHERE b.tenant_id = :tenant_id AND b.model_id = m.id AND b.cancelled_at IS NULL
                AND b.effective_from >= coalesce((
                    SELECT max(earlier.effective_from) FROM price_book earlier
                    WHERE earlier.tenant_id = :tenant_id AND earlier.model_id = m.id AND earlier.cancelled_at IS NULL
                        AND earlier.effective_from <= :now ::timestamptz - interval '1 hour'
                ), '-infinity')
        ),
        array_to_json(o.fallback_model_ids),
        coalesce(o.thinktank_enabled, true),
        CASE WHEN m.tenant_id IS NULL THEN o.known_for ELSE coalesce(o.known_for, m.known_for) END,
        json_build_object(
            'family', m.family, 'model_class', m.class, 'wire', m.wire, 'max_input_tokens', m.max_input_tokens,
            'thinking', m.thinking, 'patience_seconds', m.patience_seconds,
            'refused_parameters', m.refused_parameters, 'features', m.features, 'descriptions', m.descriptions,
            'best_for', CASE WHEN o.best_for IS NULL THEN m.best_for ELSE jsonb_build_object('en', o.best_for) END,
            'released_on', m.released_on, 'never_offered', m.never_offered, 'is_servable', m.is_servable,
            'shown_cost', o.shown_cost::text, 'updated_at', greatest(m.updated_at, o.updated_at)
        )
    ))
    FROM models m
    JOIN providers p ON p.id = m.provider_id
    LEFT JOIN tenant_models o ON o.tenant_id = :tenant_id AND o.model_id = m.id
    WHERE (m.tenant_id IS NULL OR m.tenant_id = :tenant_id) AND (NOT m.added_by_sync OR o.model_id IS NOT NULL)
) END AS models, CASE WHEN present.version IS DISTINCT FROM :known_version THEN (
    SELECT json_agg(json_build_array(l.alias, l.model_id)) FROM (
        SELECT alias, model_id FROM model_aliases
        UNION ALL
        SELECT split_part(w.id, '~~', 2), w.id FROM models w
        WHERE w.tenant_id = :tenant_id AND w.id LIKE '%~~%'
    ) AS l
) END AS aliases, CASE WHEN present.version IS DISTINCT FROM :known_version THEN (
    SELECT array_to_json(d.model_ids) FROM default_models d
    WHERE (d.tenant_id IS NULL OR d.tenant_id = :tenant_id) AND d.model_ids IS NOT NULL
    ORDER BY d.tenant_id NULLS LAST
    LIMIT 1
) END AS default_ids
FROM present
"""

_MODALITIES, _CAPABILITIES, _DEPRECATED_AT, _TRIAL_MESSAGES, _TIMELINE = 7, 8, 18, 23, 24
_FALLBACKS, _SHOWN, _WORDS, _FACTS = 25, 26, 27, 28
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)


class _Priced(Struct, frozen=True):
    """A model without prices, and the instants at which each of its prices begins."""

    offer: Offer
    begins: tuple[datetime, ...]
    prices: tuple[Prices, ...]

    def at(self, now: datetime) -> Offer:
        position = bisect_right(self.begins, now)
        if not position:
            return self.offer
        prices = self.prices[position - 1]
        return replace(self.offer, prices=prices, pending=self._next_other_than(prices, position))

    def _next_other_than(self, prices: Prices, position: int) -> PendingPrices | None:
        """Returns the first row to come that a member pays another price by; some only tell of the provider's price."""
        paid = _paid(prices)
        for begins, later in zip(self.begins[position:], self.prices[position:], strict=True):
            if _paid(later) != paid:
                return PendingPrices(later, begins)
        return None

    def around(self, now: datetime) -> tuple[datetime, datetime]:
        position = bisect_right(self.begins, now)
        began = self.begins[position - 1] if position else _BEGINNING
        ends = self.begins[position] if position < len(self.begins) else _END
        return began, ends


class Catalogue:
    """A version of a tenant's offers, as a member without any history of their own sees them."""

    def __init__(
        self,
        version: str | None,
        models: Sequence[Sequence[Any]],
        aliases: Sequence[Sequence[str]] = (),
        default_ids: Sequence[str] = (),
    ) -> None:
        self.version = version
        self.aliases = _by_alias(aliases)
        self.default_ids = tuple(default_ids)
        self._models = [_priced(fields) for fields in models]
        self._current: tuple[datetime, datetime, dict[str, Offer]] = (_END, _BEGINNING, {})

    def offers_at(self, now: datetime) -> dict[str, Offer]:
        """Returns the offers with the prices in force at `now`. They are kept until the next price: change none."""
        began, ends, offers = self._current
        if not began <= now < ends:
            spans = [model.around(now) for model in self._models]
            offers = {model.offer.model_id: model.at(now) for model in self._models}
            began = max((span[0] for span in spans), default=_BEGINNING)
            ends = min((span[1] for span in spans), default=_END)
            self._current = (began, ends, offers)
        return offers


def statement(tenant_id: UUID, now: datetime, known: Catalogue | None) -> Statement:
    """Returns the query that goes with each snapshot. Its one row goes to `from_row` together with `known`."""
    return _CATALOGUE, {"tenant_id": tenant_id, "now": now, "known_version": known.version if known else None}


def from_row(row: Mapping[str, Any], known: Catalogue | None) -> Catalogue:
    """Returns the present catalogue: `known` itself where nothing has changed."""
    if known is not None and row["version"] == known.version:
        return known
    return Catalogue(row["version"], row["models"] or (), row["aliases"] or (), row["default_ids"] or ())


def _paid(prices: Prices) -> tuple[Decimal, Decimal, Decimal, Rates]:
    return prices.input_price, prices.output_price, prices.minimum_charge, prices.rates


def _prices(row: Sequence[Any]) -> Prices:
    _, row_id, *money, rates, base_rates = row
    return Prices(UUID(row_id), *[*money, Rates.from_json(rates), Rates.from_json(base_rates)])


def _by_alias(pairs: Sequence[Sequence[str]]) -> Aliases:
    found: dict[str, tuple[str, ...]] = {}
    for alias, model_id in pairs:
        found[alias] = (*found.get(alias, ()), model_id)
    return found


def _facts(told: Mapping[str, Any]) -> ModelFacts:
    released_on = told["released_on"]
    return ModelFacts(
        **{
            **told,
            "refused_parameters": tuple(told["refused_parameters"]),
            "features": tuple(told["features"]),
            "best_for": {language: tuple(phrases) for language, phrases in told["best_for"].items()},
            "released_on": released_on and date.fromisoformat(released_on),
            "shown_cost": None if told["shown_cost"] is None else Decimal(told["shown_cost"]),
            "updated_at": datetime.fromisoformat(told["updated_at"]),
        }
    )


def _priced(fields: Sequence[Any]) -> _Priced:
    values = list(fields[:_TIMELINE])
    values[_MODALITIES] = tuple(values[_MODALITIES])
    values[_CAPABILITIES] = tuple(values[_CAPABILITIES])
    if values[_DEPRECATED_AT] is not None:
        values[_DEPRECATED_AT] = datetime.fromisoformat(values[_DEPRECATED_AT])
    fallbacks = tuple(fields[_FALLBACKS] or ())
    # Nothing used today, no trial used, no entitlement, and no price until one is looked up.
    values = [*values[:_TRIAL_MESSAGES], 0, values[_TRIAL_MESSAGES], 0, None, None, None, fallbacks]
    timeline = fields[_TIMELINE] or ()
    return _Priced(
        offer=replace(
            Offer(*values),
            facts=_facts(fields[_FACTS]),
            thinktank_enabled=fields[_SHOWN],
            own_words=fields[_WORDS] or None,
        ),
        begins=tuple(datetime.fromisoformat(row[0]) for row in timeline),
        prices=tuple(_prices(row) for row in timeline),
    )
