"""Auto, the router ("Brain"): scores the usable models for a message and says in words why one won.

Every model gets five signals from 0 to 1; a row of weights per kind of task sums them. Models that are unhealthy,
locked, at their limit or over the cost ceiling are not among the candidates at all.
"""

import math
from collections.abc import Collection
from typing import NamedTuple

from stoa.domain.catalogue.access import is_closing
from stoa.domain.chat.context import input_limit
from stoa.domain.selection.offers import Candidate, Offer, Preferences, Snapshot
from stoa.domain.selection.task_features import (
    KIND_CODE,
    KIND_CREATIVE,
    KIND_EXPERT,
    KIND_GENERAL,
    KIND_LANGUAGES,
    KIND_LONG,
    KIND_MATHS,
    KIND_SHORT,
    TaskFeatures,
    features_of,
)


class Weights(NamedTuple):
    """The weight of each signal. Only their ratios matter."""

    capability: float
    quality: float
    speed: float
    price: float
    room: float


# fmt: off
WEIGHTS = {              # capability  quality  speed  price   room
    KIND_CODE:      Weights(      5.0,     2.0,   1.5,   1.5,   0.5),
    KIND_MATHS:     Weights(      5.0,     3.0,   0.5,   1.0,   0.5),
    KIND_EXPERT:    Weights(      2.0,     6.0,   0.5,   1.0,   0.5),
    KIND_CREATIVE:  Weights(      2.0,     4.0,   1.0,   1.5,   0.5),
    KIND_LANGUAGES: Weights(      3.0,     3.0,   1.0,   1.5,   0.5),
    KIND_LONG:      Weights(      1.5,     2.0,   1.0,   2.0,   3.0),
    KIND_SHORT:     Weights(      2.0,     0.5,   3.0,   3.0,   0.5),
    KIND_GENERAL:   Weights(      2.0,     2.0,   2.0,   2.0,   1.0),
}

# How well a capability serves a kind of task; a model counts by its best one.
CAPABILITY_VALUES = {
    KIND_CODE: {"code_generation": 1.0, "code_review": 1.0, "code": 0.8, "reasoning": 0.4, "chat": 0.2},
    KIND_MATHS: {"math": 1.0, "extended_thinking": 1.0, "chain_of_thought": 0.9, "reasoning": 0.6, "analysis": 0.4},
    KIND_EXPERT: {"analysis": 1.0, "reasoning": 0.8, "data_analysis": 0.8, "citations": 0.7, "chat": 0.4},
    KIND_CREATIVE: {"chat": 1.0, "reasoning": 0.3},
    KIND_LANGUAGES: {"multilingual": 1.0, "chat": 0.6, "reasoning": 0.5},
    KIND_LONG: {"massive_context": 1.0, "long_context": 1.0, "analysis": 0.8, "chat": 0.6, "reasoning": 0.6},
    KIND_SHORT: {"chat": 1.0, "reasoning": 0.3},
    KIND_GENERAL: {"chat": 1.0, "analysis": 0.8, "reasoning": 0.7},
}
# fmt: on

QUALITY_VALUES = {"good": 0.0, "excellent": 0.6, "exceptional": 1.0}
SPEED_VALUES = {"slower": 0.0, "standard": 0.35, "fast": 0.75, "fastest": 1.0}

NOVEL_PENALTY = 0.3  # an experimental model has to be clearly better
NEAR_TIE = 0.05  # share of the best score within which a member who prefers cheap gets the cheaper model
CHEAP_COST = 0.001  # USD: at or below it a message counts as free of worry, a thousand times that as dear
CALLED_CHEAP = 0.75  # the price signal of a message of about half a cent


class Scored(NamedTuple):
    """A candidate with its score and the two signals that its reason is worded from."""

    candidate: Candidate
    score: float
    capability: float
    price: float


