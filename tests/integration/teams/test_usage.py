"""A team's use: the log by member, model and day, and sums that agree with it."""

from typing import Any

import pytest

from stoa.clients.wires.types import ProviderError
from tests.integration.chat.support import ScriptedProviders, fails
from tests.integration.teams.client import Person, code


@pytest.fixture
def team_id(owner: Person, ben: Person, admin: Person) -> str:
    """An active team in which the owner sent two messages and Ben one, each of 30 tokens, to two models."""
    made = owner.make(models=["gpt-4o", "grok-3-fast"], totalTokensMonthly=100_000)
    admin.post(f"/api/admin/teams/{made}/activate", None)
    owner.take_in(made, ben)
    for person, model_id in ((owner, "gpt-4o"), (ben, "gpt-4o"), (owner, "grok-3-fast")):
        person.desk().send(model_id=model_id)
    return made


def usage(person: Person, team_id: str, **query: Any) -> dict[str, Any]:
    return dict(person.get(f"/api/teams/{team_id}/usage", **query).data)


def test_managers_see_everyones_messages_and_their_sums(owner: Person, ben: Person, team_id: str) -> None:
    told = usage(owner, team_id)

    assert [(line["email"], line["modelId"], line["tokens"]) for line in told["log"]] == [
        (owner.email, "grok-3-fast", 30),
        (ben.email, "gpt-4o", 30),
        (owner.email, "gpt-4o", 30),
    ]
    stats = told["stats"]
    assert (stats["messages"], stats["tokens"]) == (3, 90)
    assert {row["email"]: row["tokens"] for row in stats["byMember"]} == {owner.email: 60, ben.email: 30}
    assert {row["modelId"]: row["messages"] for row in stats["byModel"]} == {"gpt-4o": 2, "grok-3-fast": 1}
    assert [(row["messages"], row["tokens"]) for row in stats["byDay"]] == [(3, 90)]
    assert owner.get(f"/api/teams/{team_id}").data["period"]["tokensUsed"] == 90


def test_members_see_their_own(owner: Person, ben: Person, team_id: str) -> None:
    told = usage(ben, team_id)

    assert {line["userId"] for line in told["log"]} == {ben.user_id}
    assert told["stats"]["tokens"] == 30
    refused = ben.get(f"/api/teams/{team_id}/usage", userId=owner.user_id)
    assert code(refused) == (403, "TEAM_MANAGERS_ONLY")


def test_the_log_by_member_model_and_day(owner: Person, ben: Person, team_id: str) -> None:
    today = usage(owner, team_id)["log"][0]["day"]

    assert usage(owner, team_id, userId=ben.user_id)["stats"]["messages"] == 1
    assert usage(owner, team_id, modelId="gpt-4o")["stats"]["messages"] == 2
    assert usage(owner, team_id, day=today, modelId="grok-3-fast")["stats"]["messages"] == 1
    nothing = usage(owner, team_id, day="2026-01-01")
    assert (nothing["log"], nothing["stats"]["tokens"], nothing["stats"]["byModel"]) == ([], 0, [])
    assert usage(owner, team_id, period="2026-01-01")["stats"]["messages"] == 0


def test_a_period_that_began_by_another_anchor_is_told_as_it_was(owner: Person, team_id: str) -> None:
    """As when a team that an admin had switched on is paid for, or paid for again: its months begin on another day."""
    present = usage(owner, team_id)["period"]
    today = present["startsOn"]  # the admin switched it on today
    owner.as_admin("UPDATE teams SET anchor_day = extract(day FROM :today ::date + 14)::int RETURNING id", today=today)

    assert usage(owner, team_id)["stats"]["messages"] == 0
    for query in ({"period": today}, {"day": today}):
        told = usage(owner, team_id, **query)
        assert (told["period"], told["stats"]["messages"]) == (present, 3)


def test_pages_of_the_log(owner: Person, team_id: str) -> None:
    first = owner.get(f"/api/teams/{team_id}/usage", limit=2)
    second = owner.get(f"/api/teams/{team_id}/usage", limit=2, cursor=first.body["meta"]["nextCursor"])

    assert len(first.data["log"]) == 2
    assert len(second.data["log"]) == 1
    assert (first.data["stats"]["messages"], second.data["stats"]) == (3, None)
    assert second.body["meta"]["nextCursor"] is None


def test_what_was_given_back_is_not_in_it(owner: Person, team_id: str) -> None:
    down = ProviderError("unavailable", provider_id="openai", reason="down")
    owner.desk(ScriptedProviders(default=fails(down, "Half "))).send(model_id="gpt-4o")

    assert usage(owner, team_id)["stats"]["messages"] == 3


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"userId": "ben"}, "userId"),
        ({"day": "tomorrow"}, "day"),
        ({"period": "0001-01-01"}, "period"),
        ({"modelId": "x" * 201}, "modelId"),
        ({"modelId": "x\x00"}, "modelId"),
    ],
)
def test_what_is_wrong_in_the_query_is_named(owner: Person, team_id: str, query: dict[str, str], path: str) -> None:
    assert path in owner.get(f"/api/teams/{team_id}/usage", **query).problems


def test_a_team_that_was_never_switched_on_used_nothing(owner: Person) -> None:
    assert usage(owner, owner.make())["stats"]["messages"] == 0
