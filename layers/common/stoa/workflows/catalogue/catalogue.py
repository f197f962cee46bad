"""The catalogue as a member sees it: what is on offer, under which access, at which price, with which counters."""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from msgspec import Struct

from stoa.core.errors import NotFound
from stoa.core.language import DEFAULT_LANGUAGE
from stoa.domain.catalogue.access import (
    TIER_FREE,
    is_on_offer,
    lifecycle,
    purchase_status,
    standing_access,
    trial_state,
)
from stoa.domain.pricing.markup import blended_price
from stoa.domain.pricing.rates import Rates
from stoa.domain.selection.offers import Offer, PendingPrices, Preferences, Prices
from stoa.domain.selection.quota import next_reset
from stoa.identity.caller import Caller
from stoa.store.selection.snapshots import MemberSnapshot
from stoa.workflows.selection.member_view import load_member_view


class UsageToday(Struct, frozen=True):
    """Messages to one model on the tenant's present day. `limit` None: there is no limit."""

    used: int
    limit: int | None


class PendingPrice(Struct, frozen=True):
    """A price that is announced: USD per 1,000,000 tokens, and USD a message for the minimum."""

    input_price: Decimal
    output_price: Decimal
    rates: Rates
    minimum_charge: Decimal
    effective_from: datetime


class Metadata(Struct, frozen=True):
    """The facts that clients show on a model's card. `cost_per_1m_tok` is USD per 1,000,000 tokens."""

    speed: str
    quality: str
    context_window: int
    cost_per_1m_tok: Decimal
    best_for: tuple[str, ...]


class ListedModel(Struct, frozen=True):
    """A model as the tenant offers it to one member. Prices are USD per 1,000,000 tokens.

    The last four fields read False, `free`, 0 and None for a free model.
    """

    id: str
    display_name: str
    provider_id: str
    provider_name: str
    description: str
    category: str
    is_novel: bool
    is_self_hosted: bool
    context_window: int
    max_output_tokens: int
    modalities: tuple[str, ...]
    capabilities: tuple[str, ...]
    can_chat: bool
    speed: str
    quality: str
    display_order: int
    access_tier: str
    is_available: bool
    is_favorite: bool
    user_input_price: Decimal
    user_output_price: Decimal
    rates: Rates
    minimum_charge: Decimal
    pending_price: PendingPrice | None
    usage_today: UsageToday
    deprecated_at: datetime | None
    successor_id: str | None
    lifecycle: str
    family: str | None
    model_class: str | None
    thinking: str
    features: tuple[str, ...]
    released_on: date | None
    updated_at: datetime | None
    metadata: Metadata
    currency: str
    purchased: bool
    purchase_status: str
    trial_messages_remaining: int
    price_cents: int | None


class StandingChoices(Struct, frozen=True):
    """The choices that settings pages show beside the models."""

    default_model_id: str | None
    persona_overrides: dict[str, str]


class ModelLists(Struct, frozen=True):
    """Everything on offer, free and premium apart, and the member's standing choices."""

    free: list[ListedModel]
    premium: list[ListedModel]
    user_preferences: StandingChoices


class TrialStatus(Struct, frozen=True):
    """The member's free messages on one premium model."""

    trial_messages_remaining: int
    total_trial_messages: int
    can_use_trial: bool


class ModelUsage(Struct, frozen=True):
    """The member's messages to one model on the tenant's present day."""

    messages_used_today: int
    daily_limit: int | None
    limit_reset_at: datetime
    has_unlimited_access: bool


def list_models(caller: Caller) -> ModelLists:
    """Returns everything on offer, and the caller's standing choices."""
    view = load_member_view(caller.database, caller.member, caller.now)
    preferences = view.preferences
    listed = [
        _listed_model(offer, preferences, view, caller)
        for offer in in_order(view.offers.values())
        if is_on_offer(offer, caller.now)
    ]
    return ModelLists(
        free=[model for model in listed if model.access_tier == TIER_FREE],
        premium=[model for model in listed if model.access_tier != TIER_FREE],
        user_preferences=StandingChoices(preferences.default_model_id, dict(preferences.persona_overrides)),
    )


def list_chat_models(caller: Caller) -> list[ListedModel]:
    """Returns what the chat's picker shows: models that answer in text, of the kinds the caller wants to see."""
    view = load_member_view(caller.database, caller.member, caller.now)
    return [
        _listed_model(offer, view.preferences, view, caller)
        for offer in in_order(view.offers.values())
        if is_on_offer(offer, caller.now) and _is_shown(offer, view.preferences)
    ]


