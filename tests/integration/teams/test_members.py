"""The members of a team: roles, leaving, handing over, allotments."""

import pytest

from tests.integration.teams.client import Person, code


def test_admins_of_a_team_manage_members_alone(owner: Person, ben: Person, cleo: Person) -> None:
    team_id = owner.make(maxMembers=10)
    owner.take_in(team_id, ben, role="admin")
    owner.take_in(team_id, cleo)
    path = f"/api/teams/{team_id}"

    assert ben.invite(team_id, "d@example.test").status == 201
    assert code(ben.invite(team_id, "e@example.test", role="admin")) == (403, "TEAM_OWNER_ONLY")
    assert ben.put(f"{path}/members/{cleo.user_id}/allocation", {"tokens": 5}).data["allocation"] == 5
    assert code(ben.put(f"{path}/members/{ben.user_id}/allocation", {"tokens": 5})) == (403, "TEAM_OWNER_ONLY")
    assert code(ben.put(f"{path}/members/{owner.user_id}/allocation", {"tokens": 5})) == (403, "TEAM_OWNER_ONLY")
    assert code(ben.patch(f"{path}/members/{cleo.user_id}", {"role": "admin"})) == (403, "TEAM_OWNER_ONLY")
    assert code(ben.post(f"{path}/transfer", {"userId": ben.user_id})) == (403, "TEAM_OWNER_ONLY")
    assert ben.patch(path, {"name": "Bears"}).data["name"] == "Bears"
    assert ben.delete(f"{path}/members/{cleo.user_id}").status == 200


def test_members_manage_nobody_and_may_leave(owner: Person, ben: Person, cleo: Person) -> None:
    team_id = owner.make(maxMembers=10)
    owner.take_in(team_id, ben)
    owner.take_in(team_id, cleo)
    path = f"/api/teams/{team_id}"

    assert code(ben.invite(team_id, "d@example.test")) == (403, "TEAM_MANAGERS_ONLY")
    assert code(ben.delete(f"{path}/members/{cleo.user_id}")) == (403, "TEAM_MANAGERS_ONLY")
    assert code(ben.put(f"{path}/members/{ben.user_id}/allocation", {"tokens": 5})) == (403, "TEAM_MANAGERS_ONLY")
    assert code(ben.patch(path, {"name": "Bears"})) == (403, "TEAM_MANAGERS_ONLY")
    assert ben.delete(f"{path}/members/{ben.user_id}").status == 200
    assert ben.get("/api/teams").data == []


def test_the_owner_stays_until_the_team_is_handed_over(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.take_in(team_id, ben, role="admin")
    path = f"/api/teams/{team_id}"

    assert code(owner.delete(f"{path}/members/{owner.user_id}")) == (409, "OWNER_STAYS")
    assert code(ben.delete(f"{path}/members/{owner.user_id}")) == (409, "OWNER_STAYS")
    assert code(owner.patch(f"{path}/members/{owner.user_id}", {"role": "member"})) == (409, "OWNER_STAYS")
    assert owner.post(f"{path}/transfer", {"userId": ben.user_id}).data["role"] == "admin"
    assert owner.members(team_id) == {
        "olive@example.test": ("admin", "active"),
        "ben@example.test": ("owner", "active"),
    }
    assert owner.delete(f"{path}/members/{owner.user_id}").status == 200
    assert ben.get(path).data["role"] == "owner"


def test_a_team_is_handed_to_a_member_alone(owner: Person, cleo: Person) -> None:
    team_id = owner.make()
    invited = owner.invite(team_id, "x@example.test").body["data"]

    for wanted in (cleo.user_id, invited["id"]):
        assert code(owner.post(f"/api/teams/{team_id}/transfer", {"userId": wanted})) == (404, "NOT_FOUND")
    assert owner.post(f"/api/teams/{team_id}/transfer", {"userId": owner.user_id}).data["role"] == "owner"
    assert "userId" in owner.post(f"/api/teams/{team_id}/transfer", {"userId": "ben"}).problems


def test_nobody_is_handed_more_teams_than_they_might_make(
    owner: Person, ben: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoa.domain.teams.teams.OWNED_TEAMS", 1)
    team_id = owner.make()
    owner.take_in(team_id, ben)
    own = ben.make()
    path = f"/api/teams/{team_id}/transfer"

    assert code(owner.post(path, {"userId": ben.user_id})) == (409, "TOO_MANY_TEAMS")
    assert owner.post(path, {"userId": owner.user_id}).data["role"] == "owner"  # to oneself: nothing changes
    ben.delete(f"/api/teams/{own}")
    assert owner.post(path, {"userId": ben.user_id}).data["role"] == "admin"


def test_roles_are_the_owners_matter(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.take_in(team_id, ben)
    path = f"/api/teams/{team_id}/members/{ben.user_id}"

    assert owner.patch(path, {"role": "admin"}).data["role"] == "admin"
    assert owner.patch(path, {"role": "member"}).data["role"] == "member"
    assert "role" in owner.patch(path, {"role": "owner"}).problems


def test_an_allotment_holds_from_the_next_message_on(owner: Person, ben: Person, admin: Person) -> None:
    team_id = owner.make()
    admin.post(f"/api/admin/teams/{team_id}/activate", None)
    owner.take_in(team_id, ben)
    path = f"/api/teams/{team_id}"

    owner.put(f"{path}/members/{ben.user_id}/allocation", {"tokens": 30})
    assert ben.desk().send(model_id="gpt-4o")[-2].data["access"] == "team"
    assert ben.get(path).data["ownTokens"] == {"allotted": 30, "used": 30, "remaining": 0}
    assert ben.desk().send(model_id="gpt-4o")[-2].data["access"] == "trial"
    rows = {row["email"]: row["tokensUsed"] for row in owner.get(f"{path}/members").data}
    assert rows == {"olive@example.test": 0, "ben@example.test": 30}

    owner.put(f"{path}/members/{ben.user_id}/allocation", {"tokens": None})
    assert ben.desk().send(model_id="gpt-4o")[-2].data["access"] == "team"
    owner.patch(path, {"sharedPool": False})
    assert ben.get(path).data["ownTokens"] == {"allotted": 0, "used": 60, "remaining": 0}
    assert "tokens" in owner.put(f"{path}/members/{ben.user_id}/allocation", {}).problems


def test_members_come_in_pages(owner: Person, ben: Person, cleo: Person) -> None:
    team_id = owner.make()
    owner.take_in(team_id, ben)
    owner.take_in(team_id, cleo)

    first = ben.get(f"/api/teams/{team_id}/members", limit=2)
    rest = ben.get(f"/api/teams/{team_id}/members", cursor=first.body["meta"]["nextCursor"])
    assert [row["email"] for row in [*first.data, *rest.data]] == [owner.email, ben.email, cleo.email]
