"""Fields of feeds as pydantic reads their shapes. `stoa.domain.sync.feed` decides which values are possible."""

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from stoa.core.text import made_storable
from stoa.domain.pricing.rates import KINDS, OUTPUT_KINDS, Rates, TokenPrices, rates_of
from stoa.domain.sync.feed import PRICE_LIMIT, FeedProblem

READING = ConfigDict(frozen=True, extra="ignore")
PLACES = Decimal("0.000001")  # as price columns keep them: what is compared later must be what was stored
LONGEST_REASON = 200

# Prices by kind of token, above each threshold of input tokens.
Levels = Mapping[int, Mapping[str, Decimal]]


def _number(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("not a number")
    return Decimal(value)


Number = Annotated[Decimal, Field(allow_inf_nan=True), BeforeValidator(_number)]
Label = Annotated[str, Field(max_length=200)]


def rounded(price: Decimal) -> Decimal:
    """Returns the price to the places that are kept. An impossible price stays as it is, to be reported."""
    if not price.is_finite() or abs(price) >= PRICE_LIMIT:
        return price
    return price.quantize(PLACES, ROUND_HALF_EVEN)


def rates_from(levels: Levels) -> Rates:
    """Returns rates, from the prices of each kind of token above each threshold. Every level names input and output.

    Raises ValueError naming a rate that is impossible.
    """
    filled = []
    for above, prices in sorted(levels.items()):
        costs = {kind: rounded(price) for kind, price in prices.items()}
        plain = {kind: costs["output" if kind in OUTPUT_KINDS else "input"] for kind in KINDS}
        filled.append((above, TokenPrices(**plain | costs)))
    return rates_of(tuple(filled))[2]


def display_name(text: str | None, otherwise: str) -> str:
    """Returns a name that can be shown to people."""
    return " ".join(made_storable(text or "").split())[:200] or otherwise


def problems_of(source: str, entry: str, error: ValueError) -> Iterable[FeedProblem]:
    """Returns the problems that a ValidationError, or a ValueError of a rule, tells of an entry, without its values."""
    if not isinstance(error, ValidationError):
        field, _, reason = str(error).partition(": ")
        return [_problem(source, entry, field, reason)]
    return [
        _problem(source, entry, ".".join(map(str, wrong["loc"])), wrong["msg"].removeprefix("Value error, "))
        for wrong in error.errors()
    ]


def entry_name(*parts: Any) -> str:
    """Returns the name by which problems refer to an entry. Its parts may be anything."""
    return "/".join(made_storable(part)[:100] if isinstance(part, str) and part else "?" for part in parts)


def _problem(source: str, entry: str, field: str, reason: str) -> FeedProblem:
    return FeedProblem(source, entry, field[:100] or None, reason[:LONGEST_REASON])
