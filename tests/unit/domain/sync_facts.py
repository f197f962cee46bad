"""Facts and models as a tenant has them, for tests of the rules."""

from decimal import Decimal
from typing import Any

from stoa.domain.pricing.rates import Rates
from stoa.domain.sync.diff import Held
from stoa.domain.sync.facts import Facts, Price


def price(input_price: str, output_price: str, **rates: Any) -> Price:
    return Price(Decimal(input_price), Decimal(output_price), Rates.from_json(rates))


def fact(name: str = "m-1", **changed: Any) -> Facts:
    """Returns a model of `acme` at 1 and 2 USD, on which both sources agree."""
    fields: dict[str, Any] = {"context_window": 1000, "price": price("1", "2"), "agreement": "agreed"}
    return Facts("acme", name, name, **fields | changed)


def held(model_id: str = "m-1", **changed: Any) -> Held:
    """Returns the same model as a tenant has it."""
    fields: dict[str, Any] = {"price": price("1", "2"), "context_window": 1000, "max_output_tokens": 100}
    return Held(model_id, "acme", model_id, **fields | changed)
