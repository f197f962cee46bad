"""What a tenant decides about a model, over what the registry says of it (S1).

A field of the overlay that is null means: as the registry says. The daily limit has a third state, because null is a
value of its own there: the tenant may set a limit, set none, or leave it to the registry.
"""

from collections.abc import Mapping
from typing import Any

UNLIMITED = "unlimited"

# Fields that both the registry and the overlay have, but for the daily limit.
DECIDED = (
    "display_name",
    "known_for",
    "access_tier",
    "unlock_price_cents",
    "trial_messages",
    "display_order",
    "enabled",
)


def decided(has_daily_limit: bool | None, daily_limit: int | None) -> int | str | None:
    """The overlay's daily limit as one value: a number, `unlimited`, or None for the registry's."""
    if has_daily_limit is None:
        return None
    return daily_limit if has_daily_limit else UNLIMITED


def limit_columns(daily_limit: int | str | None) -> dict[str, Any]:
    """A decision about the daily limit as the overlay's two columns."""
    has_limit = None if daily_limit is None else daily_limit != UNLIMITED
    return {"has_daily_limit": has_limit, "daily_limit": daily_limit if has_limit else None}


def in_effect(registry: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The values that hold for the tenant's members. `daily_limit` None: no limit."""
    values = {name: registry[name] if overlay[name] is None else overlay[name] for name in DECIDED}
    limit = overlay["daily_limit"]
    values["daily_limit"] = registry["daily_limit"] if limit is None else None if limit == UNLIMITED else limit
    return values
