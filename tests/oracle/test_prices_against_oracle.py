"""A million random messages over random timelines: Stoa and the oracle agree on every charge, to the last digit."""

import random
from bisect import bisect_right
from decimal import Decimal
from uuid import UUID

import pytest

from stoa.domain.markup import TokenUsage, charge
from stoa.domain.price_book import BasePrices, Override, PricingConfig
from stoa.domain.timeline import Step, Timeline
from tests.oracle import price_oracle
from tests.oracle.price_oracle import Facts, Oracle
from tests.unit.domain.price_books import HOUR, START, Book, at

HOURS = 240
EDITS = 12
TIMELINES = 250
MESSAGES = 4000  # a timeline


class History:
    """The same random edits, told to both sides."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        grace = self.dice.choice([0, 1, 6, 24, 24, 24, 48])
        self.facts = [Facts((self.price(), self.price()), self.markup(), self.minimum())] * HOURS
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

    def _edit(self, now: int) -> None:
        kind = self.dice.choice(["config", "minimum", "base", "base to come", "override", "dated override", "clear"])
        begins = now if kind in ("config", "minimum", "base", "clear") else self._later(now)
        ends = self._later(begins) + 1 if kind == "dated override" else HOURS
        override = tuple(self.dice.choice([None, make()]) for make in (self.markup, self.price, self.price))
        fresh = Facts((self.price(), self.price()), self.markup(), self.minimum(), override)  # type: ignore[arg-type]
        for hour in range(begins, HOURS):
            old = self.facts[hour]
            base, markup, minimum, own = old.base, old.default_markup, old.minimum, old.override
            if kind == "config":
                markup = fresh.default_markup
            elif kind == "minimum":
                minimum = fresh.minimum
            elif kind.startswith("base"):
                base = fresh.base
            elif kind == "clear" or hour >= ends:
                own = (None, None, None)
            else:
                own = fresh.override
            self.facts[hour] = Facts(base, markup, minimum, own)

    def _later(self, now: int) -> int:
        return min(HOURS - 1, now + self.dice.choice([0, 0, 1, 5, 20, 30, 60]))

    def _tell(self, now: int, first: bool = False) -> None:
        self.oracle.open(self.facts) if first else self.oracle.change(now, self.facts)
        hours = range(now, HOURS)
        self.book.base = Timeline([Step(at(hour), BasePrices(*self.facts[hour].base)) for hour in hours])
        overrides = [(hour, self.facts[hour].override) for hour in hours]
        self.book.overrides = Timeline(
            [Step(at(hour), None if own == (None, None, None) else Override(*own)) for hour, own in overrides]
        )
        present = self.facts[now]
        self.book.config = PricingConfig(present.default_markup, present.default_markup, present.minimum)
        self.book.replan(at(now))


def disagreements(seed: int, messages: int) -> list[str]:
    """Messages of one timeline that the two charge differently."""
    history = History(seed)
    rows = history.book.seen(at(HOURS))
    begins = [row.effective_from for row in rows]
    prices = [row.prices(UUID(int=number + 1)) for number, row in enumerate(rows)]
    in_force = [prices[bisect_right(begins, at(hour)) - 1] for hour in range(HOURS)]
    found = []
    dice = random.Random(-seed)
    for _ in range(messages):
        hour, sent, said = dice.randrange(HOURS), int(dice.expovariate(1 / 2000)), int(dice.expovariate(1 / 500))
        ours = charge(TokenUsage(sent, said), in_force[hour])
        theirs = price_oracle.charge(history.oracle.paid[hour], sent, said)
        if ours != theirs:
            found.append(f"seed {seed}, hour {hour}, {sent} and {said} tokens: {ours} against {theirs}")
    return found


def test_a_million_messages_are_charged_as_the_oracle_does() -> None:
    assert at(0) == START
    found = [line for seed in range(1, TIMELINES + 1) for line in disagreements(seed, MESSAGES)]
    assert found[:5] == []


@pytest.mark.parametrize("seed", [7, 77, 777])
def test_every_hour_has_the_oracles_prices(seed: int) -> None:
    history = History(seed)
    for hour in range(HOURS):
        row = history.book.price_at(at(hour)) if at(hour) <= history.book.edits[-1] else None
        paid = history.oracle.paid[hour]
        if row is not None:
            assert (row.input_price, row.output_price, row.minimum_charge) == paid
