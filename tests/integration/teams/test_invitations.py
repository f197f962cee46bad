"""Invitations into a team: mailed, taken up by those they are for, in time and while there is room."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from stoa.database.pool import Scope
from tests.integration.teams.client import Person, code

REQUESTS = 20


def age(owner: Person, days: int) -> None:
    """Let all invitations have been sent so many days ago."""
    owner.as_admin(
        "UPDATE team_members SET created_at = created_at - :age ::interval,"
        " invitation_expires_at = invitation_expires_at - :age ::interval RETURNING id",
        age=f"{days} days",
    )


def test_an_invitation_is_mailed_seen_and_taken_up(owner: Person, ben: Person) -> None:
    team_id = owner.make()

    invited = owner.invite(team_id, "Ben@Example.TEST").body["data"]
    assert (invited["email"], invited["status"], invited["userId"]) == ("ben@example.test", "invited", None)
    with owner.database.autocommit(Scope(tenant_id=owner.tenant_id)) as connection:
        (mail,) = connection.run("SELECT recipient, subject, body FROM mail_outbox")
    assert (mail["recipient"], mail["subject"]) == ("ben@example.test", "Join the team Lions")
    assert "olive@example.test invites you" in mail["body"]

    (seen,) = ben.get("/api/teams/invitations").data
    assert (seen["teamId"], seen["teamName"], seen["invitedBy"]) == (team_id, "Lions", "olive@example.test")
    assert code(ben.get(f"/api/teams/{team_id}")) == (404, "NOT_FOUND")  # not yet
    joined = ben.accept(team_id).data
    assert (joined["role"], joined["memberCount"], joined["billingEmail"]) == ("member", 2, None)
    assert ben.accept(team_id).data == joined  # sent twice
    assert ben.get("/api/teams/invitations").data == []
    assert owner.members(team_id)["ben@example.test"] == ("member", "active")


def test_only_the_invited_identity_accepts_or_declines(owner: Person, ben: Person, cleo: Person) -> None:
    team_id = owner.make()
    owner.invite(team_id, ben.email)

    assert code(cleo.accept(team_id)) == (404, "NOT_FOUND")
    assert code(cleo.post(f"/api/teams/{team_id}/decline", None)) == (404, "NOT_FOUND")
    assert ben.post(f"/api/teams/{team_id}/decline", None).data == {"teamId": team_id, "status": "declined"}
    assert code(ben.accept(team_id)) == (404, "NOT_FOUND")
    assert code(ben.post(f"/api/teams/{team_id}/decline", None)) == (404, "NOT_FOUND")
    assert owner.get(f"/api/teams/{team_id}").data["memberCount"] == 1


@pytest.mark.parametrize("verified", [False, "false"])
def test_an_e_mail_that_the_issuer_calls_unverified_opens_nothing(owner: Person, ben: Person, verified: Any) -> None:
    team_id = owner.make()
    owner.invite(team_id, ben.email)
    ben.claims = {"email_verified": verified}

    assert ben.get("/api/teams/invitations").data == []
    assert code(ben.accept(team_id)) == (404, "NOT_FOUND")
    ben.claims = {"email_verified": "true"}
    assert ben.accept(team_id).status == 200


def test_an_identity_without_e_mail_is_invited_nowhere(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.invite(team_id, ben.email)
    ben.claims = {"email": None}

    assert ben.get("/api/teams/invitations").data == []
    assert code(ben.accept(team_id)) == (404, "NOT_FOUND")


def test_an_expired_invitation_is_gone_and_its_place_free(owner: Person, ben: Person) -> None:
    team_id = owner.make(maxMembers=2)
    owner.invite(team_id, ben.email)
    assert code(owner.invite(team_id, "other@example.test")) == (409, "TEAM_FULL")
    age(owner, 14)

    assert code(ben.accept(team_id)) == (410, "INVITATION_EXPIRED")
    assert ben.get("/api/teams/invitations").data == []
    assert owner.get(f"/api/teams/{team_id}").data["memberCount"] == 1
    owner.take_in(team_id, ben)  # invited again


def test_a_removed_member_can_be_invited_again(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.take_in(team_id, ben)

    removed = owner.delete(f"/api/teams/{team_id}/members/{ben.user_id}").data
    assert (removed["status"], removed["userId"]) == ("removed", ben.user_id)
    assert code(ben.get(f"/api/teams/{team_id}")) == (404, "NOT_FOUND")
    assert code(ben.accept(team_id)) == (404, "NOT_FOUND")
    owner.take_in(team_id, ben)
    assert ben.get(f"/api/teams/{team_id}").data["role"] == "member"


def test_nobody_is_invited_twice(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.invite(team_id, ben.email)
    assert code(owner.invite(team_id, ben.email)) == (409, "ALREADY_INVITED")

    ben.accept(team_id)
    assert code(owner.invite(team_id, ben.email.upper())) == (409, "ALREADY_MEMBER")
    assert code(owner.invite(team_id, owner.email)) == (409, "ALREADY_MEMBER")


def test_who_is_in_by_another_e_mail_leaves_the_place_free(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.take_in(team_id, ben)
    owner.invite(team_id, "ben@work.test")
    ben.claims = {"email": "ben@work.test"}

    assert ben.accept(team_id).data["memberCount"] == 2
    assert ben.get("/api/teams/invitations").data == []


def test_an_invitation_can_be_taken_back(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    invited = owner.invite(team_id, ben.email).body["data"]

    assert owner.delete(f"/api/teams/{team_id}/members/{invited['id']}").data["status"] == "removed"
    assert code(ben.accept(team_id)) == (404, "NOT_FOUND")
    assert code(owner.delete(f"/api/teams/{team_id}/members/{invited['id']}")) == (404, "NOT_FOUND")


def test_the_cap_counts_active_and_invited_under_many_at_once(owner: Person) -> None:
    team_id = owner.make(maxMembers=4)  # three places beside the owner's

    with ThreadPoolExecutor(REQUESTS) as pool:
        replies = list(pool.map(lambda number: owner.invite(team_id, f"m{number}@example.test"), range(REQUESTS)))

    assert sorted(reply.status for reply in replies) == [201] * 3 + [409] * (REQUESTS - 3)
    assert {reply.error["code"] for reply in replies if reply.status == 409} == {"TEAM_FULL"}
    assert owner.get(f"/api/teams/{team_id}").data["memberCount"] == 4


def test_who_was_invited_before_the_team_was_cut_to_its_plan_joins_while_there_is_room(
    owner: Person, ben: Person, cleo: Person
) -> None:
    team_id = owner.make(maxMembers=3)
    for person in (ben, cleo):
        owner.invite(team_id, person.email)
    owner.as_admin("UPDATE teams SET max_members = 2 RETURNING id")  # as the payment of a smaller plan does

    assert ben.accept(team_id).status == 200
    assert code(cleo.accept(team_id)) == (409, "TEAM_FULL")
    ben.delete(f"/api/teams/{team_id}/members/{ben.user_id}")
    assert cleo.accept(team_id).status == 200


def test_while_its_pay_page_is_open_nobody_comes_in_beyond_what_is_sold_there(owner: Person, ben: Person) -> None:
    team_id = owner.make(maxMembers=2)
    made = "UPDATE teams SET checkout = jsonb_build_object('terms', '{\"maxMembers\": 2}'::jsonb, 'madeAt', now() - "
    owner.as_admin(made + "interval '1 hour') RETURNING id")
    owner.patch(f"/api/teams/{team_id}", {"maxMembers": 9})
    owner.take_in(team_id, ben)

    assert code(owner.invite(team_id, "more@example.test")) == (409, "TEAM_FULL")
    owner.as_admin(made + "interval '2 days') RETURNING id")
    assert owner.invite(team_id, "more@example.test").status == 201


def test_one_invitation_taken_up_many_times_at_once_makes_one_member(owner: Person, ben: Person) -> None:
    team_id = owner.make()
    owner.invite(team_id, ben.email)

    with ThreadPoolExecutor(REQUESTS) as pool:
        replies = list(pool.map(lambda _: ben.accept(team_id), range(REQUESTS)))

    assert {reply.status for reply in replies} == {200}
    assert owner.get(f"/api/teams/{team_id}").data["memberCount"] == 2


def test_invitations_are_no_way_to_send_mail_to_the_world(owner: Person, admin: Person) -> None:
    team_id = owner.make(maxMembers=10_000)
    for number in range(20):
        assert owner.invite(team_id, f"m{number}@example.test").status == 201
    refused = owner.invite(team_id, "one-more@example.test")
    assert code(refused) == (429, "TOO_MANY_INVITATIONS")
    assert refused.headers["Retry-After"] == "86400"

    admin.post(f"/api/admin/teams/{team_id}/activate", None)
    assert owner.invite(team_id, "one-more@example.test").status == 201


def test_teams_made_and_closed_in_turn_are_no_way_around_it(owner: Person) -> None:
    for team_number in range(2):
        team_id = owner.make(maxMembers=100)
        for number in range(10):
            assert owner.invite(team_id, f"m{team_number}-{number}@example.test").status == 201
        owner.delete(f"/api/teams/{team_id}")

    assert code(owner.invite(owner.make(), "one-more@example.test")) == (429, "TOO_MANY_INVITATIONS")
    age(owner, 1)
    assert owner.invite(owner.make(), "one-more@example.test").status == 201


def test_one_person_is_not_pestered(owner: Person) -> None:
    team_id = owner.make()
    for _ in range(3):
        invited = owner.invite(team_id, "dora@example.test").body["data"]
        owner.delete(f"/api/teams/{team_id}/members/{invited['id']}")

    assert code(owner.invite(team_id, "dora@example.test")) == (429, "TOO_MANY_INVITATIONS")
    age(owner, 1)
    assert owner.invite(team_id, "dora@example.test").status == 201
