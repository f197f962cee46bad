"""A second opinion on prices and charges, written from the rules alone. It shares no code with Stoa, on purpose.

Where Stoa plans rows, the oracle keeps for each hour what a member pays then, as far as is known, and goes through the
hours one by one. Where Stoa keeps rates and tiers, the oracle keeps a plain table: the price of each kind of token in
short, longer and long messages. Times are whole hours since the beginning; money is Decimal.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

MILLION = Decimal(1_000_000)
SIX, NINE = Decimal("0.000001"), Decimal("0.000000001")

KINDS = ("input", "output", "cached", "written", "heard", "spoken")
SIDE = {"cached": "input", "written": "input", "heard": "input", "spoken": "output"}
LONGER, LONG = 1000, 4000  # messages of more input tokens than these
ABOVE = (0, LONGER, LONG)

# The price of each kind in messages above each of ABOVE, in that order, and then the minimum charge.
Paid = tuple[Decimal, ...]
MINIMUM = len(ABOVE) * len(KINDS)


@dataclass(frozen=True)
class Facts:
    """Facts that prices follow from at one hour. An override's three values may each be missing.

    `rates` are the provider's prices of other kinds, `tier` what it asks instead above `threshold`.
    """

    base: tuple[Decimal, Decimal]
    default_markup: Decimal
    minimum: Decimal
    override: tuple[Decimal | None, Decimal | None, Decimal | None] = (None, None, None)  # markup, input, output
    rates: tuple[tuple[str, Decimal], ...] = ()
    threshold: int = LONG
    tier: tuple[tuple[str, Decimal], ...] = ()

    def wanted(self) -> Paid:
        """Returns (override of the price, else base price) x (1 + markup), and rates in proportion."""
        markup, own_input, own_output = self.override
        factor = 1 + (self.default_markup if markup is None else markup)
        own, theirs = {"input": own_input, "output": own_output}, dict(zip(KINDS, self.base, strict=False))
        ratio = {side: Fraction(factor) for side in own}
        for side, price in own.items():
            if price is not None and theirs[side] != 0:
                ratio[side] *= Fraction(price) / Fraction(theirs[side])
        first = {
            side: rounded(Fraction(theirs[side] if own[side] is None else own[side]) * Fraction(factor)) for side in own
        }
        shown: list[Decimal] = []
        for above in ABOVE:
            asked = dict(self.rates)
            if above >= self.threshold:
                asked.update(self.tier)
            for kind in KINDS:
                side = SIDE.get(kind, kind)
                if kind in asked:
                    shown.append(rounded(Fraction(asked[kind]) * ratio[side]))
                elif side in asked:
                    shown.append(rounded(Fraction(asked[side]) * ratio[side]))
                else:
                    shown.append(first[side])
        return (*shown, self.minimum)


def rounded(price: Fraction) -> Decimal:
    """Rounds to six places, half-even."""
    return Decimal(round(price * 1_000_000)) / 1_000_000


@dataclass
class Oracle:
    """Prices that members pay at each hour: past hours as they were, later ones as they are announced."""

    hours: int
    grace: int
    paid: list[Paid] = field(default_factory=list)
    _known: dict[Facts, Paid] = field(default_factory=dict)

    def open(self, facts: list[Facts]) -> None:
        """Sets the first prices. Nobody was shown any before."""
        self.paid = [facts[0].wanted() for _ in range(self.hours)]
        self.change(0, facts)

    def change(self, now: int, facts: list[Facts]) -> None:
        """Follows a change at `now`. `facts` says what prices follow from at each hour.

        A decrease holds at once. An increase holds when the grace is over, or as soon as an increase as large had been
        announced to come.
        """
        announced = list(self.paid)
        wishes = [self._wanted(facts[hour]) for hour in range(now, self.hours)]
        columns: list[list[Decimal]] = []
        for dimension in range(MINIMUM + 1):
            present = announced[now][dimension]
            promised = Decimal(-1)
            column: list[Decimal] = []
            for hour in range(now, self.hours):
                if hour > now and announced[hour][dimension] > announced[hour - 1][dimension]:
                    promised = max(promised, announced[hour][dimension])
                wish = wishes[hour - now][dimension]
                if wish <= present or hour - now >= self.grace or wish <= promised:
                    present = wish
                else:
                    present = max(present, promised)
                column.append(present)
            columns.append(column)
        self.paid[now:] = zip(*columns, strict=True)

    def _wanted(self, facts: Facts) -> Paid:
        if facts not in self._known:
            self._known[facts] = facts.wanted()
        return self._known[facts]


def charge(paid: Paid, tokens: dict[str, int]) -> Decimal:
    """Returns max(minimum charge, sum of tokens x price / 1e6), nine places, half-even, once at the end.

    `tokens` has the whole of input and output, and of these the parts of other kinds.
    """
    place = max(number for number, above in enumerate(ABOVE) if number == 0 or tokens["input"] > above)
    prices = dict(zip(KINDS, paid[place * len(KINDS) :], strict=False))
    total = sum((prices[kind] * tokens[kind] for kind in KINDS), Decimal(0))
    # The parts were counted as input or output, too.
    total -= sum((prices[side] * tokens[kind] for kind, side in SIDE.items()), Decimal(0))
    return max(paid[MINIMUM], total / MILLION).quantize(NINE, rounding=ROUND_HALF_EVEN)
