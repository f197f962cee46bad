"""Access by hand: granted once, for a time or for good, taken back with the row kept."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from stoa.core.errors import StoaError
from stoa.workflows.selection.member_view import load_member_view
from tests.door import shown
from tests.integration.chat.support import make_member
from tests.integration.model_admin.support import Admin, Reply, created, new_tenant

Events = Callable[[str], list[dict[str, object]]]

PATH = "/api/admin/entitlements"
MODEL = "gpt-4o"


def grant(admin: Admin, member: Admin, **fields: Any) -> dict[str, Any]:
    return created(send_grant(admin, userId=str(member.member.user_id), **fields))


def send_grant(admin: Admin, **fields: Any) -> Reply:
    return admin.post(f"{PATH}/grant-model", {"modelId": MODEL, **fields})


def status(member: Admin) -> str:
    (model,) = [row for row in member.get("/api/models").data["premium"] if row["id"] == MODEL]
    return str(model["purchaseStatus"])


def tomorrow() -> str:
    return (datetime.now(UTC) + timedelta(days=1)).isoformat()


def test_a_grant_by_user_id_unlocks_the_model(admin: Admin, ada: Admin, events: Events) -> None:
    assert status(ada) == "trial"
    granted = grant(admin, ada, notes="Beta tester")
    assert status(ada) == "granted"
    assert ada.desk().send(model_id=MODEL)[0].data["access"] == "entitled"
    user_id = str(ada.member.user_id)
    assert (granted["source"], granted["notes"], granted["userId"]) == ("admin_grant", "Beta tester", user_id)
    assert (granted["active"], granted["alreadyGranted"], granted["modelName"]) == (True, False, "GPT-4o")
    assert granted["grantedBy"] == str(admin.member.user_id)
    told = [{"modelId": MODEL, "userId": user_id, "source": "admin_grant"}]
    assert events("admin_model_access_granted") == told
    assert admin.audited(target=user_id) == [("entitlement.grant", user_id)]


def test_a_grant_by_e_mail_in_any_case(admin: Admin, ada: Admin) -> None:
    user_id = str(ada.member.user_id)
    assert created(send_grant(admin, email="ADA@Example.test"))["userId"] == user_id
    assert status(ada) == "granted"


def test_an_address_that_the_issuer_calls_unverified_is_nobodys(admin: Admin) -> None:
    other = Admin(admin.database, admin.tenant_id, "other", groups="[admin]")
    other.claims = {"email": "ada@example.test", "email_verified": "false"}
    assert other.get("/api/admin/settings").status == 200
    assert send_grant(admin, email="ada@example.test").status == 404


def test_an_e_mail_that_two_members_share_is_not_guessed(admin: Admin, ada: Admin) -> None:
    for subject in ("twin-1", "twin-2"):
        member = make_member(admin.database, admin.tenant_id, subject)
        admin.as_admin("UPDATE users SET email = 'twin@example.test' WHERE id = :id", id=member.user_id)
    reply = send_grant(admin, email="twin@example.test")
    assert (reply.status, reply.error["code"]) == (409, "AMBIGUOUS_EMAIL")


@pytest.mark.parametrize(
    "fields",
    [
        {"email": "nobody@example.test"},
        {"userId": str(uuid4())},
        {"email": "ada@example.test", "modelId": "no-such"},
    ],
)
def test_what_is_unknown_is_404(admin: Admin, ada: Admin, fields: dict[str, Any]) -> None:
    assert ada.member
    assert send_grant(admin, **fields).status == 404


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"userId": str(uuid4()), "email": "ada@example.test"},
        {"userId": "ada"},
        {"email": "ada@example.test", "source": "purchase"},
        {"email": "ada@example.test", "source": "team"},
        {"email": "ada@example.test", "expiresAt": "2020-01-01T00:00:00Z"},
        {"email": "ada@example.test", "expiresAt": "2030-01-01T00:00:00"},
        {"email": "ada@example.test", "expiresAt": "tomorrow"},
        {"email": "ada@example.test", "source": "trial"},
        {"email": "ada@example.test", "extraTrialMessages": 5},
        {"email": "ada@example.test", "source": "trial", "extraTrialMessages": 0},
        {"email": "ada@example.test", "source": "trial", "extraTrialMessages": 5, "expiresAt": "2099-01-01T00:00:00Z"},
    ],
)
def test_what_makes_no_sense_is_422_and_leaves_nothing(admin: Admin, ada: Admin, fields: dict[str, Any]) -> None:
    assert ada.member
    assert send_grant(admin, **fields).status == 422
    assert admin.get(PATH).data == []


def test_an_equal_grant_is_not_doubled(admin: Admin, ada: Admin, events: Events) -> None:
    first, second = grant(admin, ada), grant(admin, ada, notes="again")
    assert (second["id"], second["alreadyGranted"]) == (first["id"], True)
    assert len(admin.get(PATH).data) == len(events("admin_model_access_granted")) == len(admin.audited()) == 1
    assert grant(admin, ada, expiresAt=tomorrow())["id"] != first["id"]


def test_equal_grants_at_the_same_moment_make_one(admin: Admin, ada: Admin) -> None:
    user_id = str(ada.member.user_id)
    admin.member  # noqa: B018 - the first request makes the admin's row
    with ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda _: send_grant(admin, userId=user_id), range(24)))
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["data"]["id"] for reply in replies}) == 1
    assert len(admin.get(PATH).data) == 1


def test_a_grant_ends_at_its_hour(admin: Admin, ada: Admin) -> None:
    ends = datetime.now(UTC) + timedelta(hours=2)
    grant(admin, ada, source="plan", expiresAt=ends.isoformat())

    def source_at(now: datetime) -> str | None:
        return load_member_view(ada.database, ada.member, now).offers[MODEL].entitlement_source

    assert source_at(ends - timedelta(seconds=1)) == "plan"
    assert source_at(ends) is None


def test_a_trial_for_a_time(admin: Admin, ada: Admin) -> None:
    assert grant(admin, ada, source="trial", expiresAt=tomorrow())["active"] is True
    assert status(ada) == "granted"


def test_extra_trial_messages_are_messages_and_no_other_access(admin: Admin, ada: Admin) -> None:
    granted = grant(admin, ada, source="trial", extraTrialMessages=3)
    assert (granted["extraTrialMessages"], granted["active"]) == (3, True)
    assert status(ada) == "trial"
    assert ada.get(f"/api/models/{MODEL}/trial-status").data == {
        "trialMessagesRemaining": 5,
        "totalTrialMessages": 5,
        "canUseTrial": True,
    }
    desk = ada.desk()
    assert [desk.send(model_id=MODEL)[0].data["access"] for _ in range(5)] == ["trial"] * 5
    with pytest.raises(StoaError) as refused:
        desk.send(model_id=MODEL)
    assert (refused.value.code, shown(refused.value)[1]["reason"]) == ("MODEL_LOCKED", "TRIAL_EXPIRED")
    grant(admin, ada, source="trial", extraTrialMessages=1)
    assert desk.send(model_id=MODEL)[0].data["access"] == "trial"


def test_taking_trial_messages_back_leaves_what_was_used(admin: Admin, ada: Admin) -> None:
    granted = grant(admin, ada, source="trial", extraTrialMessages=3)
    desk = ada.desk()
    for _ in range(4):
        desk.send(model_id=MODEL)
    admin.delete(f"{PATH}/{granted['id']}")
    assert ada.get(f"/api/models/{MODEL}/trial-status").data == {
        "trialMessagesRemaining": 0,
        "totalTrialMessages": 2,
        "canUseTrial": False,
    }
    admin.delete(f"{PATH}/{granted['id']}")
    assert ada.get(f"/api/models/{MODEL}/trial-status").data["totalTrialMessages"] == 2


def test_revoking_locks_and_keeps_the_row(admin: Admin, ada: Admin) -> None:
    granted = grant(admin, ada)
    revoked = admin.delete(f"{PATH}/{granted['id']}").data
    assert (revoked["active"], revoked["revokedBy"]) == (False, str(admin.member.user_id))
    assert revoked["revokedAt"] is not None
    assert status(ada) == "trial"
    assert admin.delete(f"{PATH}/{granted['id']}").data == revoked
    assert [row["id"] for row in admin.get(PATH).data] == [granted["id"]]
    user_id = str(ada.member.user_id)
    assert admin.audited() == [("entitlement.revoke", user_id), ("entitlement.grant", user_id)]
    assert grant(admin, ada)["alreadyGranted"] is False


def test_a_purchase_may_be_revoked_by_hand(admin: Admin, ada: Admin) -> None:
    ada.grant(MODEL, "purchase")
    (row,) = admin.get(PATH).data
    assert (row["source"], row["grantedBy"]) == ("purchase", None)
    admin.delete(f"{PATH}/{row['id']}")
    assert status(ada) == "trial"


def test_the_list_is_filtered_and_paged(admin: Admin, ada: Admin) -> None:
    bob = Admin(admin.database, admin.tenant_id, "bob", groups="")
    models = ["gpt-4o", "o1", "deepseek-r1", "claude-3.5-haiku", "gpt-4o-mini"]
    for model_id in models:
        grant(admin, ada, modelId=model_id)
    ended = grant(admin, bob, modelId="o1")
    admin.delete(f"{PATH}/{ended['id']}")

    def ids(**query: Any) -> list[tuple[str, str]]:
        return [(row["email"].partition("@")[0], row["modelId"]) for row in admin.get(PATH, **query).data]

    everything = [("bob", "o1"), *(("ada", model_id) for model_id in reversed(models))]
    assert ids() == everything
    assert ids(userId=bob.member.user_id) == [("bob", "o1")]
    assert ids(modelId="o1") == [("bob", "o1"), ("ada", "o1")]
    assert ids(modelId="o1", active="true") == [("ada", "o1")]
    assert ids(active="false") == [("bob", "o1")]
    seen: list[tuple[str, str]] = []
    cursor = None
    while True:
        page = admin.get(PATH, limit=2, **({"cursor": cursor} if cursor else {}))
        seen += [(row["email"].partition("@")[0], row["modelId"]) for row in page.data]
        cursor = page.body["meta"]["nextCursor"]
        if cursor is None:
            break
    assert seen == everything


def test_another_tenants_member_and_grant_do_not_exist(admin: Admin, ada: Admin, other_admin: Admin) -> None:
    granted = grant(admin, ada)
    assert other_admin.get(PATH).data == []
    assert other_admin.delete(f"{PATH}/{granted['id']}").status == 404
    assert send_grant(other_admin, userId=str(ada.member.user_id)).status == 404
    assert send_grant(other_admin, email="ada@example.test").status == 404
    assert status(ada) == "granted"


def test_a_member_of_two_tenants_is_granted_in_one(admin: Admin, ada: Admin) -> None:
    elsewhere = Admin(admin.database, new_tenant(admin.database), "ada", groups="")
    grant(admin, ada)
    assert (status(ada), status(elsewhere)) == ("granted", "trial")