def route(snapshot: Snapshot, usable: Collection[Candidate], input_tokens: int) -> tuple[Candidate, str] | None:
    """Returns the candidate that suits the message best and why, in words; None when Auto may pick none of them.

    `usable` holds no locked model and no trial (see eligibility); models whose group the member hides are passed over.
    """
    features = features_of(snapshot.request, input_tokens)
    pool = suitable(usable, snapshot)
    if not pool:
        return None
    rooms = [_room(candidate, snapshot.request.max_output_tokens, input_tokens) for candidate in pool]
    any_roomy = any(rooms)
    scored = [
        score(candidate, features.kind, room)
        for candidate, room in zip(pool, rooms, strict=True)
        if room or not any_roomy  # history is dropped only where no model could take all of it
    ]
    best = _best(scored, prefer_cheap=snapshot.preferences.prefer_cost_optimization)
    return best.candidate, _reason(best, features)


def suitable(usable: Collection[Candidate], snapshot: Snapshot) -> list[Candidate]:
    """Returns those that take the message's attachments, do not end soon, and whose group the member has not hidden."""
    attachments = frozenset(snapshot.request.attachments)
    preferences = snapshot.preferences
    return [
        candidate
        for candidate in usable
        if _is_shown(candidate.offer, preferences)
        and attachments.issubset(candidate.offer.modalities)
        and not is_closing(candidate.offer, snapshot.now)
    ]


def score(candidate: Candidate, kind: str, room: float) -> Scored:
    """Returns the weighted sum of the candidate's signals for this kind of task."""
    offer = candidate.offer
    weights = WEIGHTS[kind]
    values = CAPABILITY_VALUES[kind]
    capability = max((values.get(name, 0.0) for name in offer.capabilities), default=0.0)
    price = _cheapness(candidate)
    total = (
        weights.capability * capability
        + weights.quality * QUALITY_VALUES.get(offer.quality, 0.0)
        + weights.speed * SPEED_VALUES.get(offer.speed, 0.0)
        + weights.price * price
        + weights.room * room
    )
    return Scored(candidate, total - NOVEL_PENALTY if offer.is_novel else total, capability, price)


def _best(scored: list[Scored], *, prefer_cheap: bool) -> Scored:
    """Returns the highest score, ties to the cheaper. If cheap is preferred: the cheapest of those nearly as good."""
    highest = max(entry.score for entry in scored)
    if prefer_cheap:
        near = [entry for entry in scored if entry.score >= highest - abs(highest) * NEAR_TIE]
        return min(near, key=lambda entry: (entry.candidate.estimated_cost, -entry.score, *_order(entry)))
    return min(scored, key=lambda entry: (-entry.score, entry.candidate.estimated_cost, *_order(entry)))


def _order(entry: Scored) -> tuple[int, str]:
    return entry.candidate.offer.display_order, entry.candidate.offer.model_id


def _is_shown(offer: Offer, preferences: Preferences) -> bool:
    """False for a model of a group that the member hides from the list: Auto does not bring it back."""
    if offer.is_self_hosted:
        return preferences.show_self_hosted_models
    return preferences.show_novel_models if offer.is_novel else preferences.show_standard_models


def _room(candidate: Candidate, max_output_tokens: int | None, input_tokens: int) -> float:
    """Returns the share of the window left free by all that would be sent; 0 when history would have to be dropped."""
    return max(0.0, 1 - input_tokens / input_limit(candidate.offer, max_output_tokens))


def _cheapness(candidate: Candidate) -> float:
    """1 at a tenth of a cent or less per message, 0 at a dollar or more, logarithmic between. Only for comparing."""
    cost = float(candidate.estimated_cost)  # a float is enough to rank by; no money is computed from it
    return 1.0 if cost <= CHEAP_COST else max(0.0, 1 - math.log10(cost / CHEAP_COST) / 3)


def _reason(best: Scored, features: TaskFeatures) -> str:
    """Such as "Auto chose Codestral: the message contains code; capable, fast and cheap."."""
    offer = best.candidate.offer
    traits = []
    if best.capability >= 0.7:
        traits.append("capable")
    if offer.quality in ("excellent", "exceptional"):
        traits.append(f"{offer.quality} in quality")
    if offer.speed in ("fast", "fastest"):
        traits.append("fast")
    if best.price >= CALLED_CHEAP:
        traits.append("cheap")
    if features.kind == KIND_LONG:
        traits.append("with room for all of it")
    words = " and ".join(filter(None, (", ".join(traits[:-1]), traits[-1]))) if traits else "the best of those usable"
    return f"Auto chose {offer.display_name}: {features.because}; {words}."
