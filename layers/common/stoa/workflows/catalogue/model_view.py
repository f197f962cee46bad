"""A model as admins and operators are shown it: what the registry says, what the tenant decided, and what holds."""

from typing import Any

from stoa.core.text import camel_case, iso
from stoa.database.pool import Row
from stoa.domain.catalogue.overlay import DECIDED, decided, in_effect
from stoa.domain.pricing.rates import Rates
from stoa.workflows.pricing.rate_view import rates_view

_OUTER = {"known_for": "description"}


def outer_name(name: str) -> str:
    """A column's name as the API has it."""
    return camel_case(_OUTER.get(name, name))


def overlay_of(row: Row) -> dict[str, Any]:
    """What the tenant decided, by column; None where it leaves the matter to the registry."""
    own = {name: row[f"own_{name}"] for name in DECIDED}
    return {**own, "daily_limit": decided(row["has_daily_limit"], row["own_daily_limit"])}


def registry_of(row: Row) -> dict[str, Any]:
    """What the model's own row says, by column."""
    return {name: row[name] for name in (*DECIDED, "daily_limit")}


def described(row: Row) -> dict[str, Any]:
    """A row of `store.tenant_models` as JSON: the values that hold, beside `registry` and `overlay`."""
    registry, overlay = registry_of(row), overlay_of(row)
    return {
        "id": row["id"],
        **_named(in_effect(registry, overlay)),
        "isOwn": row["is_own"],
        "providerId": row["provider_id"],
        "providerName": row["provider_name"],
        "providerModel": row["provider_model"],
        "isSelfHosted": row["provider_id"] == "self_hosted",
        "isNovel": row["is_novel"],
        "category": row["category"],
        "contextWindow": row["context_window"],
        "maxOutputTokens": row["max_output_tokens"],
        "modalities": row["modalities"],
        "capabilities": row["capabilities"],
        "speed": row["speed"],
        "quality": row["quality"],
        "isAvailable": row["is_available"],
        "deprecatedAt": row["deprecated_at"] and iso(row["deprecated_at"]),
        "successorId": row["successor_id"],
        "fallbackModelIds": row["fallback_model_ids"] or [],
        "baseInputPrice": row["base_input_price"],
        "baseOutputPrice": row["base_output_price"],
        "baseRates": rates_view(Rates.from_json(row["base_rates"])),
        "userInputPrice": row["user_input_price"],
        "userOutputPrice": row["user_output_price"],
        "rates": rates_view(Rates.from_json(row["user_rates"] or {})),
        "isSold": row["user_input_price"] is not None,
        "registry": _named(registry),
        "overlay": _named(overlay),
        "version": row["version"],
    }


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {outer_name(name): value for name, value in values.items()}
