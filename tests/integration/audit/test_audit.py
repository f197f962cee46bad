"""The audit log: every change with before and after, in the change's own transaction, for ever."""

from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

import pytest

from stoa.database.pool import Scope, StatementFailed
from tests.integration.model_admin.support import NEW_MODEL, Admin, created

PATH = "/api/admin/audit"


def denied() -> AbstractContextManager[object]:
    return pytest.raises(StatementFailed, match="permission denied")


def test_a_row_says_who_did_what_before_and_after(admin: Admin) -> None:
    admin.change("gpt-4o", unlockPriceCents=999)
    admin.change("gpt-4o", unlockPriceCents=None, dailyLimit="unlimited")
    newest, first = admin.get(PATH).data
    assert (first["before"], first["after"]) == ({"unlockPriceCents": None}, {"unlockPriceCents": 999})
    assert newest["before"] == {"unlockPriceCents": 999, "dailyLimit": None}
    assert newest["after"] == {"unlockPriceCents": None, "dailyLimit": "unlimited"}
    assert (newest["actorId"], newest["actorEmail"]) == (str(admin.member.user_id), "admin@example.test")
    assert (newest["action"], newest["target"], newest["requestId"]) == ("model.change", "gpt-4o", "request-1")


def test_every_mutation_leaves_a_row(admin: Admin, ada: Admin) -> None:
    user_id = str(ada.member.user_id)
    model_id = created(admin.post("/api/admin/models", NEW_MODEL))["id"]
    admin.change(model_id, trialMessages=1)
    admin.post(f"/api/admin/models/{model_id}/disable", None)
    admin.post(f"/api/admin/models/{model_id}/enable", None)
    granted = created(admin.post("/api/admin/entitlements/grant-model", {"userId": user_id, "modelId": model_id}))
    admin.delete(f"/api/admin/entitlements/{granted['id']}")
    admin.patch("/api/admin/settings", {"name": "New"})
    assert admin.audited() == [
        ("settings.change", "settings"),
        ("entitlement.revoke", user_id),
        ("entitlement.grant", user_id),
        ("model.enable", model_id),
        ("model.disable", model_id),
        ("model.change", model_id),
        ("model.create", model_id),
    ]


def test_what_is_refused_leaves_no_row(admin: Admin) -> None:
    admin.patch("/api/admin/models/gpt-4o", {"unlockPriceCents": 0})
    admin.patch("/api/admin/models/gpt-4o-mini", {"accessTier": "premium"})
    admin.patch("/api/admin/models/gpt-4o", {"trialMessages": 1, "version": 9})
    admin.patch("/api/admin/models/no-such", {"trialMessages": 1})
    admin.patch("/api/admin/models/gpt-4o", {})
    assert admin.audited() == []


def test_a_change_that_cannot_be_recorded_is_not_made(admin: Admin, ada: Admin) -> None:
    version = admin.model("gpt-4o")["version"]
    with patch("stoa.store.tenancy.audit.record", side_effect=StatementFailed("53100", None, "disk full")):
        assert admin.patch("/api/admin/models/gpt-4o", {"trialMessages": 9}).status == 500
        assert admin.post("/api/admin/models/gpt-4o/disable", None).status == 500
        grant = {"userId": str(ada.member.user_id), "modelId": "gpt-4o"}
        assert admin.post("/api/admin/entitlements/grant-model", grant).status == 500
    model = admin.model("gpt-4o")
    assert (model["version"], model["enabled"]) == (version, True)
    assert admin.get("/api/admin/entitlements").data == []


def test_filters(admin: Admin) -> None:
    second = Admin(admin.database, admin.tenant_id, "second")
    admin.change("gpt-4o", trialMessages=1)
    second.change("o1", trialMessages=1)
    second.post("/api/admin/models/gpt-4o/disable", None)
    assert admin.audited(action="model.disable") == [("model.disable", "gpt-4o")]
    assert admin.audited(target="gpt-4o") == [("model.disable", "gpt-4o"), ("model.change", "gpt-4o")]
    mine = [("model.change", "gpt-4o")]
    assert admin.audited(actor="ADMIN@example.test") == admin.audited(actor=admin.member.user_id) == mine
    assert len(admin.audited(actor="second@example.test")) == 2
    assert admin.audited(actor="second@example.test", target="o1", action="model.change") == [("model.change", "o1")]
    assert admin.audited(actor="nobody") == admin.audited(target="%") == []


def test_pages_hold_every_row_once(admin: Admin) -> None:
    for number in range(7):
        admin.change("gpt-4o", trialMessages=number)
    seen: list[Any] = []
    cursor: dict[str, str] = {}
    while True:
        page = admin.get(PATH, limit=3, **cursor)
        seen += [row["after"]["trialMessages"] for row in page.data]
        if page.body["meta"]["nextCursor"] is None:
            break
        cursor = {"cursor": page.body["meta"]["nextCursor"]}
    assert seen == [6, 5, 4, 3, 2, 1, 0]


def test_another_tenants_rows_are_not_seen(admin: Admin, other_admin: Admin) -> None:
    admin.change("gpt-4o", trialMessages=1)
    assert other_admin.audited() == []
    assert other_admin.audited(actor="admin@example.test") == []


@pytest.mark.parametrize("change", ["UPDATE audit_log SET action = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"])
@pytest.mark.parametrize("operator", [False, True])
def test_the_database_lets_nobody_of_ours_change_or_delete_a_row(admin: Admin, change: str, operator: bool) -> None:
    admin.change("gpt-4o", trialMessages=1)
    with denied(), admin.database.autocommit(Scope(tenant_id=admin.tenant_id, operator=operator)) as connection:
        connection.run(change)
    assert len(admin.audited()) == 1
