"""Choices that a member saves: which models may be a default, an override or a favourite, and under which name."""

from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from stoa.domain.catalogue.access import has_ended
from stoa.domain.catalogue.lifecycle import heir_of
from stoa.domain.catalogue.names import is_latest, outer_id, resolved
from stoa.domain.selection.offers import Aliases, Offer


class Choice(Struct, frozen=True):
    """A model that a member names: the id that is kept, or the problem that keeps it from being saved."""

    kept: str
    problem: str | None = None


def chosen(name: str, offers: Mapping[str, Offer], aliases: Aliases, now: datetime) -> Choice:
    """Returns what is kept of a name. `<family>-latest` stays as it is, another spelling becomes our id."""
    model_id = resolved(name, offers, aliases, now)
    offer = offers.get(model_id)
    if offer is None:
        return Choice(name, f"there is no model {name!r}; see GET /api/models")
    if has_ended(offer, now):
        fate = "was never offered by its provider" if offer.facts.never_offered else "was withdrawn by its provider"
        heir = heir_of(offers, model_id, now)
        instead = f"take {outer_id(heir.model_id)!r}" if heir else "choose another model"
        return Choice(name, f"{offer.display_name} {fate}; {instead}")
    if not offer.can_chat:
        return Choice(name, f"{offer.display_name} gives no text answers; choose a model that chats")
    return Choice(name if is_latest(name, offers) else model_id)
