"""Rules for the end of a model: the warnings before it, and the successor for members who chose it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from stoa.domain.catalogue.access import has_ended, standing_access
from stoa.domain.catalogue.model_facts import class_distance
from stoa.domain.selection.offers import Offer, Preferences

# Days before the end at which a member gets a mail. A member who chooses the model later gets the next of these.
WARNING_DAYS = (30, 7)
FIRST_WARNING = timedelta(days=max(WARNING_DAYS))


class Retirement(Struct, frozen=True):
    """A model that a member chose, its end, and its heir (None: there is no successor that the member may use)."""

    offer: Offer
    ends_at: datetime
    heir: Offer | None


def retires_at(offer: Offer, now: datetime) -> datetime | None:
    """Returns the announced end of a model that still answers."""
    return offer.deprecated_at if offer.deprecated_at is not None and offer.deprecated_at > now else None


def chosen_models(preferences: Preferences) -> frozenset[str]:
    """Returns every model that a member's preferences name."""
    overrides = (*preferences.persona_overrides.values(), *preferences.domain_overrides.values())
    default = (preferences.default_model_id,) if preferences.default_model_id else ()
    return frozenset((*default, *overrides, *preferences.favorite_models))


def named_successors(offers: Mapping[str, Offer], model_id: str) -> Iterator[Offer]:
    """Yields the chain of named successors, which may be a circle."""
    seen = {model_id}
    following = offers[model_id].successor_id
    while following is not None and following in offers and following not in seen:
        yield offers[following]
        seen.add(following)
        following = offers[following].successor_id


def successors(offers: Mapping[str, Offer], model_id: str) -> Iterator[Offer]:
    """Yields the models that may follow one that has ended, the likeliest first: the chain of named successors, then
    the other models of its provider, those of the nearest class first.
    """
    ended = offers[model_id]
    seen = {model_id}
    for offer in named_successors(offers, model_id):
        seen.add(offer.model_id)
        yield offer
    others = [one for one in offers.values() if one.provider_id == ended.provider_id and one.model_id not in seen]

    def likeness(other: Offer) -> tuple[int, bool, int, str]:
        distance = class_distance(ended.facts.model_class, other.facts.model_class)
        return distance, other.deprecated_at is not None, other.display_order, other.model_id

    yield from sorted(others, key=likeness)


def heir_of(offers: Mapping[str, Offer], model_id: str, at: datetime) -> Offer | None:
    """Returns the first successor that this member may use at `at`.

    A locked model is never the heir: a choice moved there would be refused, or use up trials, where the rules of
    selection find another model.
    """
    for offer in successors(offers, model_id):
        usable = offer.enabled and offer.can_chat and offer.prices is not None and not has_ended(offer, at)
        if usable and standing_access(offer):
            return offer
    return None


def retirements(
    offers: Mapping[str, Offer],
    preferences: Preferences,
    now: datetime,
    within: timedelta = FIRST_WARNING,
    *,
    scheduled: Iterable[str] = (),
) -> list[Retirement]:
    """Returns the models that a member chose, in preferences or for scheduled prompts, and that have ended or will end
    `within` that time, the first end first."""
    found = []
    for model_id in chosen_models(preferences).union(scheduled):
        offer = offers.get(model_id)
        if offer is not None and offer.deprecated_at is not None and offer.deprecated_at <= now + within:
            heir = heir_of(offers, model_id, max(now, offer.deprecated_at))
            found.append(Retirement(offer, offer.deprecated_at, heir))
    return sorted(found, key=lambda one: (one.ends_at, one.offer.model_id))


def warning_due(ends_at: datetime, now: datetime) -> int | None:
    """Returns the last warning that is due, by its number of days. None: before the first one, and after the end."""
    left = ends_at - now
    return min((days for days in WARNING_DAYS if timedelta() < left <= timedelta(days=days)), default=None)


def moved_choices(preferences: Preferences, heirs: Mapping[str, str]) -> dict[str, Any]:
    """Returns the preferences that change, by column, when each model that is a key gives way to its value."""

    def new(choices: Mapping[str, str]) -> dict[str, str]:
        return {key: heirs.get(model_id, model_id) for key, model_id in choices.items()}

    default = preferences.default_model_id
    after = {
        "default_model_id": heirs.get(default, default) if default is not None else None,
        "persona_overrides": new(preferences.persona_overrides),
        "domain_overrides": new(preferences.domain_overrides),
        "favorite_models": list(dict.fromkeys(heirs.get(one, one) for one in preferences.favorite_models)),
    }
    before = columns(preferences)
    return {name: value for name, value in after.items() if value != before[name]}


def columns(preferences: Preferences) -> dict[str, Any]:
    """Returns the preferences that name models, by column."""
    return {
        "default_model_id": preferences.default_model_id,
        "persona_overrides": dict(preferences.persona_overrides),
        "domain_overrides": dict(preferences.domain_overrides),
        "favorite_models": list(preferences.favorite_models),
    }
