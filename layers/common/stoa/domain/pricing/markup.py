"""Money: the charge of a member for tokens, and the provider's price of them.

Prices are USD per 1,000,000 tokens, rounded to 6 places. Charges are USD, rounded to 9 places. Both are rounded
half-even and once, at the end. A price that is not known is an error and never reads as 0.
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from msgspec import Struct

from stoa.core.errors import FieldProblem, InvalidFields, StoaError
from stoa.domain.pricing.rates import Rates, token_prices
from stoa.domain.selection.offers import ACCESS_TRIAL, Prices

PRICE_PLACES = Decimal("0.000001")
CHARGE_PLACES = Decimal("0.000000001")
MAXIMUM_MARKUP = Decimal(10)
NOTHING = Decimal(0)
# Fields of a TokenUsage and columns of the ledger: the kinds of tokens that may have a rate of their own.
PARTS = (
    "cached_input_tokens",
    "cache_write_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_audio_tokens",
    "output_image_tokens",
)
_PER_MILLION = -6  # a power of ten, because moving the point is exact where a division might not be


class UnknownPrice(StoaError):
    """A price is missing or is no usable number. An admin has to set it. Nothing is billed."""

    def __init__(self, which: str) -> None:
        super().__init__("PRICE_UNKNOWN", f"Set the {which} of this model before it is sold.")


class TokenUsage(Struct, frozen=True):
    """Tokens of one message as the provider counted them, or as we estimated them where it did not.

    The kinds that may have rates of their own are parts of `input_tokens` or `output_tokens`, not additions to them,
    and no token is in two of them. Raises ValueError when a count is negative or the parts are more than the whole.
    """

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    input_audio_tokens: int = 0
    input_image_tokens: int = 0
    output_audio_tokens: int = 0
    output_image_tokens: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        if min(self.input_tokens, self.output_tokens, *(getattr(self, part) for part in PARTS)) < 0:
            raise ValueError("Token counts cannot be negative.")
        if self.plain_input_tokens < 0 or self.plain_output_tokens < 0:
            raise ValueError("Parts of the tokens cannot be more than all of them.")

    @classmethod
    def counted(cls, input_tokens: int, output_tokens: int, parts: Mapping[str, int | None]) -> "TokenUsage":
        """Returns the tokens that a provider counted, by the names of `PARTS`. None: it said nothing of that part.

        Providers count some tokens in two parts, such as audio that was read from the cache. Each is counted once, in
        the first part of `PARTS` that has it, and no part is larger than what is left of the whole.
        """
        left = {"input": input_tokens, "output": output_tokens}
        fitted: dict[str, Any] = {}
        for part in PARTS:
            side = "output" if part.startswith("output") else "input"
            fitted[part] = min(parts.get(part) or 0, left[side])
            left[side] -= fitted[part]
        return cls(input_tokens, output_tokens, **fitted)

    @property
    def plain_input_tokens(self) -> int:
        """Input tokens that are in no other part."""
        others = self.cached_input_tokens + self.cache_write_tokens + self.input_audio_tokens + self.input_image_tokens
        return self.input_tokens - others

    @property
    def plain_output_tokens(self) -> int:
        """Output tokens that are in no other part."""
        return self.output_tokens - self.output_audio_tokens - self.output_image_tokens


def check_markup(markup: Decimal, path: str = "markup") -> Decimal:
    """Returns the markup as given, a fraction from 0 to 10 (0.4 is 40 %).

    Raises InvalidFields otherwise, with a hint when the number looks like a percentage.
    """
    if markup.is_finite() and 0 <= markup <= MAXIMUM_MARKUP:
        return markup
    reason = "Send a fraction from 0 to 10, such as 0.4 for 40 %."
    if markup.is_finite() and markup > MAXIMUM_MARKUP:
        fraction = format(markup.scaleb(-2), "f")
        reason = f"{markup} looks like a percentage: send the fraction {fraction} for {markup} %."
    raise InvalidFields([FieldProblem(path, reason)])


def markup_from_percent(percent: Decimal, path: str = "markup") -> Decimal:
    """Returns a markup sent in percent (40) as the fraction that all rules use (0.4). 0 is a markup.

    Raises InvalidFields outside 0 to 1000, and with a hint when the number looks like a fraction.
    """
    if percent.is_finite() and 0 < percent < 1:
        hint = format((percent * 100).normalize(), "f")
        raise InvalidFields([FieldProblem(path, f"{percent} looks like a fraction: send {hint} for {hint} %.")])
    if not percent.is_finite() or not 0 <= percent <= MAXIMUM_MARKUP * 100:
        raise InvalidFields([FieldProblem(path, "Send a percentage from 0 to 1000, such as 40 for 40 %.")])
    return percent.scaleb(-2)


def effective_markup(override: Decimal | None, default: Decimal) -> Decimal:
    """Returns the override's markup where one is set, else the tenant's default. Zero is set. Only None is not."""
    return check_markup(default if override is None else override)


def user_price(base: Decimal | None, markup: Decimal, override: Decimal | None = None) -> Decimal:
    """Returns (override of the price, else base price) x (1 + markup), USD per 1,000,000 tokens, 6 places.

    Raises UnknownPrice when neither price is known, InvalidFields when the markup is not a fraction from 0 to 10.
    """
    price = known_price(base if override is None else override, "base price")
    return (price * (1 + check_markup(markup))).quantize(PRICE_PLACES, ROUND_HALF_EVEN)


def known_price(price: Decimal | None, which: str) -> Decimal:
    """Returns the price itself. Raises UnknownPrice when it is missing, negative or not a number."""
    if price is None or not price.is_finite() or price < 0:
        raise UnknownPrice(which)
    return price


def charge(usage: TokenUsage, prices: Prices | None) -> Decimal:
    """Returns the member's charge: max(minimum charge, sum of tokens x user price or rate / 1e6), USD, 9 places.

    Raises UnknownPrice without a price row.
    """
    if prices is None:
        raise UnknownPrice("price")
    return _charged(_token_sum(usage, prices.input_price, prices.output_price, prices.rates), prices)


def charge_for(access: str, usage: TokenUsage, prices: Prices | None) -> Decimal:
    """Returns the charge under this access. Trial messages are free, and the ledger line then says `trial`."""
    return NOTHING if access == ACCESS_TRIAL else charge(usage, prices)


def estimate(prices: Prices | None, input_tokens: int, output_tokens: int) -> Decimal:
    """Returns the charge of a message of so many plain input and output tokens, USD, 9 places.

    Raises UnknownPrice without a price row.
    """
    if prices is None:
        raise UnknownPrice("price")
    input_price, output_price = prices.input_price, prices.output_price
    if prices.rates.tiers:
        input_price, output_price, *_ = token_prices(input_price, output_price, prices.rates, input_tokens)
    return _charged(_plain_sum(input_tokens, input_price, output_tokens, output_price), prices)


def provider_cost(usage: TokenUsage, prices: Prices | None) -> Decimal:
    """Returns the provider's cost of the message: base prices and rates, no minimum charge, USD, 9 places.

    Raises UnknownPrice without a price row.
    """
    if prices is None:
        raise UnknownPrice("base price")
    cost = _token_sum(usage, prices.base_input_price, prices.base_output_price, prices.base_rates)
    return cost.quantize(CHARGE_PLACES, ROUND_HALF_EVEN)


def blended_price(input_price: Decimal, output_price: Decimal) -> Decimal:
    """Returns one price to compare models by: three parts input to one part output, USD per 1,000,000 tokens."""
    return ((3 * input_price + output_price) / 4).quantize(PRICE_PLACES, ROUND_HALF_EVEN).normalize()


def money_text(amount: Decimal) -> str:
    """Returns the exact amount as text, never in scientific notation (`str` would write 0.000000001 as 1E-9)."""
    return format(amount, "f")


def _charged(tokens: Decimal, prices: Prices) -> Decimal:
    return max(prices.minimum_charge, tokens).quantize(CHARGE_PLACES, ROUND_HALF_EVEN)


def _plain_sum(input_tokens: int, input_price: Decimal, output_tokens: int, output_price: Decimal) -> Decimal:
    return (input_tokens * input_price + output_tokens * output_price).scaleb(_PER_MILLION)


def _token_sum(usage: TokenUsage, input_price: Decimal, output_price: Decimal, rates: Rates) -> Decimal:
    if not rates:
        return _plain_sum(usage.input_tokens, input_price, usage.output_tokens, output_price)
    prices = token_prices(input_price, output_price, rates, usage.input_tokens)
    return (
        usage.plain_input_tokens * prices.input
        + usage.plain_output_tokens * prices.output
        + usage.cached_input_tokens * prices.cached_input
        + usage.cache_write_tokens * prices.cache_write
        + usage.input_audio_tokens * prices.input_audio
        + usage.output_audio_tokens * prices.output_audio
        + usage.input_image_tokens * prices.input_image
        + usage.output_image_tokens * prices.output_image
    ).scaleb(_PER_MILLION)
