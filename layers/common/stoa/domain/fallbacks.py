"""Who takes over, and in which order, when the chosen model's provider fails."""

from collections.abc import Mapping

from stoa.domain.offers import SYSTEM_DEFAULT_MODEL, Candidate, Snapshot
from stoa.domain.routing import QUALITY_VALUES, suitable

MAXIMUM_FALLBACKS = 3


def ordered_fallbacks(chosen: Candidate, usable: Mapping[str, Candidate], snapshot: Snapshot) -> tuple[Candidate, ...]:
    """At most three usable candidates: another provider's before the same one's, then the most alike in quality and
    price; the system default comes last whenever it is usable. `usable` holds no locked model and no trial.
    """
    excluded = {chosen.offer.model_id, SYSTEM_DEFAULT_MODEL}
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
    system_default = usable.get(SYSTEM_DEFAULT_MODEL)
    if system_default is None or chosen.offer.model_id == SYSTEM_DEFAULT_MODEL:
        return tuple(others[:MAXIMUM_FALLBACKS])
    return (*others[: MAXIMUM_FALLBACKS - 1], system_default)
