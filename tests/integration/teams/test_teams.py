"""Teams over HTTP: made, seen by those in them alone, changed within the plan, closed, switched on by admins."""

from typing import Any
from uuid import uuid4

import pytest

from tests.integration.teams.client import TEAM, Person, code

VERBS = [
    ("GET", "", None),
    ("PATCH", "", {"name": "Tigers"}),
    ("DELETE", "", None),
    ("GET", "/members", None),
    ("POST", "/members", {"email": "x@example.test"}),
    ("PATCH", "/members/{member}", {"role": "admin"}),
    ("DELETE", "/members/{member}", None),
    ("PUT", "/members/{member}/allocation", {"tokens": 5}),
    ("POST", "/accept", None),
    ("POST", "/decline", None),
    ("POST", "/transfer", {"userId": "{member}"}),
    ("GET", "/usage", None),
]


def test_a_new_team_has_its_maker_as_owner_and_gives_nothing_yet(owner: Person) -> None:
    team_id = owner.make(billingEmail="Bills@Example.test")

    team = owner.get(f"/api/teams/{team_id}").data
    assert {name: team[name] for name in TEAM} == TEAM
    assert (team["status"], team["role"], team["sharedPool"]) == ("incomplete", "owner", True)
    assert team["billingEmail"] == "bills@example.test"
    assert (team["memberCount"], team["period"], team["version"]) == (1, None, 1)
    assert owner.members(team_id) == {"olive@example.test": ("owner", "active")}
    assert owner.desk().send(model_id="gpt-4o")[-2].data["access"] == "trial"


def test_without_models_the_plan_covers_what_the_tenant_sells(owner: Person) -> None:
    body = {name: value for name, value in TEAM.items() if name != "models"}

    models = owner.post("/api/teams", body).body["data"]["models"]
    assert "gpt-4o" in models
    assert "gpt-4o-mini" not in models  # free for everyone


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"name": " "}, "name"),
        ({"name": "Lions\nYour account is locked"}, "name"),  # it stands in mails to whomever a member names
        ({"type": "club"}, "type"),
        ({"maxMembers": 0}, "maxMembers"),
        ({"totalTokensMonthly": 0}, "totalTokensMonthly"),
        ({"totalTokensMonthly": 1.5}, "totalTokensMonthly"),
        ({"billingEmail": "nobody"}, "billingEmail"),
        ({"billingEmail": "a@b.test\nBcc: c@d.test"}, "billingEmail"),
        ({"models": ["no-such-model"]}, "models[0]"),
        ({"ownerId": "me"}, "ownerId"),
    ],
)
def test_what_is_wrong_with_a_team_is_named(owner: Person, change: dict[str, Any], path: str) -> None:
    assert path in owner.post("/api/teams", {**TEAM, **change}).problems


def test_a_member_owns_ten_teams_at_most(owner: Person) -> None:
    ids = [owner.make() for _ in range(10)]
    assert code(owner.post("/api/teams", TEAM)) == (409, "TOO_MANY_TEAMS")

    owner.delete(f"/api/teams/{ids[0]}")
    owner.make()


def test_own_teams_come_in_pages_newest_first(owner: Person, ben: Person) -> None:
    ids = [owner.make(name=f"Team {number}") for number in range(3)]
    ben.make()

    first = owner.get("/api/teams", limit=2)
    second = owner.get("/api/teams", limit=2, cursor=first.body["meta"]["nextCursor"])
    assert [team["id"] for team in [*first.data, *second.data]] == ids[::-1]
    assert second.body["meta"]["nextCursor"] is None


@pytest.mark.parametrize(("method", "path", "body"), VERBS)
def test_trap_a_team_is_not_changed_by_id_alone(
    owner: Person, ben: Person, stranger: Person, method: str, path: str, body: Any
) -> None:
    """Not by another member of the tenant, nor by an admin of another; a team that is not there answers the same."""
    team_id = owner.make()
    member = owner.user_id
    before = owner.get(f"/api/teams/{team_id}").data
    if body == {"userId": "{member}"}:
        body = {"userId": member}

    for person in (ben, stranger):
        for wanted in (team_id, uuid4(), "no-id"):
            reply = person.send(method, f"/api/teams/{wanted}{path.format(member=member)}", body)
            assert code(reply) == (404, "NOT_FOUND"), (person.subject, wanted)
    assert owner.get(f"/api/teams/{team_id}").data == before
    assert owner.members(team_id) == {"olive@example.test": ("owner", "active")}


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [("GET", "", None), ("PATCH", "", {"maxMembers": 9}), ("POST", "/activate", None), ("POST", "/suspend", None)],
)
def test_an_admin_reaches_no_team_of_another_tenant(
    owner: Person, stranger: Person, method: str, path: str, body: Any
) -> None:
    team_id = owner.make()

    assert code(stranger.send(method, f"/api/admin/teams/{team_id}{path}", body)) == (404, "NOT_FOUND")
    assert stranger.get("/api/admin/teams").data == []
    assert code(owner.send(method, f"/api/admin/teams/{team_id}{path}", body)) == (403, "ADMIN_ONLY")


