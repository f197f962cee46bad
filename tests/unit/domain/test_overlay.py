"""A tenant's decisions over the registry's values."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from stoa.domain.catalogue.overlay import UNLIMITED, Decisions, Overlay, decided_limit, in_effect, limit_columns

REGISTRY = Decisions(
    display_name="GPT-4o",
    known_for="Vision",
    access_tier="premium",
    unlock_price_cents=499,
    trial_messages=2,
    display_order=10,
    enabled=True,
    daily_limit=50,
)
NOTHING = Overlay()


def test_without_a_decision_the_registry_holds() -> None:
    assert in_effect(REGISTRY, NOTHING) == REGISTRY


@pytest.mark.parametrize(
    ("field", "value", "holds"),
    [
        ("enabled", False, False),
        ("trial_messages", 0, 0),
        ("display_order", 0, 0),
        ("known_for", "", ""),
        ("daily_limit", 0, 0),
        ("daily_limit", 7, 7),
        ("daily_limit", UNLIMITED, None),
        ("daily_limit", None, 50),
    ],
)
def test_a_decision_holds_also_where_it_is_nothing_or_zero(field: str, value: Any, holds: Any) -> None:
    assert in_effect(REGISTRY, Overlay(**{field: value})) == replace(REGISTRY, **{field: holds})


@pytest.mark.parametrize(
    ("limit", "columns"),
    [
        (None, {"has_daily_limit": None, "daily_limit": None}),
        (UNLIMITED, {"has_daily_limit": False, "daily_limit": None}),
        (0, {"has_daily_limit": True, "daily_limit": 0}),
        (50, {"has_daily_limit": True, "daily_limit": 50}),
    ],
)
def test_a_limit_has_three_states(limit: Any, columns: dict[str, Any]) -> None:
    assert limit_columns(limit) == columns
    assert decided_limit(**columns) == limit


@given(st.none() | st.just(UNLIMITED) | st.integers(0, 10**6), st.none() | st.integers(0, 10**6))
def test_what_is_written_is_what_holds(limit: Any, registry_limit: int | None) -> None:
    overlay = Overlay(daily_limit=decided_limit(**limit_columns(limit)))
    holds = in_effect(replace(REGISTRY, daily_limit=registry_limit), overlay).daily_limit
    assert holds == (registry_limit if limit is None else None if limit == UNLIMITED else limit)
