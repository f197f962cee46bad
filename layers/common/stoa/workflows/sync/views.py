"""A proposed change as admins are shown it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from stoa.core.text import camel_case, iso
from stoa.database.pool import Row
from stoa.domain.sync.moves import price_moves
from stoa.domain.sync.diff import PRICE, price_from

_PRICES = ("inputPrice", "outputPrice")


def change_view(row: Row) -> dict[str, Any]:
    """A row of `store.registry_changes` as JSON."""
    return {
        "id": str(row["id"]),
        "kind": row["kind"],
        "status": row["status"],
        "modelId": row["model_id"],
        "modelName": row["model_name"],
        "providerId": row["provider_id"],
        "providerModel": row["provider_model"],
        "before": None if row["before"] is None else _values(row["before"]),
        "after": _values(row["after"]),
        "moves": _moves(row) if row["kind"] == PRICE else [],
        "percent": row["percent"],
        "agreement": row["agreement"],
        "reason": row["reason"],
        "createdAt": iso(row["created_at"]),
        "decidedAt": row["decided_at"] and iso(row["decided_at"]),
        "decidedByEmail": row["decided_by_email"],
    }


def _values(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Prices as numbers, as everywhere; rates are exact text."""
    shown = {name: Decimal(value) if name in _PRICES and value is not None else value for name, value in stored.items()}
    if "rates" in shown:
        shown["rates"] = _camel(shown["rates"])
    return shown


def _moves(row: Row) -> list[dict[str, Any]]:
    before, after = price_from(row["before"]), price_from(row["after"])
    if before is None or after is None:
        return []
    return [
        {
            "kind": camel_case(move.kind),
            "aboveInputTokens": move.above_input_tokens,
            "before": move.before,
            "after": move.after,
            "percent": move.percent,
        }
        for move in price_moves(before, after)
    ]


def _camel(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {camel_case(name): _camel(item) for name, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value