def test_until_it_is_switched_on_its_people_change_everything(owner: Person) -> None:
    team_id = owner.make(billingEmail="bills@example.test")
    change = {"name": "Tigers", "type": "family", "maxMembers": 6, "totalTokensMonthly": 9, "models": ["grok-3"]}

    team = owner.patch(f"/api/teams/{team_id}", {**change, "sharedPool": False, "billingEmail": None}).data
    assert {name: team[name] for name in change} == change
    assert (team["sharedPool"], team["billingEmail"], team["version"]) == (False, None, 2)


def test_null_and_absent_are_told_apart(owner: Person) -> None:
    team_id = owner.make(billingEmail="bills@example.test")

    assert owner.patch(f"/api/teams/{team_id}", {"name": "Tigers"}).data["billingEmail"] == "bills@example.test"
    assert owner.patch(f"/api/teams/{team_id}", {"billingEmail": None}).data["billingEmail"] is None
    assert "name" in owner.patch(f"/api/teams/{team_id}", {"name": None}).problems
    assert owner.patch(f"/api/teams/{team_id}", {"version": 3}).status == 422


def test_afterwards_the_plan_is_fixed(owner: Person, admin: Person) -> None:
    team_id = owner.make()
    admin.post(f"/api/admin/teams/{team_id}/activate", None)

    refused = owner.patch(f"/api/teams/{team_id}", {"maxMembers": 50, "totalTokensMonthly": 10**9, "name": "Tigers"})
    assert code(refused) == (409, "PLAN_FIXED")
    assert refused.error["details"]["fields"] == ["maxMembers", "totalTokensMonthly"]
    assert owner.patch(f"/api/teams/{team_id}", {"maxMembers": 3, "name": "Tigers"}).data["name"] == "Tigers"


def test_within_what_was_bought_its_people_choose(owner: Person, admin: Person) -> None:
    team_id = owner.make()
    admin.post(f"/api/admin/teams/{team_id}/activate", None)
    owner.as_admin(
        "UPDATE teams SET plan_terms ="
        """ '{"maxMembers": 5, "totalTokensMonthly": 2000, "models": ["gpt-4o", "grok-3"]}'::jsonb RETURNING id"""
    )

    team = owner.patch(f"/api/teams/{team_id}", {"maxMembers": 5, "models": ["grok-3"]}).data
    assert (team["maxMembers"], team["models"]) == (5, ["grok-3"])
    for beyond in ({"maxMembers": 6}, {"totalTokensMonthly": 2001}, {"models": ["grok-3-fast"]}, {"type": "family"}):
        assert code(owner.patch(f"/api/teams/{team_id}", beyond)) == (409, "PLAN_FIXED"), beyond


def test_a_stale_edit_is_told(owner: Person, admin: Person) -> None:
    team_id = owner.make()
    owner.patch(f"/api/teams/{team_id}", {"name": "Tigers", "version": 1})

    assert code(owner.patch(f"/api/teams/{team_id}", {"name": "Bears", "version": 1})) == (409, "STALE_EDIT")
    stale = admin.send("PATCH", f"/api/admin/teams/{team_id}", {"name": "Bears"}, headers={"if-match": '"1"'})
    assert code(stale) == (409, "STALE_EDIT")
    assert owner.get(f"/api/teams/{team_id}").data["name"] == "Tigers"


