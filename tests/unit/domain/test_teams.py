"""The rights of each role in a team: tables of literal examples."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from stoa.core.errors import StoaError
from stoa.domain.teams import teams
from stoa.http.answers import status_of

NOW = datetime(2026, 3, 10, tzinfo=UTC)


def code_of(error: pytest.ExceptionInfo[StoaError]) -> tuple[int, str]:
    return status_of(error.value), error.value.code


@pytest.mark.parametrize(
    ("role", "other", "refused"),
    [
        ("owner", "owner", None),
        ("owner", "admin", None),
        ("owner", "member", None),
        ("admin", "owner", (403, "TEAM_OWNER_ONLY")),
        ("admin", "admin", (403, "TEAM_OWNER_ONLY")),
        ("admin", "member", None),
        ("member", "owner", (403, "TEAM_MANAGERS_ONLY")),
        ("member", "admin", (403, "TEAM_MANAGERS_ONLY")),
        ("member", "member", (403, "TEAM_MANAGERS_ONLY")),
    ],
)
def test_who_manages_whom(role: str, other: str, refused: tuple[int, str] | None) -> None:
    if refused is None:
        teams.check_may_manage(role, other)
        return
    with pytest.raises(StoaError) as error:
        teams.check_may_manage(role, other)
    assert code_of(error) == refused


@pytest.mark.parametrize(
    ("role", "other", "is_self", "refused"),
    [
        ("owner", "owner", True, (409, "OWNER_STAYS")),
        ("admin", "owner", False, (409, "OWNER_STAYS")),
        ("owner", "admin", False, None),
        ("admin", "admin", True, None),
        ("admin", "admin", False, (403, "TEAM_OWNER_ONLY")),
        ("admin", "member", False, None),
        ("member", "member", True, None),
        ("member", "member", False, (403, "TEAM_MANAGERS_ONLY")),
    ],
)
def test_who_removes_whom(role: str, other: str, is_self: bool, refused: tuple[int, str] | None) -> None:
    if refused is None:
        teams.check_may_remove(role, other, is_self=is_self)
        return
    with pytest.raises(StoaError) as error:
        teams.check_may_remove(role, other, is_self=is_self)
    assert code_of(error) == refused


def test_only_the_owner_is_the_owner() -> None:
    teams.check_owner("owner")
    for role in ("admin", "member"):
        with pytest.raises(StoaError) as error:
            teams.check_owner(role)
        assert code_of(error) == (403, "TEAM_OWNER_ONLY")


@pytest.mark.parametrize(("taken", "room", "fits"), [(1, 2, True), (2, 2, False), (3, 2, False), (0, 1, True)])
def test_a_full_team_takes_nobody_in(taken: int, room: int, fits: bool) -> None:
    if fits:
        teams.check_room(taken, room)
        return
    with pytest.raises(StoaError) as error:
        teams.check_room(taken, room)
    assert code_of(error) == (409, "TEAM_FULL")


@pytest.mark.parametrize(
    ("today", "to_one", "status", "size", "allowed"),
    [
        (19, 0, "incomplete", 10_000, True),
        (20, 0, "incomplete", 10_000, False),
        (20, 0, "canceled", 10_000, False),  # its size is its own people's to choose again
        (20, 0, "active", 1, True),
        (21, 0, "active", 1, True),
        (22, 0, "active", 1, False),
        (2019, 2, "active", 1000, True),
        (2020, 0, "active", 1000, False),
        (0, 3, "active", 1000, False),
    ],
)
def test_invitations_have_a_limit_a_day(today: int, to_one: int, status: str, size: int, allowed: bool) -> None:
    counts: dict[str, Any] = {"today": today, "to_one_today": to_one, "status": status, "max_members": size}
    if allowed:
        teams.check_invitations(**counts)
        return
    with pytest.raises(StoaError) as error:
        teams.check_invitations(**counts)
    assert code_of(error) == (429, "TOO_MANY_INVITATIONS")


def test_an_invitation_holds_until_its_instant() -> None:
    teams.check_in_time(NOW + timedelta(microseconds=1), NOW)
    with pytest.raises(StoaError) as error:
        teams.check_in_time(NOW, NOW)
    assert code_of(error) == (410, "INVITATION_EXPIRED")


TERMS = {"maxMembers": 5, "totalTokensMonthly": 2000, "models": ["a", "b"]}


@pytest.mark.parametrize(
    ("status", "terms", "given", "fields"),
    [
        ("incomplete", {}, {"max_members": 9, "type": "family"}, None),
        ("canceled", TERMS, {"max_members": 9, "type": "family"}, None),
        ("active", {}, {"max_members": 3, "models": ["a"], "name": "x"}, None),  # as it is
        ("active", {}, {"max_members": 4}, ["maxMembers"]),
        ("active", {}, {"max_members": 2}, ["maxMembers"]),
        ("suspended", {}, {"models": []}, ["models"]),
        ("active", TERMS, {"max_members": 5, "total_tokens_monthly": 2000, "models": ["b"]}, None),
        ("past_due", TERMS, {"max_members": 6, "total_tokens_monthly": 2001}, ["maxMembers", "totalTokensMonthly"]),
        ("active", TERMS, {"models": ["b", "c"]}, ["models"]),
        ("active", TERMS, {"type": "family"}, ["type"]),
    ],
)
def test_what_is_paid_for_is_fixed_beyond_what_was_bought(
    status: str, terms: dict[str, Any], given: dict[str, Any], fields: list[str] | None
) -> None:
    present = {"type": "team", "max_members": 3, "total_tokens_monthly": 1000, "models": ["a"]}
    team = {**present, "status": status, "plan_terms": terms}
    if fields is None:
        teams.check_plan_is_open(SimpleNamespace(**team), given)
        return
    with pytest.raises(StoaError) as error:
        teams.check_plan_is_open(SimpleNamespace(**team), given)
    assert code_of(error) == (409, "PLAN_FIXED")
    assert error.value.details["fields"] == fields


def test_a_team_is_as_large_as_its_members_at_least() -> None:
    teams.check_size(3, 3)
    with pytest.raises(StoaError) as error:
        teams.check_size(2, 3)
    assert code_of(error) == (409, "MEMBERS_EXCEED_SIZE")


@pytest.mark.parametrize(
    ("status", "made_at", "places"),
    [
        ("incomplete", NOW - timedelta(hours=24), 6),
        ("canceled", NOW, 6),
        ("incomplete", NOW - timedelta(hours=25), 9),  # nobody can pay there any more
        ("active", NOW, 9),
        ("incomplete", None, 9),
    ],
)
def test_while_a_pay_page_is_open_a_team_has_the_places_that_are_sold_there(
    status: str, made_at: datetime | None, places: int
) -> None:
    checkout = {"terms": {"maxMembers": 6}, "madeAt": made_at.isoformat()} if made_at else {}
    assert teams.places(SimpleNamespace(**{"status": status, "max_members": 9, "checkout": checkout}), NOW) == places
    assert teams.places(SimpleNamespace(**{"status": status, "max_members": 4, "checkout": checkout}), NOW) == 4
