"""Whether one model may serve one message: is it on offer, may the member use it, does anything stand in the way."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from stoa.domain.catalogue.access import standing_access
from stoa.domain.chat.context import input_limit, output_budget, turn_tokens
from stoa.domain.pricing.markup import NOTHING, estimate
from stoa.domain.selection.offers import ACCESS_TEAM, ACCESS_TRIAL, Candidate, Offer, Prices, Snapshot
from stoa.domain.selection.quota import limit_reached
from stoa.domain.selection.refusals import Refusal, cost_limit_exceeded, input_too_long, rate_limit_exceeded

# What an answer is expected to take when its cost is estimated: some 375 words of English, a typical chat answer;
# models that think first are billed for the thinking. Never more than the budget that the client asked for.
EXPECTED_OUTPUT_TOKENS = 500
EXPECTED_THINKING_OUTPUT_TOKENS = 2000


class Need(NamedTuple):
    """Holds what one message asks of any model, worked out once per selection. Tokens are estimates."""

    now: datetime
    limit_resets_at: datetime
    fixed_tokens: int  # message and system prompt: what cannot be dropped
    input_tokens: int  # all of it, history included
    max_output_tokens: int | None
    ceiling: Decimal | None  # USD per message


def need_of(snapshot: Snapshot) -> Need:
    """Returns the message's need, from the snapshot."""
    request = snapshot.request
    message_tokens = turn_tokens(request.content)
    fixed_tokens = message_tokens + request.system_tokens
    return Need(
        now=snapshot.now,
        limit_resets_at=snapshot.limit_resets_at,
        fixed_tokens=fixed_tokens,
        input_tokens=max(fixed_tokens, message_tokens + request.context_tokens),
        max_output_tokens=request.max_output_tokens,
        ceiling=snapshot.preferences.max_cost_per_message,
    )


def unavailability(offer: Offer, now: datetime) -> str | None:
    """Returns why this model serves nobody at `now`, as the end of "X is ...". None: it is on offer."""
    if not offer.enabled:
        return "disabled"
    if offer.facts.never_offered:
        return "not on offer from its provider"
    if offer.deprecated_at is not None and offer.deprecated_at <= now:
        return f"retired since {offer.deprecated_at:%Y-%m-%d}"
    if not offer.healthy:
        return "not answering at the moment"
    return "without a price" if offer.prices is None else None


def estimated_cost(offer: Offer, prices: Prices, need: Need) -> Decimal:
    """Returns about what the message would be charged with this model, USD. History beyond the window is not sent."""
    return estimate(prices, *expected_tokens(offer, need))


def expected_tokens(offer: Offer, need: Need) -> tuple[int, int]:
    """Returns about how many tokens of input and output the message would take with this model."""
    budget = output_budget(offer, need.max_output_tokens)
    expected = EXPECTED_THINKING_OUTPUT_TOKENS if offer.thinks_first else EXPECTED_OUTPUT_TOKENS
    return min(need.input_tokens, offer.context_window - budget), min(expected, budget)


def candidate(offer: Offer, prices: Prices, access: str, need: Need) -> Candidate:
    """Returns the model as a candidate under this access. A trial message costs nothing."""
    cost = NOTHING if access == ACCESS_TRIAL else estimated_cost(offer, prices, need)
    tokens = sum(expected_tokens(offer, need)) if access == ACCESS_TEAM else 0
    return Candidate(offer, prices, access, cost, tokens)


def obstacle(possible: Candidate, need: Need) -> Refusal | None:
    """Returns what keeps a model that the member may use from serving: daily limit, length or the cost ceiling."""
    offer = possible.offer
    if offer.daily_limit is not None and limit_reached(offer.daily_limit, offer.used_today):
        return rate_limit_exceeded(offer, limit=offer.daily_limit, reset_at=need.limit_resets_at, now=need.now)
    limit = input_limit(offer, need.max_output_tokens)
    if need.fixed_tokens > limit:
        return input_too_long(offer, limit=limit, estimate=need.fixed_tokens)
    if need.ceiling is not None and possible.estimated_cost > need.ceiling:
        return cost_limit_exceeded(offer, estimate=possible.estimated_cost, ceiling=need.ceiling)
    return None


def permitted(offer: Offer, need: Need) -> Candidate | None:
    """Returns the model as a candidate if it is on offer and open to the member without a trial."""
    access = standing_access(offer)
    if access is None or offer.prices is None or unavailability(offer, need.now) is not None or not offer.can_chat:
        return None
    return candidate(offer, offer.prices, access, need)


def usable_candidates(offers: Mapping[str, Offer], need: Need) -> dict[str, Candidate]:
    """Returns every model that may serve the message without being asked for by name: never locked, never on trial."""
    usable = {}
    for model_id, offer in offers.items():
        possible = permitted(offer, need)
        if possible is not None and obstacle(possible, need) is None:
            usable[model_id] = possible
    return usable
