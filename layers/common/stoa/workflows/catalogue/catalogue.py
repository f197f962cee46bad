"""The catalogue as a member sees it: what is on offer, under which access, at which price, with which counters."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from stoa.core.errors import NotFound
from stoa.core.text import iso
from stoa.database.pool import Database
from stoa.domain.catalogue.access import TIER_FREE, is_on_offer, purchase_status, standing_access, trial_state
from stoa.domain.pricing.markup import money_text
from stoa.domain.selection.offers import Offer, PendingPrices, Preferences
from stoa.domain.selection.quota import next_reset
from stoa.identity.members import Member
from stoa.store.selection.snapshots import MemberSnapshot
from stoa.workflows.pricing.rate_view import rates_view
from stoa.workflows.selection.member_view import load_member_view


def list_models(database: Database, member: Member, now: datetime) -> dict[str, Any]:
    """Everything on offer, free and premium apart, with the choices that settings pages show beside it."""
    view = load_member_view(database, member, now)
    preferences = view.preferences
    offers = [offer for offer in in_order(view.offers.values()) if is_on_offer(offer, now)]
    return {
        "free": [_model(offer, preferences) for offer in offers if offer.access_tier == TIER_FREE],
        "premium": [
            {**_model(offer, preferences), **_premium(offer)} for offer in offers if offer.access_tier != TIER_FREE
        ],
        "userPreferences": {
            "defaultModelId": preferences.default_model_id,
            "personaOverrides": preferences.persona_overrides,
        },
    }


def list_chat_models(database: Database, member: Member, now: datetime) -> list[dict[str, Any]]:
    """What the chat's model picker shows: models that answer in text, of the kinds the member wants to see."""
    view = load_member_view(database, member, now)
    return [
        {**_model(offer, view.preferences), **_premium(offer)}
        for offer in in_order(view.offers.values())
        if is_on_offer(offer, now) and offer.can_chat and _is_shown(offer, view.preferences)
    ]


def read_trial_status(database: Database, member: Member, model_id: str, now: datetime) -> dict[str, Any]:
    """The member's trial on one model. Raises NotFound for a model that is not listed."""
    trial = trial_state(_listed(load_member_view(database, member, now), model_id, now))
    return {
        "trialMessagesRemaining": trial.remaining,
        "totalTrialMessages": trial.total,
        "canUseTrial": trial.can_use,
    }


def read_model_usage(database: Database, member: Member, model_id: str, now: datetime) -> dict[str, Any]:
    """The member's messages to one model on the tenant's present day. Raises NotFound for one that is not listed."""
    view = load_member_view(database, member, now)
    offer = _listed(view, model_id, now)
    return {
        "messagesUsedToday": offer.used_today,
        "dailyLimit": offer.daily_limit,
        "limitResetAt": iso(next_reset(now, view.time_zone)),
        "hasUnlimitedAccess": offer.daily_limit is None,
    }


def in_order(offers: Iterable[Offer]) -> list[Offer]:
    """Standard before novel, then the tenant's order, then by name."""
    return sorted(offers, key=lambda offer: (offer.is_novel, offer.display_order, offer.display_name, offer.model_id))


def _is_shown(offer: Offer, preferences: Preferences) -> bool:
    if offer.is_self_hosted and not preferences.show_self_hosted_models:
        return False
    return preferences.show_novel_models if offer.is_novel else preferences.show_standard_models


def _listed(view: MemberSnapshot, model_id: str, now: datetime) -> Offer:
    offer = view.offers.get(model_id)
    if offer is None or not is_on_offer(offer, now):
        raise NotFound("model")
    return offer


def _model(offer: Offer, preferences: Preferences) -> dict[str, Any]:
    prices = offer.prices
    assert prices is not None  # only models with a price are listed
    return {
        "id": offer.model_id,
        "displayName": offer.display_name,
        "providerId": offer.provider_id,
        "providerName": offer.provider_name,
        "description": offer.known_for,
        "category": offer.category,
        "isNovel": offer.is_novel,
        "isSelfHosted": offer.is_self_hosted,
        "contextWindow": offer.context_window,
        "maxOutputTokens": offer.max_output_tokens,
        "modalities": offer.modalities,
        "capabilities": offer.capabilities,
        "canChat": offer.can_chat,
        "speed": offer.speed,
        "quality": offer.quality,
        "displayOrder": offer.display_order,
        "accessTier": offer.access_tier,
        "isAvailable": offer.healthy,
        "isFavorite": offer.model_id in preferences.favorite_models,
        "userInputPrice": prices.input_price,
        "userOutputPrice": prices.output_price,
        "rates": rates_view(prices.rates),
        "minimumCharge": money_text(prices.minimum_charge),
        "pendingPrice": offer.pending and _pending(offer.pending),
        "usageToday": {"used": offer.used_today, "limit": offer.daily_limit},
        "deprecatedAt": offer.deprecated_at and iso(offer.deprecated_at),
        "successorId": offer.successor_id,
    }


def _pending(pending: PendingPrices) -> dict[str, Any]:
    return {
        "inputPrice": pending.prices.input_price,
        "outputPrice": pending.prices.output_price,
        "rates": rates_view(pending.prices.rates),
        "minimumCharge": money_text(pending.prices.minimum_charge),
        "effectiveFrom": iso(pending.effective_from),
    }


def _premium(offer: Offer) -> dict[str, Any]:
    return {
        "purchased": offer.access_tier != TIER_FREE and standing_access(offer) is not None,
        "purchaseStatus": purchase_status(offer),
        "trialMessagesRemaining": trial_state(offer).remaining,
        "priceCents": None if offer.access_tier == TIER_FREE else offer.unlock_price_cents,
    }
