"""The tokens left for a member of a team, the team that pays, and the refusal when nothing is left."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from stoa.domain.selection.offers import ACCESS_ENTITLED, ACCESS_TEAM, Candidate
from stoa.domain.selection.refusals import model_locked
from stoa.domain.teams.team_tokens import TeamShare, effective_allotment, paying_team
from stoa.http.refusals import STATUSES as REFUSALS
from stoa.http.refusals import refusal_details
from tests.unit.domain.builders import premium


def share(number: int = 1, **given: Any) -> TeamShare:
    values: dict[str, Any] = {
        "team_id": UUID(int=number),
        "team_name": "Lions",
        "models": frozenset({"gpt-4o"}),
        "pool": 1000,
        "pool_used": 0,
        "allotment": None,
        "own_used": 0,
        "starts_on": date(2026, 3, 5),
        "ends_on": date(2026, 4, 5),
        "resets_at": datetime(2026, 4, 5, tzinfo=UTC),
    }
    return TeamShare(**{**values, **given})


@pytest.mark.parametrize(
    ("pool_used", "allotment", "own_used", "remaining"),
    [
        (0, None, 0, 1000),
        (999, None, 0, 1),
        (1000, None, 0, 0),
        (1400, None, 0, 0),  # over-spent by messages under way
        (0, 300, 0, 300),
        (0, 300, 299, 1),
        (0, 300, 300, 0),
        (0, 300, 310, 0),
        (900, 300, 0, 100),  # both hold
        (1000, 300, 0, 0),
        (0, 0, 0, 0),
        (0, 5000, 0, 1000),
    ],
)
def test_pool_and_allotment_hold_both(pool_used: int, allotment: int | None, own_used: int, remaining: int) -> None:
    assert share(pool_used=pool_used, allotment=allotment, own_used=own_used).remaining == remaining


@pytest.mark.parametrize(
    ("allotment", "shared_pool", "holds"), [(None, True, None), (None, False, 0), (5, True, 5), (5, False, 5)]
)
def test_without_a_shared_pool_who_was_allotted_nothing_has_nothing(
    allotment: int | None, shared_pool: bool, holds: int | None
) -> None:
    assert effective_allotment(allotment, shared_pool=shared_pool) == holds


def test_the_team_with_most_left_pays() -> None:
    shares = [share(1, pool_used=500), share(2, pool_used=100), share(3, pool_used=100), share(4, models=frozenset())]

    paying = paying_team("gpt-4o", shares)
    assert paying is not None
    assert paying.team_id == UUID(int=2)
    assert paying_team("gpt-4o", reversed(shares)) == paying
    assert paying_team("o1", shares) is None
    assert paying_team("gpt-4o", [share(1, pool_used=1000)]) == share(1, pool_used=1000)


def test_a_candidate_is_paid_by_the_team_under_team_access_alone() -> None:
    offer = premium(team=share())
    assert offer.prices is not None

    assert Candidate(offer, offer.prices, ACCESS_TEAM, offer.prices.minimum_charge).paying_team == share()
    assert Candidate(offer, offer.prices, ACCESS_ENTITLED, offer.prices.minimum_charge).paying_team is None


@pytest.mark.parametrize(
    ("team", "reason", "limit"),
    [
        (share(pool_used=1000), "POOL_USED_UP", 1000),
        (share(pool_used=1000, allotment=5, own_used=5), "POOL_USED_UP", 1000),
        (share(allotment=5, own_used=5), "ALLOTMENT_USED_UP", 5),
    ],
)
def test_an_exhausted_team_is_told_with_what_ran_out_and_when_it_resets(
    team: TeamShare, reason: str, limit: int
) -> None:
    refusal = model_locked(premium(team=team, unlock_price_cents=499), "eur")

    assert (refusal.code, REFUSALS[type(refusal)]) == ("TEAM_POOL_EXHAUSTED", 402)
    assert refusal_details(refusal)["reason"] == reason
    assert refusal_details(refusal)["limit"] == limit
    assert refusal_details(refusal)["resetAt"] == "2026-04-05T00:00:00Z"
    assert "Unlock it once for 4.99 EUR" in refusal.message
