"""How far a provider's price has moved, in each kind of token and at each size of message."""

from decimal import Decimal
from typing import NamedTuple

from stoa.domain.pricing.rates import TokenPrices, levels_of
from stoa.domain.sync.facts import Price

_HUNDRED = Decimal(100)
_PLACES = Decimal("0.0001")
_PLAIN = ("input", "output")


class Move(NamedTuple):
    """One price before and after, for messages of more than `above_input_tokens`. Percent is None from a price of 0."""

    above_input_tokens: int
    kind: str
    before: Decimal
    after: Decimal

    @property
    def percent(self) -> Decimal | None:
        """How much it rises (falls, below 0) in percent of what it was."""
        if self.before == 0:
            return None
        return ((self.after - self.before) / self.before * _HUNDRED).quantize(_PLACES)

    @property
    def rises(self) -> bool:
        """True when it becomes dearer."""
        return self.after > self.before


def price_moves(before: Price, after: Price) -> tuple[Move, ...]:
    """Every price that differs. A rate that neither side gives moves with input or output and is not told apart."""
    levels = [levels_of(*price) for price in (before, after)]
    given = {kind for price in (before, after) for part in (price.rates, *price.rates.tiers) for kind in part.given()}
    moves = []
    for above in sorted({threshold for level in levels for threshold, _ in level}):
        was, becomes = ([prices for begins, prices in level if begins <= above][-1] for level in levels)
        moves += [
            Move(above, kind, getattr(was, kind), getattr(becomes, kind))
            for kind in TokenPrices._fields
            if (kind in _PLAIN or kind in given) and getattr(was, kind) != getattr(becomes, kind)
        ]
    return tuple(moves)


def greatest(moves: tuple[Move, ...]) -> Move | None:
    """The move that matters most: the steepest rise, else the deepest fall. From 0 is steeper than anything."""
    return max(moves, key=lambda move: (move.rises, move.percent is None, abs(move.percent or 0)), default=None)
