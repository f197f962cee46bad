"""A second opinion on prices and charges, written from the rules alone. It shares no code with Stoa, on purpose.

Where Stoa plans rows, the oracle keeps for each hour what a member pays then, as far as is known, and goes through the
hours one by one. Times are whole hours since the beginning; money is Decimal.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal

MILLION = Decimal(1_000_000)
SIX, NINE = Decimal("0.000001"), Decimal("0.000000001")

Triple = tuple[Decimal, Decimal, Decimal]  # input price, output price, minimum charge


@dataclass
class Facts:
    """What prices follow from at one hour. An override's three values may each be missing."""

    base: tuple[Decimal, Decimal]
    default_markup: Decimal
    minimum: Decimal
    override: tuple[Decimal | None, Decimal | None, Decimal | None] = (None, None, None)  # markup, input, output

    def wanted(self) -> Triple:
        """User price = (override of the price, else base price) x (1 + markup)."""
        markup, own_input, own_output = self.override
        factor = 1 + (self.default_markup if markup is None else markup)
        shown = [
            ((theirs if own is None else own) * factor).quantize(SIX, rounding=ROUND_HALF_EVEN)
            for own, theirs in zip((own_input, own_output), self.base, strict=True)
        ]
        return shown[0], shown[1], self.minimum


@dataclass
class Oracle:
    """What members pay at each hour: past hours as they were, later ones as they are announced."""

    hours: int
    grace: int
    paid: list[Triple] = field(default_factory=list)

    def open(self, facts: list[Facts]) -> None:
        """The first prices: nobody was shown any before."""
        self.paid = [facts[0].wanted() for _ in range(self.hours)]
        self.change(0, facts)

    def change(self, now: int, facts: list[Facts]) -> None:
        """At `now` somebody changed what prices follow from; `facts` says what that is at each hour.

        A decrease holds at once. An increase holds when the grace is over, or as soon as an increase as large had been
        announced to come.
        """
        announced = list(self.paid)
        for dimension in range(3):
            present = announced[now][dimension]
            promised = Decimal(-1)
            for hour in range(now, self.hours):
                if hour > now and announced[hour][dimension] > announced[hour - 1][dimension]:
                    promised = max(promised, announced[hour][dimension])
                wish = facts[hour].wanted()[dimension]
                if wish <= present or hour - now >= self.grace or wish <= promised:
                    present = wish
                else:
                    present = max(present, promised)
                self.paid[hour] = (
                    *self.paid[hour][:dimension],
                    present,
                    *self.paid[hour][dimension + 1 :],
                )  # type: ignore[assignment]


def charge(paid: Triple, input_tokens: int, output_tokens: int) -> Decimal:
    """max(minimum charge, sum of tokens x price / 1e6), nine places, half-even, once at the end."""
    tokens = (paid[0] * input_tokens + paid[1] * output_tokens) / MILLION
    return max(paid[2], tokens).quantize(NINE, rounding=ROUND_HALF_EVEN)
