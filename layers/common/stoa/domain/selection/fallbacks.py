"""Orders the models that take over when the chosen model's provider fails."""

from collections.abc import Mapping

from stoa.domain.selection.offers import Candidate, Offer, Snapshot
from stoa.domain.selection.routing import QUALITY_VALUES, suitable

MAXIMUM_FALLBACKS = 3


def ordered_fallbacks(chosen: Candidate, usable: Mapping[str, Candidate], snapshot: Snapshot) -> tuple[Candidate, ...]:
    """At most three usable candidates: those that the tenant named for this model, in its order; then another
    provider's before the same one's, the most alike in quality and price first; the system default last, whenever it is
    usable. `usable` holds no locked model, no trial, and none above the member's limits and ceiling.
    """
    named = named_fallbacks(chosen.offer, usable, snapshot)
    found = (*named, *_alike(chosen, usable, snapshot, {entry.offer.model_id for entry in named}))
    return found[:MAXIMUM_FALLBACKS]


def system_default(usable: Mapping[str, Candidate], snapshot: Snapshot) -> Candidate | None:
    """Returns the first of the installation's or the tenant's default models that may serve the message."""
    return next((usable[model_id] for model_id in snapshot.default_ids if model_id in usable), None)


def named_fallbacks(offer: Offer, usable: Mapping[str, Candidate], snapshot: Snapshot) -> list[Candidate]:
    """Returns the models that the tenant named to stand in for this one and that may serve the message."""
    named = [usable[model_id] for model_id in offer.fallback_ids if model_id in usable]
    return suitable(named, snapshot)


def _alike(
    chosen: Candidate, usable: Mapping[str, Candidate], snapshot: Snapshot, named: set[str]
) -> tuple[Candidate, ...]:
    default = system_default(usable, snapshot)
    default_id = default.offer.model_id if default else None
    excluded = {chosen.offer.model_id, default_id, *named}
    others = [entry for entry in suitable(usable.values(), snapshot) if entry.offer.model_id not in excluded]
    quality = QUALITY_VALUES.get(chosen.offer.quality, 0.0)

    def likeness(entry: Candidate) -> tuple[object, ...]:
        offer = entry.offer
        return (
            offer.provider_id == chosen.offer.provider_id,
            abs(QUALITY_VALUES.get(offer.quality, 0.0) - quality),
            abs(entry.estimated_cost - chosen.estimated_cost),
            offer.display_order,
            offer.model_id,
        )

    others.sort(key=likeness)
    places = MAXIMUM_FALLBACKS - len(named)
    if default is None or default_id in (chosen.offer.model_id, *named):
        return tuple(others[: max(0, places)])
    return (*others[: max(0, places - 1)], default)
