"""The agreement of two independent sources on a model's prices."""

from decimal import Decimal
from typing import Literal

from stoa.domain.pricing.rates import Rates, TokenPrices, token_prices
from stoa.domain.sync.feed import FeedModel

Agreement = Literal["agreed", "differs", "only_one"]

# Sources round in their own ways: 0.333333 and 0.33 are one price.
TOLERANCE = Decimal("0.01")
_ALWAYS = frozenset({"input", "output"})


def agreement(first: FeedModel | None, second: FeedModel | None, tolerance: Decimal = TOLERANCE) -> Agreement:
    """Returns whether both sources give the same prices, within `tolerance` as a part of the larger price.

    Input and output must be the same above the thresholds of either source. Thresholds may be a little apart, too: a
    source says "from 200,000 tokens", the other "above". A tier that only one source knows is not confirmed.
    Other rates are compared where both sources give them, since no source records all of them.
    `only_one` means that one of the two has no prices.
    """
    if first is None or second is None:
        return "only_one"
    thresholds = {0} | {tier.above_input_tokens for tier in (*first.rates.tiers, *second.rates.tiers)}
    compared = _ALWAYS | (_named(first.rates) & _named(second.rates))
    for above in thresholds:
        tokens = int(above * (1 + tolerance)) + 1
        mine, theirs = _prices_at(first, tokens), _prices_at(second, tokens)
        if mine is None or theirs is None:
            return "only_one"
        if not all(_near(getattr(mine, kind), getattr(theirs, kind), tolerance) for kind in compared):
            return "differs"
    return "agreed"


def _prices_at(model: FeedModel, input_tokens: int) -> TokenPrices | None:
    if model.input_price is None or model.output_price is None:
        return None
    return token_prices(model.input_price, model.output_price, model.rates, input_tokens)


def _named(rates: Rates) -> frozenset[str]:
    return frozenset(kind for part in (rates, *rates.tiers) for kind in part.given())


def _near(one: Decimal, other: Decimal, tolerance: Decimal) -> bool:
    return abs(one - other) <= tolerance * max(one, other)
