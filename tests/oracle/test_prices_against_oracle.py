"""A million random messages over random timelines: Stoa and the oracle agree on every charge, to the last digit."""

import random
from bisect import bisect_right
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

import pytest

from stoa.domain.pricing.markup import TokenUsage, charge
from stoa.domain.pricing.price_book import BasePrices, Override, PriceRow, PricingConfig
from stoa.domain.pricing.rates import Rates, Tier, token_prices
from stoa.domain.pricing.timeline import Step, Timeline
from tests.oracle import price_oracle
from tests.oracle.price_oracle import ABOVE, LONG, LONGER, SIDE, Facts, Oracle, Paid
from tests.unit.domain.price_books import HOUR, START, Book, at

HOURS = 240
EDITS = 12
TIMELINES = 250
MESSAGES = 4000  # a timeline

# The oracle's words for the kinds of tokens, and Stoa's.
NAMES = {
    "input": "input",
    "output": "output",
    "cached": "cached_input",
    "written": "cache_write",
    "heard": "input_audio",
    "spoken": "output_audio",
}
NO_OVERRIDE = (None, None, None)


class History:
    """Random edits, told to both sides alike. Every other history is of a model that has rates."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.has_rates = seed % 2 == 0
        grace = self.dice.choice([0, 1, 6, 24, 24, 24, 48])
        self.facts = [self._fresh()] * HOURS
        self.oracle = Oracle(HOURS, grace)
        self.book = Book(grace=HOUR * grace)
        self._tell(0, first=True)
        hours = sorted(self.dice.randrange(HOURS) for _ in range(EDITS))
        for hour in hours:
            self._edit(hour)
            self._tell(hour)

    def price(self) -> Decimal:
        if self.dice.random() < 0.1:
            return Decimal(0)
        return Decimal(self.dice.randrange(1, 10 ** self.dice.randrange(1, 9))) / 10**6

    def markup(self) -> Decimal:
        return self.dice.choice(
            [Decimal(0), Decimal("0.4"), Decimal("0.75"), Decimal(self.dice.randrange(10**7)) / 10**6]
        )

    def minimum(self) -> Decimal:
        return self.dice.choice([Decimal(0), Decimal("0.001"), Decimal(self.dice.randrange(10**7)) / 10**9])

    def rates(self, kinds: tuple[str, ...]) -> tuple[tuple[str, Decimal], ...]:
        if not self.has_rates:
            return ()
        return tuple((kind, self.price()) for kind in kinds if self.dice.random() < 0.5)

    def _fresh(self) -> Facts:
        return Facts(
            (self.price(), self.price()),
            self.markup(),
            self.minimum(),
            rates=self.rates(tuple(SIDE)),
            threshold=self.dice.choice([LONGER, LONG]),
            tier=self.rates(tuple(NAMES)),
        )

    def _edit(self, now: int) -> None:
        kind = self.dice.choice(["config", "minimum", "base", "base to come", "override", "dated override", "clear"])
        begins = now if kind in ("config", "minimum", "base", "clear") else self._later(now)
        ends = self._later(begins) + 1 if kind == "dated override" else HOURS
        override = tuple(self.dice.choice([None, make()]) for make in (self.markup, self.price, self.price))
        fresh = self._fresh()
        changes = {
            "config": {"default_markup": fresh.default_markup},
            "minimum": {"minimum": fresh.minimum},
            "base": {name: getattr(fresh, name) for name in ("base", "rates", "threshold", "tier")},
            "clear": {"override": NO_OVERRIDE},
        }
        for hour in range(begins, HOURS):
            if kind in ("override", "dated override"):
                given = {"override": override if hour < ends else NO_OVERRIDE}
            else:
                given = changes[kind.partition(" ")[0]]
            self.facts[hour] = replace(self.facts[hour], **given)

    def _later(self, now: int) -> int:
        return min(HOURS - 1, now + self.dice.choice([0, 0, 1, 5, 20, 30, 60]))

    def _tell(self, now: int, first: bool = False) -> None:
        self.oracle.open(self.facts) if first else self.oracle.change(now, self.facts)
        # Only where something changes: Stoa would make the same of every hour told apart, and take long.
        hours = [hour for hour in range(now, HOURS) if hour == now or self.facts[hour] != self.facts[hour - 1]]
        self.book.base = Timeline([Step(at(hour), base_of(self.facts[hour])) for hour in hours])
        overrides = [(hour, self.facts[hour].override) for hour in hours]
        self.book.overrides = Timeline(
            [Step(at(hour), None if own == NO_OVERRIDE else Override(*own)) for hour, own in overrides]
        )
        present = self.facts[now]
        self.book.config = PricingConfig(present.default_markup, present.default_markup, present.minimum)
        self.book.replan(at(now))


def base_of(facts: Facts) -> BasePrices:
    """Returns the provider's prices as Stoa takes them."""
    tier = {NAMES[kind]: price for kind, price in facts.tier}
    tiers = (Tier(above_input_tokens=facts.threshold, **tier),) if tier else ()
    return BasePrices(*facts.base, Rates(**{NAMES[kind]: price for kind, price in facts.rates}, tiers=tiers))


def some_tokens(dice: random.Random) -> dict[str, int]:
    """Returns a message's tokens by the oracle's kinds: input and output as a whole, and parts of them."""
    sent, said = int(dice.expovariate(1 / 2000)), int(dice.expovariate(1 / 500))
    cuts = sorted(dice.randrange(sent + 1) for _ in range(3))
    return {
        "input": sent,
        "output": said,
        "cached": cuts[0],
        "written": cuts[1] - cuts[0],
        "heard": cuts[2] - cuts[1],
        "spoken": dice.randrange(said + 1),
    }


def disagreements(seed: int, messages: int) -> list[str]:
    """Returns the messages of one timeline that the two charge differently."""
    history = History(seed)
    rows = history.book.seen(at(HOURS))
    begins = [row.effective_from for row in rows]
    prices = [row.prices(UUID(int=number + 1)) for number, row in enumerate(rows)]
    in_force = [prices[bisect_right(begins, at(hour)) - 1] for hour in range(HOURS)]
    found = []
    dice = random.Random(-seed)
    for _ in range(messages):
        hour, tokens = dice.randrange(HOURS), some_tokens(dice)
        usage = TokenUsage(**{f"{NAMES[kind]}_tokens": count for kind, count in tokens.items()})
        ours = charge(usage, in_force[hour])
        theirs = price_oracle.charge(history.oracle.paid[hour], tokens)
        if ours != theirs:
            found.append(f"seed {seed}, hour {hour}, {tokens}: {ours} against {theirs}")
    return found


@pytest.mark.no_cover  # it takes several times as long when each line is watched
def test_a_million_messages_are_charged_as_the_oracle_does() -> None:
    assert at(0) == START
    found = [line for seed in range(1, TIMELINES + 1) for line in disagreements(seed, MESSAGES)]
    assert found[:5] == []


@pytest.mark.parametrize("seed", [7, 8, 77, 88, 777, 888])
def test_every_hour_has_the_oracles_prices(seed: int) -> None:
    history = History(seed)
    for hour in range(HOURS):
        row = history.book.price_at(at(hour)) if at(hour) <= history.book.edits[-1] else None
        if row is not None:
            assert spread_out(row) == history.oracle.paid[hour]


def spread_out(row: PriceRow) -> Paid:
    """Returns a row in the oracle's order."""
    shown = []
    for above in ABOVE:
        prices = token_prices(row.input_price, row.output_price, row.rates, above + 1)
        shown += [getattr(prices, NAMES[kind]) for kind in NAMES]
    return (*shown, row.minimum_charge)
