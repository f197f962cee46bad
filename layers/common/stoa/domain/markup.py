"""Money: what a member pays for tokens and what the provider asks for them.

Prices are USD per 1,000,000 tokens, rounded to 6 places; charges are USD, rounded to 9; both half-even and
once, at the end. A price that is not known is an error and never reads as 0.
"""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from stoa.domain.offers import ACCESS_TRIAL, Prices
from stoa.errors import InvalidFields, StoaError

PRICE_PLACES = Decimal("0.000001")
CHARGE_PLACES = Decimal("0.000000001")
MAXIMUM_MARKUP = Decimal(10)
NOTHING = Decimal(0)
_PER_MILLION = -6  # power of ten: moving the point is exact where a division might not be


class UnknownPrice(StoaError):
    """500 PRICE_UNKNOWN: a price is missing or is no usable number. An admin has to set it; nothing is billed."""

    def __init__(self, which: str) -> None:
        super().__init__("PRICE_UNKNOWN", f"Set the {which} of this model before it is sold.", status=500)


@dataclass(frozen=True, slots=True)
class TokenUsage:
    """Tokens of one message as the provider counted them, or as we estimated them when it did not.

    `cached_input_tokens` are a part of `input_tokens`, not an addition to them; they are priced as input for now.
    Raises ValueError when a count is negative.
    """

    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        if min(self.input_tokens, self.output_tokens, self.cached_input_tokens) < 0:
            raise ValueError("Token counts cannot be negative.")


def check_markup(markup: Decimal, path: str = "markup") -> Decimal:
    """The markup as given, a fraction from 0 to 10 (0.4 is 40 %).

    Raises InvalidFields otherwise, with a hint when the number looks like a percentage.
    """
    if markup.is_finite() and 0 <= markup <= MAXIMUM_MARKUP:
        return markup
    reason = "Send a fraction from 0 to 10, such as 0.4 for 40 %."
    if markup.is_finite() and markup > MAXIMUM_MARKUP:
        fraction = format(markup.scaleb(-2), "f")
        reason = f"{markup} looks like a percentage: send the fraction {fraction} for {markup} %."
    raise InvalidFields([{"path": path, "reason": reason}])


def markup_from_percent(percent: Decimal, path: str = "markup") -> Decimal:
    """A markup sent in percent (40) as the fraction that all rules use (0.4). 0 is a markup.

    Raises InvalidFields outside 0 to 1000, and with a hint when the number looks like a fraction.
    """
    if percent.is_finite() and 0 < percent < 1:
        hint = format((percent * 100).normalize(), "f")
        raise InvalidFields([{"path": path, "reason": f"{percent} looks like a fraction: send {hint} for {hint} %."}])
    if not percent.is_finite() or not 0 <= percent <= MAXIMUM_MARKUP * 100:
        raise InvalidFields([{"path": path, "reason": "Send a percentage from 0 to 1000, such as 40 for 40 %."}])
    return percent.scaleb(-2)


def effective_markup(override: Decimal | None, default: Decimal) -> Decimal:
    """The override's markup where one is set, else the tenant's default. Zero is set; only None is not."""
    return check_markup(default if override is None else override)


def user_price(base: Decimal | None, markup: Decimal, override: Decimal | None = None) -> Decimal:
    """(override of the price, else base price) x (1 + markup), USD per 1,000,000 tokens, 6 places.

    Raises UnknownPrice when neither price is known, InvalidFields when the markup is not a fraction from 0 to 10.
    """
    price = known_price(base if override is None else override, "base price")
    return (price * (1 + check_markup(markup))).quantize(PRICE_PLACES, ROUND_HALF_EVEN)


def known_price(price: Decimal | None, which: str) -> Decimal:
    """The price itself. Raises UnknownPrice when it is missing, negative or not a number."""
    if price is None or not price.is_finite() or price < 0:
        raise UnknownPrice(which)
    return price


def charge(usage: TokenUsage, prices: Prices | None) -> Decimal:
    """What a member pays: max(minimum charge, sum of tokens x user price / 1e6), USD, 9 places."""
    return estimate(prices, usage.input_tokens, usage.output_tokens)


def charge_for(access: str, usage: TokenUsage, prices: Prices | None) -> Decimal:
    """The charge under this access. Trial messages are free: the one exception, and the ledger line says `trial`."""
    return NOTHING if access == ACCESS_TRIAL else charge(usage, prices)


def estimate(prices: Prices | None, input_tokens: int, output_tokens: int) -> Decimal:
    """What a message of so many tokens would be charged, USD, 9 places. Raises UnknownPrice without a price row."""
    if prices is None:
        raise UnknownPrice("price")
    tokens = _token_sum(input_tokens, prices.input_price, output_tokens, prices.output_price)
    return max(prices.minimum_charge, tokens).quantize(CHARGE_PLACES, ROUND_HALF_EVEN)


def provider_cost(usage: TokenUsage, prices: Prices | None) -> Decimal:
    """What the provider asks us for the message: base prices, no minimum charge, USD, 9 places."""
    if prices is None:
        raise UnknownPrice("base price")
    cost = _token_sum(usage.input_tokens, prices.base_input_price, usage.output_tokens, prices.base_output_price)
    return cost.quantize(CHARGE_PLACES, ROUND_HALF_EVEN)


def money_text(amount: Decimal) -> str:
    """The exact amount for JSON, never in scientific notation (`str` would write 0.000000001 as 1E-9)."""
    return format(amount, "f")


def _token_sum(input_tokens: int, input_price: Decimal, output_tokens: int, output_price: Decimal) -> Decimal:
    return (input_tokens * input_price + output_tokens * output_price).scaleb(_PER_MILLION)
