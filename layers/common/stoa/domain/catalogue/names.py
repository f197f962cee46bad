"""Names of models: other spellings, `<family>-latest`, and the models that answer where nobody chose one."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from stoa.domain.catalogue.access import has_ended, is_on_offer
from stoa.domain.catalogue.lifecycle import successors
from stoa.domain.selection.offers import Aliases, Offer

LATEST = "-latest"
TYPED = "~~"  # stands between a tenant's slug and the id that its admin typed; no such id contains it
# The system default moves on so long before its model ends, and nobody meets the end.
DEFAULT_MOVES = timedelta(days=30)


def outer_id(model_id: str) -> str:
    """Returns the id by which people name the model: of a tenant's own the one that its admin typed."""
    return model_id.partition(TYPED)[2] or model_id


def resolved(model_id: str, offers: Mapping[str, Offer], aliases: Aliases, now: datetime) -> str:
    """Returns our id of the model that a name means; a name that nothing is known of is returned as it is.

    A model's own id comes first, then `<family>-latest`, then another spelling. Where several models fit, the first one
    that can answer is meant: the newest of a family, or the first by display order.
    """
    if model_id in offers:
        return model_id
    if model_id.endswith(LATEST):
        family = model_id.removesuffix(LATEST)
        members = [offer for offer in offers.values() if offer.facts.family == family]
        if members:
            return max(
                members, key=lambda offer: (is_on_offer(offer, now), _released(offer), -offer.display_order)
            ).model_id
    fitting = [offers[known] for known in aliases.get(model_id, ()) if known in offers]
    if fitting:
        return max(fitting, key=lambda offer: (is_on_offer(offer, now), -offer.display_order)).model_id
    return model_id


def is_latest(model_id: str, offers: Mapping[str, Offer]) -> bool:
    """Returns whether the name stands for the newest model of a family, whichever that is."""
    family = model_id.removesuffix(LATEST)
    return model_id not in offers and family != model_id and any(o.facts.family == family for o in offers.values())


def default_order(
    listed: Sequence[str], offers: Mapping[str, Offer], aliases: Aliases, now: datetime
) -> tuple[str, ...]:
    """Returns the models that answer where nobody chose one, the first of them first.

    Those of the list that last come in its order. The successors of the others follow.
    """
    named = [resolved(model_id, offers, aliases, now) for model_id in listed]
    known = [offers[model_id] for model_id in named if model_id in offers]
    lasting = [offer.model_id for offer in known if _lasts(offer, now)]
    ending = [offer for offer in known if offer.model_id not in lasting]
    heirs = [heir.model_id for offer in ending for heir in successors(offers, offer.model_id) if _lasts(heir, now)]
    return tuple(dict.fromkeys((*lasting, *heirs)))


def _lasts(offer: Offer, now: datetime) -> bool:
    ends_at = offer.deprecated_at
    usable = offer.enabled and offer.can_chat and offer.prices is not None
    return usable and not has_ended(offer, now) and (ends_at is None or ends_at > now + DEFAULT_MOVES)


def _released(offer: Offer) -> date:
    return offer.facts.released_on or date.min
