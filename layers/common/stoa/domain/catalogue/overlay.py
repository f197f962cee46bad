"""A tenant's decisions about a model, over the registry's own values.

A field of the overlay that is None leaves the value to the registry. The daily limit has a third state, because None
is a value of its own there: the tenant may set a limit, set none, or leave it to the registry.
"""

from typing import Any

from msgspec import Struct

UNLIMITED = "unlimited"


class Decisions(Struct, frozen=True, kw_only=True):
    """The values of a model that a tenant may decide. A `daily_limit` of None is no limit. Prices are in cents."""

    display_name: str
    known_for: str
    access_tier: str
    unlock_price_cents: int | None
    trial_messages: int
    display_order: int
    enabled: bool
    daily_limit: int | None


class Overlay(Struct, frozen=True, kw_only=True):
    """A tenant's decisions about a model. None leaves a value to the registry; `unlimited` is a limit of none."""

    display_name: str | None = None
    known_for: str | None = None
    access_tier: str | None = None
    unlock_price_cents: int | None = None
    trial_messages: int | None = None
    display_order: int | None = None
    enabled: bool | None = None
    daily_limit: int | str | None = None


DECIDED = Overlay.__struct_fields__


def decided_limit(has_daily_limit: bool | None, daily_limit: int | None) -> int | str | None:
    """Returns the overlay's daily limit as one value: a number, `unlimited`, or None for the registry's."""
    if has_daily_limit is None:
        return None
    return daily_limit if has_daily_limit else UNLIMITED


def limit_columns(daily_limit: int | str | None) -> dict[str, Any]:
    """Returns a decision about the daily limit as the overlay's two columns."""
    has_limit = None if daily_limit is None else daily_limit != UNLIMITED
    return {"has_daily_limit": has_limit, "daily_limit": daily_limit if has_limit else None}


def in_effect(registry: Decisions, overlay: Overlay) -> Decisions:
    """Returns the values that hold for the tenant's members."""
    values: dict[str, Any] = {}
    for name in DECIDED:
        own = getattr(overlay, name)
        values[name] = getattr(registry, name) if own is None else own
    if values["daily_limit"] == UNLIMITED:
        values["daily_limit"] = None
    return Decisions(**values)
