"""The profile: what members tell of themselves."""

from typing import Any

import pytest

from tests.integration.member.support import Client

PROFILE = "/api/profile"
TOLD = {"displayName": "Ada", "language": "de", "aboutMe": "I bake on Sundays."}


def test_null_clears_and_absent_keeps_in_a_profile(ada: Client) -> None:
    fresh = ada.get(PROFILE).data
    assert (fresh["email"], fresh["displayName"], fresh["language"], fresh["aboutMe"]) == (
        "ada@example.test",
        None,
        "en",
        None,
    )
    told = ada.patch(PROFILE, TOLD).data
    assert told == {**fresh, **TOLD}
    assert ada.patch(PROFILE, {"displayName": None}).data == {**told, "displayName": None}
    assert ada.patch(PROFILE, {}).data["aboutMe"] == "I bake on Sundays."
    assert ada.get(PROFILE).data["aboutMe"] == "I bake on Sundays."


def test_nobody_elses_changes(ada: Client, bob: Client) -> None:
    before = bob.get(PROFILE).data
    ada.patch(PROFILE, TOLD)
    assert bob.get(PROFILE).data == before


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"displayName": " "}, "displayName"),
        ({"language": None}, "language"),
        ({"language": "german"}, "language"),
        ({"aboutMe": "x" * 2001}, "aboutMe"),
        ({"email": "x@example.test"}, "email"),
    ],
)
def test_a_field_that_cannot_be_is_named(ada: Client, fields: dict[str, Any], path: str) -> None:
    assert path in ada.patch(PROFILE, fields).problems
