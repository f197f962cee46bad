"""The selection: one snapshot in, one decision or refusal out. Never recursive, no I/O (rules: Selection).

Whose choice it was decides what happens when it cannot be had. A choice of the member's own (request, persona and
domain override, default model) is served, by a trial if need be, or refused with the reason, so that the member is
told. A choice of the tenant's, a favourite or a substitute that is locked, used up or too dear is passed over.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from stoa.domain.catalogue.access import has_ended, is_closing, standing_access
from stoa.domain.catalogue.lifecycle import named_successors, successors
from stoa.domain.catalogue.names import resolved
from stoa.domain.selection.eligibility import (
    Need,
    candidate,
    need_of,
    obstacle,
    permitted,
    unavailability,
    usable_candidates,
)
from stoa.domain.selection.fallbacks import named_fallbacks, ordered_fallbacks, system_default
from stoa.domain.selection.offers import (
    ACCESS_FREE,
    ACCESS_TRIAL,
    Candidate,
    Decision,
    Offer,
    Snapshot,
)
from stoa.domain.selection.refusals import Refusal, model_cannot_chat, model_locked, model_not_found, no_model_available
from stoa.domain.selection.routing import route

AUTO = "auto"  # stands wherever a model id may, and as a selection mode

RULE_REQUEST = "request"
RULE_PERSONA_OVERRIDE = "persona_override"
RULE_DOMAIN_OVERRIDE = "domain_override"
RULE_DEFAULT_MODEL = "default_model"
RULE_FAVORITE = "favorite"
RULE_AUTO = "auto"
RULE_DOMAIN_DEFAULT = "domain_default"
RULE_FOCUS_DEFAULT = "focus_default"
RULE_SYSTEM_DEFAULT = "system_default"
RULE_FORCED_SYSTEM_DEFAULT = "forced_system_default"
RULE_FALLBACK = "fallback"
RULE_SUCCESSOR = "successor"
RULE_CHEAPEST_FREE = "cheapest_free"

MEMBERS_OWN_RULES = frozenset({RULE_REQUEST, RULE_PERSONA_OVERRIDE, RULE_DOMAIN_OVERRIDE, RULE_DEFAULT_MODEL})
# Here nobody named the model that was chosen.
UNASKED_RULES = frozenset({RULE_AUTO, RULE_SYSTEM_DEFAULT, RULE_FORCED_SYSTEM_DEFAULT, RULE_CHEAPEST_FREE})

REASONS = {
    RULE_REQUEST: "You asked for {model}.",
    RULE_PERSONA_OVERRIDE: "{model} is your choice for this persona.",
    RULE_DOMAIN_OVERRIDE: "{model} is your choice for the {domain} domain.",
    RULE_DEFAULT_MODEL: "{model} is your default model.",
    RULE_FAVORITE: "{model} is your first usable favourite.",
    RULE_DOMAIN_DEFAULT: "{model} is your organisation's choice for the {domain} domain.",
    RULE_FOCUS_DEFAULT: "{model} is your organisation's choice for the {focus} mode.",
    RULE_SYSTEM_DEFAULT: "{model} answers, the system default.",
    RULE_FORCED_SYSTEM_DEFAULT: "Your organisation sends every message to the system default, {model}, for now.",
    RULE_FALLBACK: "{model} answers, your organisation's choice to stand in for it.",
    RULE_SUCCESSOR: "{model} answers, its successor.",
    RULE_CHEAPEST_FREE: "{model} answers, the cheapest free model.",
}


class Choice(NamedTuple):
    """A rule that applies to this message, and the model id (or `auto`) that it names."""

    rule: str
    model_id: str


class Selection(NamedTuple):
    """Holds what every rule reads: the snapshot, what the message needs, and the models that may serve it unasked."""

    snapshot: Snapshot
    need: Need
    usable: Mapping[str, Candidate]


def select(snapshot: Snapshot) -> Decision | Refusal:
    """Returns the model that serves the message, by which rule and why, or what stands in the way of it."""
    need = need_of(snapshot)
    selection = Selection(snapshot, need, usable_candidates(snapshot.offers, need))
    if snapshot.force_system_default:
        return _forced(selection)
    gone: str | None = None  # the first standing choice of the member's own that leads nowhere any more
    for choice in _choices(snapshot):
        outcome = _serve(choice, selection)
        if outcome is not None:
            return _telling(gone, outcome, selection)
        if gone is None and choice.rule in MEMBERS_OWN_RULES:
            gone = choice.model_id
    return _telling(gone, _last_resort(selection), selection)


def _choices(snapshot: Snapshot) -> Iterator[Choice]:
    """Yields the rules that apply, with our ids of the models that they name, first to last."""
    for rule, named in _named(snapshot):
        yield Choice(rule, resolved(named, snapshot.offers, snapshot.aliases, snapshot.now))


def _named(snapshot: Snapshot) -> Iterator[tuple[str, str]]:
    """Yields the rules that apply, with the models as they are named. The system default is left when none decides."""
    request, preferences, modes = snapshot.request, snapshot.preferences, snapshot.modes
    if request.model_id:
        yield (RULE_REQUEST, request.model_id)
    for_persona = preferences.persona_overrides.get(request.persona_id or "")
    if for_persona:
        yield (RULE_PERSONA_OVERRIDE, for_persona)
    for_domain = preferences.domain_overrides.get(request.domain_mode or "")
    if for_domain:
        yield (RULE_DOMAIN_OVERRIDE, for_domain)
    if preferences.selection_mode == "auto":
        yield (RULE_AUTO, AUTO)
    elif preferences.selection_mode == "favorites":
        for model_id in preferences.favorite_models:
            yield (RULE_FAVORITE, model_id)
    elif preferences.default_model_id:
        yield (RULE_DEFAULT_MODEL, preferences.default_model_id)
    if modes.domain_default:
        yield (RULE_DOMAIN_DEFAULT, modes.domain_default)
    if modes.focus_default:
        yield (RULE_FOCUS_DEFAULT, modes.focus_default)


def _serve(choice: Choice, selection: Selection) -> Decision | Refusal | None:
    """Returns what the choice leads to. None: it is passed over, and the next rule decides."""
    own = choice.rule in MEMBERS_OWN_RULES
    if choice.model_id == AUTO:
        # Who asks for Auto by name never lands on a later rule, where a trial might be spent.
        return _by_auto(selection) or (_last_resort(selection) if own else None)
    offer = selection.snapshot.offers.get(choice.model_id)
    if own:
        return _serve_own(choice, offer, selection)
    usable = selection.usable.get(choice.model_id)
    if usable is not None:
        return _decide(usable, choice.rule, selection)
    if offer is None or choice.rule == RULE_FAVORITE or unavailability(offer, selection.need.now) is None:
        return None
    return _by_stand_in(offer, selection)


def _serve_own(choice: Choice, offer: Offer | None, selection: Selection) -> Decision | Refusal | None:
    """Returns the member's own choice: served, refused with the reason, or substituted when nobody can have it now.

    A standing choice that does not exist any more, or cannot chat, is passed over; by request it is refused.
    """
    if offer is None:
        return model_not_found(choice.model_id) if choice.rule == RULE_REQUEST else None
    if not offer.can_chat and not has_ended(offer, selection.need.now):
        return model_cannot_chat(offer) if choice.rule == RULE_REQUEST else None
    if offer.prices is None or unavailability(offer, selection.need.now) is not None:
        return _by_stand_in(offer, selection) or _last_resort(selection, asked=offer.model_id)
    access = standing_access(offer)
    if access is None and (offer.trials_remaining == 0 or is_closing(offer, selection.need.now)):
        return model_locked(offer, selection.snapshot.currency)
    chosen = candidate(offer, offer.prices, access or ACCESS_TRIAL, selection.need)
    return obstacle(chosen, selection.need) or _decide(chosen, choice.rule, selection)


def taken_over(decision: Decision, fallback: Candidate, reason: str) -> Decision:
    """Returns the decision after its model, and the fallbacks before this one, have failed."""
    asked = None if decision.rule in UNASKED_RULES else decision.chosen.offer.model_id
    left = decision.fallbacks[decision.fallbacks.index(fallback) + 1 :]
    return Decision(fallback, RULE_FALLBACK, reason, decision.requested_model_id or asked, left)


def _by_auto(selection: Selection) -> Decision | None:
    """Returns the router's pick among the usable models; None when there is none for it."""
    routed = route(selection.snapshot, selection.usable.values(), selection.need.input_tokens)
    if routed is None:
        return None
    chosen, reason = routed
    fallbacks = ordered_fallbacks(chosen, selection.usable, selection.snapshot)
    return Decision(chosen, RULE_AUTO, reason, None, fallbacks)


