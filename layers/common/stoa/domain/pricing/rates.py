"""Rates of tokens that are not plain input or output: read from a cache, written to one, audio, images.

Rates are USD per 1,000,000 tokens, like prices, and are the exceptions from a model's two prices: a kind without a rate
of its own costs as input (or output) does. Tiers hold the rates of messages with more input tokens than a threshold.
The whole message is then charged at the tier's rates, not only the tokens above the threshold, and tokens that were
read from a cache count towards it: https://ai.google.dev/gemini-api/docs/pricing ("prompts > 200k"),
https://docs.anthropic.com/en/docs/about-claude/pricing ("Long context pricing").
A kind that a tier does not name costs what it costs below the tier.
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import Struct

Levels = tuple[tuple[int, "TokenPrices"], ...]


class TokenPrices(NamedTuple):
    """Prices of each kind of token in one message, USD per 1,000,000."""

    input: Decimal
    output: Decimal
    cached_input: Decimal
    cache_write: Decimal
    input_audio: Decimal
    output_audio: Decimal
    input_image: Decimal
    output_image: Decimal


KINDS = TokenPrices._fields
OUTPUT_KINDS = frozenset(kind for kind in KINDS if kind.startswith("output"))


class _Given(Struct, frozen=True, kw_only=True):
    """Rates by kind of token. None: there is none. Raises ValueError for a rate that is no price."""

    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    input_audio: Decimal | None = None
    output_audio: Decimal | None = None
    input_image: Decimal | None = None
    output_image: Decimal | None = None

    def __post_init__(self) -> None:
        for kind, rate in self.given().items():
            if not isinstance(rate, Decimal) or not rate.is_finite() or rate < 0:
                raise ValueError(f"{kind}: a rate is a decimal number of at least 0, not {rate}")

    def given(self) -> dict[str, Decimal]:
        """Returns the rates there are, by kind of token."""
        return {kind: rate for kind in KINDS if (rate := getattr(self, kind, None)) is not None}

    def to_json(self) -> dict[str, Any]:
        """Returns decimal strings by kind, only those there are."""
        return {kind: format(rate.normalize(), "f") for kind, rate in self.given().items()}


class Tier(_Given, frozen=True, kw_only=True):
    """Rates of messages of more than `above_input_tokens`. A tier may also name input and output themselves."""

    above_input_tokens: int
    input: Decimal | None = None
    output: Decimal | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if type(self.above_input_tokens) is not int or self.above_input_tokens < 1:
            raise ValueError("above_input_tokens: a tier begins above a whole number of tokens, at least 1")
        if not self.given():
            raise ValueError(f"tiers: the tier above {self.above_input_tokens} tokens names no rate")

    def to_json(self) -> dict[str, Any]:
        """Returns the threshold, and decimal strings by kind."""
        return {"above_input_tokens": self.above_input_tokens, **super().to_json()}


class Rates(_Given, frozen=True, kw_only=True):
    """Rates of a model beside its input and output price. Tiers are in the order of their thresholds."""

    tiers: tuple[Tier, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        thresholds = [tier.above_input_tokens for tier in self.tiers]
        if thresholds != sorted(set(thresholds)):
            raise ValueError("tiers: thresholds rise from one tier to the next")

    def __bool__(self) -> bool:
        """Returns False where everything costs as input and output do."""
        return self is not NO_RATES and self != NO_RATES

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Rates":
        """Returns the rates from the form of `to_json`. Raises ValueError naming a field that is unknown or no rate."""
        if not stored:
            return NO_RATES
        values = dict(stored)
        tiers = values.pop("tiers", [])
        if not isinstance(tiers, list | tuple) or not all(isinstance(tier, Mapping) for tier in tiers):
            raise ValueError("tiers: send a list of tiers")
        return cls(**_numbers(cls, values), tiers=tuple(_tier(tier) for tier in tiers))

    def to_json(self) -> dict[str, Any]:
        """Returns decimal strings by kind, and the tiers, only those there are. {} is no rates."""
        tiers = {"tiers": [tier.to_json() for tier in self.tiers]} if self.tiers else {}
        return {**super().to_json(), **tiers}

    def highest(self) -> Decimal:
        """Returns the largest rate of all, to compare with a limit. 0 where there is none."""
        return max((rate for part in (self, *self.tiers) for rate in part.given().values()), default=Decimal(0))


NO_RATES = Rates()


def token_prices(input_price: Decimal, output_price: Decimal, rates: Rates, input_tokens: int) -> TokenPrices:
    """Returns the price of each kind in a message of so many input tokens, cached ones included."""
    given = rates.given()
    for tier in rates.tiers:
        if input_tokens > tier.above_input_tokens:
            given |= tier.given()
    return _filled(input_price, output_price, given)


def levels_of(input_price: Decimal, output_price: Decimal, rates: Rates) -> Levels:
    """Returns thresholds with the prices of messages above them, from 0 on, each unlike the last.

    Two ways to write the same prices have the same levels.
    """
    given = rates.given()
    levels = [(0, _filled(input_price, output_price, given))]
    for tier in rates.tiers:
        given |= tier.given()
        levels.append((tier.above_input_tokens, _filled(input_price, output_price, given)))
    return _without_repeats(levels)


def combined(one: Levels, other: Levels, pick: Callable[[Decimal, Decimal], Decimal]) -> Levels:
    """Returns the levels in which each price is picked from the two, at every threshold of either."""
    thresholds = sorted({above for above, _ in (*one, *other)})
    picked = [(above, TokenPrices(*map(pick, _at(one, above), _at(other, above)))) for above in thresholds]
    return _without_repeats(picked)


def rates_of(levels: Levels) -> tuple[Decimal, Decimal, Rates]:
    """Returns the input price, output price and rates that make these levels: the inverse of `levels_of`."""
    (_, first), *higher = levels
    known = {"input": first.input, "output": first.output}
    untiered = _differing(first, known)
    tiers = tuple(Tier(above_input_tokens=above, **_differing(prices, known)) for above, prices in higher)
    return first.input, first.output, Rates(**untiered, tiers=tiers) if untiered or tiers else NO_RATES


def scaled(
    rates: Rates, scale_input: Callable[[Decimal], Decimal], scale_output: Callable[[Decimal], Decimal]
) -> Rates:
    """Returns the rates with each one put through the function of its side."""

    def each(part: _Given) -> dict[str, Any]:
        given = part.given().items()
        return {kind: (scale_output if kind in OUTPUT_KINDS else scale_input)(rate) for kind, rate in given}

    tiers = tuple(Tier(above_input_tokens=tier.above_input_tokens, **each(tier)) for tier in rates.tiers)
    return Rates(**each(rates), tiers=tiers) if rates else NO_RATES


def _filled(input_price: Decimal, output_price: Decimal, given: Mapping[str, Decimal]) -> TokenPrices:
    plain_input, plain_output = given.get("input", input_price), given.get("output", output_price)
    return TokenPrices(*(given.get(kind, plain_output if kind in OUTPUT_KINDS else plain_input) for kind in KINDS))


def _differing(prices: TokenPrices, known: dict[str, Decimal]) -> dict[str, Any]:
    """Returns the prices to name, where those in `known` were named below, and adds them to `known`."""
    named = {
        kind: price for kind, price in prices._asdict().items() if kind in ("input", "output") and price != known[kind]
    }
    known |= named
    for kind, price in prices._asdict().items():
        follows = known["output" if kind in OUTPUT_KINDS else "input"]
        if price != known.get(kind, follows):
            named[kind] = known[kind] = price
    return named


def _without_repeats(levels: list[tuple[int, TokenPrices]]) -> Levels:
    return tuple(level for place, level in enumerate(levels) if place == 0 or level[1] != levels[place - 1][1])


def _at(levels: Levels, above: int) -> TokenPrices:
    return [prices for begins, prices in levels if begins <= above][-1]


def _tier(stored: Mapping[str, Any]) -> Tier:
    values = dict(stored)
    above = values.pop("above_input_tokens", None)
    return Tier(above_input_tokens=above, **_numbers(Tier, values))


def _numbers(made: type[_Given], values: Mapping[str, Any]) -> dict[str, Any]:
    known = set(made.__struct_fields__) & set(KINDS)
    for kind, value in values.items():
        if kind not in known:
            raise ValueError(f"{kind}: there is no such rate")
        if not isinstance(value, str | int | Decimal) or isinstance(value, bool):
            raise ValueError(f"{kind}: send a decimal number as a string")
    return {kind: _decimal(kind, value) for kind, value in values.items()}


def _decimal(kind: str, value: str | int | Decimal) -> Decimal:
    try:
        return Decimal(value)
    except ArithmeticError:
        raise ValueError(f"{kind}: {value!r} is no decimal number") from None
