"""A team's size under the terms of its plan."""

import pytest

from stoa.domain.billing.plan_terms import PlanTerms, TeamSize, exceeded, terms_from_json, terms_to_json, within

TERMS = PlanTerms("Family plan", 1900, "usd", max_members=5, total_tokens_monthly=2000, models=["a", "b"])


@pytest.mark.parametrize(
    ("size", "allowed", "beyond"),
    [
        (TeamSize(5, 2000, ["b", "a"]), TeamSize(5, 2000, ["b", "a"]), []),
        (TeamSize(1, 1, []), TeamSize(1, 1, []), []),
        (TeamSize(6, 2000, ["a"]), TeamSize(5, 2000, ["a"]), ["max_members"]),
        (
            TeamSize(6, 2001, ["c", "b"]),
            TeamSize(5, 2000, ["b"]),
            ["max_members", "total_tokens_monthly", "models"],
        ),
    ],
)
def test_a_team_is_cut_to_what_was_bought(size: TeamSize, allowed: TeamSize, beyond: list[str]) -> None:
    assert within(TERMS, size) == allowed
    assert exceeded(TERMS, size) == beyond
    assert exceeded(TERMS, allowed) == []


def test_terms_are_kept_with_the_names_of_the_api() -> None:
    kept = {
        "name": "Family plan",
        "priceCents": 1900,
        "currency": "usd",
        "maxMembers": 5,
        "totalTokensMonthly": 2000,
        "models": ["a", "b"],
    }
    assert terms_to_json(TERMS) == kept
    assert terms_from_json(kept) == TERMS
    assert (terms_to_json(None), terms_from_json({})) == ({}, None)
