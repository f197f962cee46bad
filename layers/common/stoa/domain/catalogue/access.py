"""Access of a member to a model, and the catalogue's words for it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from stoa.domain.selection.offers import ACCESS_ENTITLED, ACCESS_FREE, ACCESS_TEAM, Offer

TIER_FREE = "free"
CLOSING = timedelta(days=60)
SOURCE_PURCHASE = "purchase"
SOURCE_TEAM = "team"


class TrialState(NamedTuple):
    """Free messages of one member on one premium model."""

    total: int
    remaining: int
    can_use: bool  # False as soon as the member may use the model anyway, or has none left


def has_ended(offer: Offer, now: datetime) -> bool:
    """Returns whether the provider withdrew the model, or never had one of this name."""
    return offer.facts.never_offered or (offer.deprecated_at is not None and offer.deprecated_at <= now)


def is_closing(offer: Offer, now: datetime) -> bool:
    """Returns whether the model ends so soon that only those who have it keep it."""
    return has_ended(offer, now) or (offer.deprecated_at is not None and offer.deprecated_at <= now + CLOSING)


def lifecycle(*, never_offered: bool, deprecated_at: datetime | None, now: datetime) -> str:
    """Returns a model's place in its life: listed, retiring, retired or never_offered."""
    if never_offered:
        return "never_offered"
    if deprecated_at is None:
        return "listed"
    return "retired" if deprecated_at <= now else "retiring"


def is_on_offer(offer: Offer, now: datetime) -> bool:
    """Returns whether members see the model. A model that fails at the moment is still on offer.

    One whose provider refuses our key, or does not know it, is not. One that ends soon is shown to those who have it.
    """
    if not (offer.enabled and offer.reachable and offer.can_chat) or offer.prices is None:
        return False
    return not has_ended(offer, now) and (not is_closing(offer, now) or standing_access(offer) is not None)


def standing_access(offer: Offer) -> str | None:
    """Returns the access that needs no trial: free, entitled or team. None: the model is locked for this member."""
    if offer.access_tier == TIER_FREE:
        return ACCESS_FREE
    if offer.entitlement_source is None:
        return None
    return ACCESS_TEAM if offer.entitlement_source == SOURCE_TEAM else ACCESS_ENTITLED


def purchase_status(offer: Offer) -> str:
    """Returns a word for the catalogue: free, purchased, granted, team, trial, trial_expired or locked."""
    access = standing_access(offer)
    if access == ACCESS_ENTITLED:
        return "purchased" if offer.entitlement_source == SOURCE_PURCHASE else "granted"
    if access is not None:
        return access
    if offer.trials_remaining:
        return "trial"
    return "trial_expired" if offer.trial_messages else "locked"


def trial_state(offer: Offer) -> TrialState:
    """Returns the member's trial on this model. A free model has none."""
    if offer.access_tier == TIER_FREE:
        return TrialState(total=0, remaining=0, can_use=False)
    remaining = offer.trials_remaining
    can_use = remaining > 0 and standing_access(offer) is None
    return TrialState(total=offer.trial_messages, remaining=remaining, can_use=can_use)