def _by_stand_in(offer: Offer, selection: Selection) -> Decision | None:
    """Returns the stand-in that the tenant named for a model in trouble, else its successor."""
    named = [] if offer.healthy else named_fallbacks(offer, selection.usable, selection.snapshot)
    if named:
        return _decide(named[0], RULE_FALLBACK, selection, asked=offer.model_id)
    return _by_successor(offer, selection)


def _by_successor(offer: Offer, selection: Selection) -> Decision | None:
    """Returns the first usable model that may follow this one: where it has ended, also another of its provider."""
    following = successors if has_ended(offer, selection.need.now) else named_successors
    for follower in following(selection.snapshot.offers, offer.model_id):
        usable = selection.usable.get(follower.model_id)
        if usable is not None:
            return _decide(usable, RULE_SUCCESSOR, selection, asked=offer.model_id)
    return None


def _forced(selection: Selection) -> Decision | Refusal:
    """Answers by the system default, with no other model behind it, because the tenant's switch is on."""
    usable = system_default(selection.usable, selection.snapshot)
    outcome: Decision | Refusal
    if usable is None:
        outcome = _last_resort(selection)
    else:
        reason = _words(RULE_FORCED_SYSTEM_DEFAULT, usable.offer, selection.snapshot)
        outcome = Decision(usable, RULE_FORCED_SYSTEM_DEFAULT, reason)
    asked = next((choice.model_id for choice in _choices(selection.snapshot) if choice.model_id != AUTO), None)
    if isinstance(outcome, Refusal) or asked == outcome.chosen.offer.model_id:
        return outcome
    return replace(outcome, requested_model_id=asked)