def test_a_team_is_not_made_smaller_than_it_is(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.take_in(team_id, ben)

    assert code(owner.patch(f"/api/teams/{team_id}", {"maxMembers": 1})) == (409, "MEMBERS_EXCEED_SIZE")


def test_what_an_admin_switches_on_is_what_they_looked_at(owner: Person, admin: Person) -> None:
    team_id = owner.make()
    seen = {"If-Match": str(admin.get(f"/api/admin/teams/{team_id}").data["version"])}
    owner.patch(f"/api/teams/{team_id}", {"totalTokensMonthly": 1_000_000_000_000})

    stale = admin.send("POST", f"/api/admin/teams/{team_id}/activate", headers=seen)
    assert code(stale) == (409, "STALE_EDIT")
    assert owner.get(f"/api/teams/{team_id}").data["status"] == "incomplete"


def test_an_admin_switches_a_team_on_and_off(owner: Person, admin: Person) -> None:
    team_id = owner.make()

    on = admin.post(f"/api/admin/teams/{team_id}/activate", None).data
    assert (on["status"], on["owner"]["email"]) == ("active", "olive@example.test")
    assert on["period"]["tokensRemaining"] == 1000
    assert admin.post(f"/api/admin/teams/{team_id}/activate", None).data == on  # once is enough
    assert owner.desk().send(model_id="gpt-4o")[-2].data["access"] == "team"
    own = owner.get(f"/api/teams/{team_id}").data
    assert (own["period"]["tokensUsed"], own["ownTokens"]["used"]) == (30, 30)

    assert admin.post(f"/api/admin/teams/{team_id}/suspend", None).data["status"] == "suspended"
    assert owner.desk().send(model_id="gpt-4o")[-2].data["access"] == "trial"
    audited = admin.get("/api/admin/audit", target=team_id).data
    assert [row["action"] for row in audited] == ["team.suspend", "team.activate"]
    assert (audited[1]["before"]["status"], audited[1]["after"]["status"]) == ("incomplete", "active")


def test_whether_a_team_gives_access_and_until_when_is_told(owner: Person, admin: Person) -> None:
    team_id = owner.make()
    admin.post(f"/api/admin/teams/{team_id}/activate", None)

    def told(status: str, days: int | None) -> list[tuple[str, bool, bool]]:
        owner.as_admin(
            "UPDATE teams SET status = :status, access_until = now() + :days ::int * interval '1 day' RETURNING id",
            status=status,
            days=days,
        )
        seen = [owner.get(f"/api/teams/{team_id}").data, *admin.get("/api/admin/teams").data]
        return [(team["status"], team["givesAccess"], team["accessUntil"] is not None) for team in seen]

    assert told("active", None) == [("active", True, False)] * 2
    assert told("past_due", 3) == [("past_due", True, True)] * 2
    assert told("past_due", -1) == [("past_due", False, True)] * 2
    assert told("suspended", 3) == [("suspended", False, True)] * 2

    def switched_on() -> tuple[str, bool]:
        team = admin.post(f"/api/admin/teams/{team_id}/activate", None).data
        return team["status"], team["accessUntil"] is not None

    assert switched_on() == ("active", True)  # what it was paid for when it was suspended, and no longer
    told("canceled", -1)
    assert switched_on() == ("active", False)  # by the admin's word, without an end


def test_an_admin_changes_a_plan(owner: Person, admin: Person) -> None:
    team_id = owner.make()
    admin.post(f"/api/admin/teams/{team_id}/activate", None)

    changed = admin.patch(f"/api/admin/teams/{team_id}", {"totalTokensMonthly": 30, "models": ["grok-3"]}).data
    assert (changed["totalTokensMonthly"], changed["models"]) == (30, ["grok-3"])
    assert "models[0]" in admin.patch(f"/api/admin/teams/{team_id}", {"models": ["nothing"]}).problems
    assert admin.get("/api/admin/audit", target=team_id).data[0]["action"] == "team.change"


def test_all_teams_of_a_tenant_by_status(owner: Person, ben: Person, admin: Person) -> None:
    first, second = owner.make(), ben.make()
    admin.post(f"/api/admin/teams/{first}/activate", None)

    assert [team["id"] for team in admin.get("/api/admin/teams").data] == [second, first]
    assert [team["id"] for team in admin.get("/api/admin/teams", status="active").data] == [first]
    assert "status" in admin.get("/api/admin/teams", status="great").problems
    page = admin.get("/api/admin/teams", limit=1)
    assert page.data[0]["id"] == second
    assert [team["id"] for team in admin.get("/api/admin/teams", cursor=page.body["meta"]["nextCursor"]).data] == [
        first
    ]
    assert admin.get(f"/api/admin/teams/{first}").data["owner"]["userId"] == owner.user_id


def test_a_closed_team_is_over_for_everyone(owner: Person, ben: Person, admin: Person) -> None:
    team_id = owner.make()
    admin.post(f"/api/admin/teams/{team_id}/activate", None)
    owner.take_in(team_id, ben)
    owner.invite(team_id, "x@example.test")
    assert code(ben.delete(f"/api/teams/{team_id}")) == (403, "TEAM_OWNER_ONLY")

    closed = owner.delete(f"/api/teams/{team_id}").data
    assert (closed["status"], closed["givesAccess"]) == ("closed", False)
    for person in (owner, ben):
        assert code(person.get(f"/api/teams/{team_id}")) == (404, "NOT_FOUND")
        assert person.get("/api/teams").data == []
        assert person.desk().send(model_id="gpt-4o")[-2].data["access"] == "trial"
    for path in ("activate", "suspend"):
        assert code(admin.post(f"/api/admin/teams/{team_id}/{path}", None)) == (409, "TEAM_CLOSED")
    invited = Person(owner.database, owner.tenant_id, "x")
    assert invited.get("/api/teams/invitations").data == []
    assert {code(invited.post(f"/api/teams/{team_id}/{word}", None)) for word in ("accept", "decline")} == {
        (404, "NOT_FOUND")
    }


def test_the_catalogue_shows_what_a_team_opens(owner: Person, admin: Person) -> None:
    def status() -> tuple[str, bool]:
        (model,) = [model for model in owner.get("/api/models").data["premium"] if model["id"] == "gpt-4o"]
        return model["purchaseStatus"], model["purchased"]

    team_id = owner.make()
    assert status()[0] == "trial"
    admin.post(f"/api/admin/teams/{team_id}/activate", None)
    assert status()[0] == "team"
