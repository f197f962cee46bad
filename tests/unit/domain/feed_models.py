"""Models as feeds tell of them, for tests of the rules."""

from decimal import Decimal
from typing import Any

from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.sync.feed import FeedModel


def feed_model(
    name: str = "m-1",
    prices: tuple[str | None, str | None] = ("1", "2"),
    rates: dict[str, Any] | None = None,
    **changed: Any,
) -> FeedModel:
    """Returns a model of the provider `acme` at 1 and 2 USD, with the given changes."""
    fields: dict[str, Any] = {
        "provider_id": "acme",
        "provider_model": name,
        "display_name": name,
        "context_window": 128_000,
        "max_output_tokens": None,
        "input_price": None if prices[0] is None else Decimal(prices[0]),
        "output_price": None if prices[1] is None else Decimal(prices[1]),
        "rates": Rates.from_json(rates) if rates else NO_RATES,
        "deprecated_on": None,
        "source": "test",
    }
    return FeedModel(**fields | changed)