def _last_resort(selection: Selection, asked: str | None = None) -> Decision | Refusal:
    """Returns the system default, else the cheapest enabled free model, else the refusal that says most."""
    usable = system_default(selection.usable, selection.snapshot)
    if usable is not None:
        return _decide(usable, RULE_SYSTEM_DEFAULT, selection, asked=asked)
    free = [entry for entry in selection.usable.values() if entry.access == ACCESS_FREE]
    if free:
        return _decide(min(free, key=_cheapest_first), RULE_CHEAPEST_FREE, selection, asked=asked)
    return _nothing_left(selection)


def _nothing_left(selection: Selection) -> Refusal:
    """Returns why even the last resort fails: a limit, length or ceiling that the member can act on, else 503."""
    need = selection.need
    possible = [entry for offer in selection.snapshot.offers.values() if (entry := permitted(offer, need))]
    free = [entry for entry in possible if entry.access == ACCESS_FREE]
    defaults = selection.snapshot.default_ids
    free.sort(key=lambda entry: (entry.offer.model_id not in defaults[:1], *_cheapest_first(entry)))
    return next(filter(None, (obstacle(entry, need) for entry in free)), None) or no_model_available()


def _cheapest_first(entry: Candidate) -> tuple[object, ...]:
    return entry.estimated_cost, entry.offer.display_order, entry.offer.model_id


def _decide(chosen: Candidate, rule: str, selection: Selection, *, asked: str | None = None) -> Decision:
    """Returns the decision with its reason in words and its fallbacks; `asked` is the model that it stands in for."""
    snapshot = selection.snapshot
    reason = _words(rule, chosen.offer, snapshot)
    if chosen.access == ACCESS_TRIAL:
        reason += f" This takes one of the {chosen.offer.trials_remaining} trial messages left on it."
    decision = Decision(chosen, rule, reason, None, ordered_fallbacks(chosen, selection.usable, snapshot))
    return decision if asked is None else _instead_of(asked, decision, selection)


def _words(rule: str, offer: Offer, snapshot: Snapshot) -> str:
    request = snapshot.request
    return REASONS[rule].format(model=offer.display_name, domain=request.domain_mode, focus=request.focus_mode)


def _telling(gone: str | None, outcome: Decision | Refusal, selection: Selection) -> Decision | Refusal:
    """Returns the outcome, with word of the member's standing choice that was passed over before it."""
    if gone is None or isinstance(outcome, Refusal):
        return outcome
    return _instead_of(gone, outcome, selection)


def _instead_of(asked: str, decision: Decision, selection: Selection) -> Decision:
    """Returns the decision, telling what was asked for and why that does not answer."""
    offer = selection.snapshot.offers.get(asked)
    if offer is None:
        fate = f"{asked} was asked for and does not exist any more."
    else:
        why = unavailability(offer, selection.need.now) or "not able to chat"
        fate = f"{offer.display_name} was asked for and is {why}."
    return replace(decision, requested_model_id=asked, reason=f"{fate} {decision.reason}")
