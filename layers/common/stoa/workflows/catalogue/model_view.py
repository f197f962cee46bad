"""A model as admins see it: the registry's values, the tenant's decisions, and the values that hold."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from stoa.core.text import camel_case
from stoa.domain.catalogue.access import lifecycle
from stoa.domain.catalogue.overlay import Decisions, Overlay, in_effect
from stoa.domain.pricing.markup import blended_price
from stoa.domain.pricing.rates import Rates
from stoa.domain.selection.offers import gives_text
from stoa.store.catalogue.tenant_models import TenantModel

SELF_HOSTED = "self_hosted"

_OUTER = {"known_for": "description"}


class ModelMetadata(Struct, frozen=True):
    """The facts of a model's card. `cost_per_1m_tok` is USD per one million tokens; None: no price is known."""

    speed: str
    quality: str
    context_window: int
    cost_per_1m_tok: Decimal | None
    best_for: list[str]


class ModelView(Decisions, frozen=True, kw_only=True):
    """A model with the values that hold for the tenant's members. Prices in USD per one million tokens.

    `base_...` is what the provider asks, `user_...` and `rates` what members pay at present; None: not known, not sold.
    """

    id: str
    is_own: bool
    provider_id: str
    provider_name: str
    provider_model: str
    is_self_hosted: bool
    is_novel: bool
    category: str
    context_window: int
    max_output_tokens: int
    modalities: list[str]
    capabilities: list[str]
    speed: str
    quality: str
    metadata: ModelMetadata
    thinktank_enabled: bool
    lifecycle: str
    family: str | None
    model_class: str | None
    wire: str | None
    thinking: str
    features: list[str]
    refused_parameters: list[str]
    max_input_tokens: int | None
    further_prices: Mapping[str, Any]
    released_on: date | None
    end_announced_on: date | None
    is_servable: bool
    updated_at: datetime
    is_available: bool
    deprecated_at: datetime | None
    successor_id: str | None
    fallback_model_ids: list[str]
    base_input_price: Decimal | None
    base_output_price: Decimal | None
    base_rates: Rates
    user_input_price: Decimal | None
    user_output_price: Decimal | None
    rates: Rates
    is_sold: bool
    registry: Decisions
    overlay: Overlay
    version: int


def outer_name(name: str) -> str:
    """Returns a column's name as the API and the audit log have it."""
    return camel_case(_OUTER.get(name, name))


def view_of(model: TenantModel, now: datetime) -> ModelView:
    """Returns the model with the values that hold beside those of the registry and of the overlay."""
    holds = in_effect(model.registry, model.overlay)
    return ModelView(
        id=model.id,
        display_name=holds.display_name,
        known_for=holds.known_for,
        access_tier=holds.access_tier,
        unlock_price_cents=holds.unlock_price_cents,
        trial_messages=holds.trial_messages,
        display_order=holds.display_order,
        enabled=holds.enabled,
        daily_limit=holds.daily_limit,
        is_own=model.is_own,
        provider_id=model.provider_id,
        provider_name=model.provider_name,
        provider_model=model.provider_model,
        is_self_hosted=model.provider_id == SELF_HOSTED,
        is_novel=model.is_novel,
        category=model.category,
        context_window=model.context_window,
        max_output_tokens=model.max_output_tokens,
        modalities=model.modalities,
        capabilities=model.capabilities,
        speed=model.speed,
        quality=model.quality,
        metadata=_metadata(model),
        thinktank_enabled=model.thinktank_enabled,
        lifecycle=lifecycle(never_offered=model.never_offered, deprecated_at=model.deprecated_at, now=now),
        family=model.family,
        model_class=model.model_class,
        wire=model.wire,
        thinking=model.thinking,
        features=model.features,
        refused_parameters=model.refused_parameters,
        max_input_tokens=model.max_input_tokens,
        further_prices=model.further_prices,
        released_on=model.released_on,
        end_announced_on=model.end_announced_on,
        is_servable=model.is_servable,
        updated_at=model.updated_at,
        is_available=model.is_available,
        deprecated_at=model.deprecated_at,
        successor_id=model.successor_id,
        fallback_model_ids=model.fallback_model_ids or [],
        base_input_price=model.base_input_price,
        base_output_price=model.base_output_price,
        base_rates=model.base_rates,
        user_input_price=model.user_input_price,
        user_output_price=model.user_output_price,
        rates=model.user_rates,
        is_sold=model.user_input_price is not None,
        registry=model.registry,
        overlay=model.overlay,
        version=model.version,
    )


def can_be_used(view: ModelView) -> bool:
    """Returns whether members can use the model: it is offered, has a price, chats and has not ended."""
    chats = view.is_servable and gives_text(view.max_output_tokens, view.capabilities)
    return view.enabled and view.is_sold and chats and view.lifecycle in ("listed", "retiring")


def _metadata(model: TenantModel) -> ModelMetadata:
    cost = model.shown_cost
    if cost is None and model.user_input_price is not None and model.user_output_price is not None:
        cost = blended_price(model.user_input_price, model.user_output_price)
    return ModelMetadata(model.speed, model.quality, model.context_window, cost, model.best_for)