def read_trial_status(caller: Caller, model_id: str) -> TrialStatus:
    """Returns the caller's trial on one model. Raises NotFound for a model that is not listed."""
    view = load_member_view(caller.database, caller.member, caller.now)
    trial = trial_state(_listed(view, model_id, caller.now))
    return TrialStatus(trial.remaining, trial.total, trial.can_use)


def read_model_usage(caller: Caller, model_id: str) -> ModelUsage:
    """Returns the caller's messages to one model today. Raises NotFound for a model that is not listed."""
    view = load_member_view(caller.database, caller.member, caller.now)
    offer = _listed(view, model_id, caller.now)
    return ModelUsage(
        messages_used_today=offer.used_today,
        daily_limit=offer.daily_limit,
        limit_reset_at=next_reset(caller.now, view.time_zone),
        has_unlimited_access=offer.daily_limit is None,
    )


def in_order(offers: Iterable[Offer]) -> list[Offer]:
    """Returns the offers standard before novel, then the tenant's order, then by name."""
    return sorted(offers, key=lambda offer: (offer.is_novel, offer.display_order, offer.display_name, offer.model_id))


def _is_shown(offer: Offer, preferences: Preferences) -> bool:
    if not offer.thinktank_enabled:
        return False
    if offer.model_id in preferences.favorite_models:
        return True  # also of a group that the member hides
    if offer.is_self_hosted and not preferences.show_self_hosted_models:
        return False
    return preferences.show_novel_models if offer.is_novel else preferences.show_standard_models


def _listed(view: MemberSnapshot, model_id: str, now: datetime) -> Offer:
    offer = view.named(model_id, now)
    if offer is None or not is_on_offer(offer, now):
        raise NotFound("model")
    return offer


def _listed_model(offer: Offer, preferences: Preferences, view: MemberSnapshot, caller: Caller) -> ListedModel:
    prices, is_premium = offer.prices, offer.access_tier != TIER_FREE
    assert prices is not None  # only models with a price are listed
    return ListedModel(
        id=offer.model_id,
        display_name=offer.display_name,
        provider_id=offer.provider_id,
        provider_name=offer.provider_name,
        description=description_of(offer, caller.language),
        category=offer.category,
        is_novel=offer.is_novel,
        is_self_hosted=offer.is_self_hosted,
        context_window=offer.context_window,
        max_output_tokens=offer.max_output_tokens,
        modalities=offer.modalities,
        capabilities=offer.capabilities,
        can_chat=offer.can_chat,
        speed=offer.speed,
        quality=offer.quality,
        display_order=offer.display_order,
        access_tier=offer.access_tier,
        is_available=offer.healthy,
        is_favorite=offer.model_id in preferences.favorite_models,
        user_input_price=prices.input_price,
        user_output_price=prices.output_price,
        rates=prices.rates,
        minimum_charge=prices.minimum_charge,
        pending_price=None if offer.pending is None else _pending(offer.pending),
        usage_today=UsageToday(offer.used_today, offer.daily_limit),
        deprecated_at=offer.deprecated_at,
        successor_id=offer.successor_id,
        lifecycle=lifecycle(never_offered=offer.facts.never_offered, deprecated_at=offer.deprecated_at, now=caller.now),
        family=offer.facts.family,
        model_class=offer.facts.model_class,
        thinking=offer.facts.thinking,
        features=offer.facts.features,
        released_on=offer.facts.released_on,
        updated_at=offer.facts.updated_at,
        metadata=_metadata(offer, prices, caller.language),
        currency=view.currency,
        purchased=is_premium and standing_access(offer) is not None,
        purchase_status=purchase_status(offer),
        trial_messages_remaining=trial_state(offer).remaining,
        price_cents=offer.unlock_price_cents if is_premium else None,
    )


def _metadata(offer: Offer, prices: Prices, language: str) -> Metadata:
    facts = offer.facts
    return Metadata(
        speed=offer.speed,
        quality=offer.quality,
        context_window=offer.context_window,
        cost_per_1m_tok=facts.shown_cost or blended_price(prices.input_price, prices.output_price),
        best_for=facts.best_for.get(language) or facts.best_for.get(DEFAULT_LANGUAGE, ()),
    )


def description_of(offer: Offer, language: str) -> str:
    """Returns what an admin wrote of the model, else its description in the language, else in English."""
    if offer.own_words is not None:
        return offer.own_words
    described = offer.facts.descriptions
    return described.get(language) or described.get(DEFAULT_LANGUAGE) or offer.known_for


def _pending(pending: PendingPrices) -> PendingPrice:
    prices = pending.prices
    return PendingPrice(
        prices.input_price, prices.output_price, prices.rates, prices.minimum_charge, pending.effective_from
    )
