"""Small feeds in the formats of the two sources."""

from typing import Any


def entry(id_: str = "m-1", input_price: Any = 1, output_price: Any = 2, **changed: Any) -> dict[str, Any]:
    """Returns a model as genai-prices has it."""
    prices = {"input_mtok": input_price, "output_mtok": output_price}
    return {"id": id_, "match": {"equals": id_}, "name": id_.upper(), "prices": prices} | changed


def genai(*entries: Any, provider: str = "openai") -> list[Any]:
    """Returns a feed in genai-prices' format."""
    return [{"id": provider, "name": provider, "models": list(entries)}]


def interval(start: str | None = None, **rates: Any) -> dict[str, Any]:
    """Returns an interval as model-prices has it. Without rates the model is not sold in it."""
    return {"start": start, "rates": rates or None}


def snapshot(models: dict[str, Any], provider: str = "openai", **parts: Any) -> dict[str, Any]:
    """Returns a feed in model-prices' format. `models` holds the intervals of each model."""
    prices = {provider: {name: {"standard": intervals} for name, intervals in models.items()}}
    return {"schema": 1, "prices": prices} | parts
