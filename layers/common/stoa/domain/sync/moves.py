"""The moves of a provider's price, in each kind of token and at each size of message."""

from decimal import Decimal
from typing import NamedTuple

from stoa.domain.pricing.rates import TokenPrices, levels_of
from stoa.domain.sync.facts import Price

_HUNDRED = Decimal(100)
_PLACES = Decimal("0.0001")
_PLAIN = ("input", "output")


class Move(NamedTuple):
    """A price before and after, for messages of more than `above_input_tokens`."""

    above_input_tokens: int
    kind: str
    before: Decimal
    after: Decimal

    @property
    def percent(self) -> Decimal | None:
        """The rise (a fall is below 0) in percent of the price before. None: that price was 0."""
        if self.before == 0:
            return None
        return ((self.after - self.before) / self.before * _HUNDRED).quantize(_PLACES)

    @property
    def rises(self) -> bool:
        """True when the price becomes dearer."""
        return self.after > self.before


def price_moves(before: Price, after: Price) -> tuple[Move, ...]:
    """Returns every price that differs. A rate that neither side gives follows input or output and is left out."""
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
    """Returns the move that matters most: the steepest rise, else the deepest fall. A rise from 0 is the steepest."""
    return max(moves, key=lambda move: (move.rises, move.percent is None, abs(move.percent or 0)), default=None)
