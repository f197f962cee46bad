"""Focus and domain modes in an admin's hands, and what comes of them in a message."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import pytest

from stoa.core.errors import InvalidFields
from stoa.core.ids import new_id
from stoa.database.pool import Scope
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.chat.support import ScriptedProviders, overlay
from tests.integration.member.support import Client
from tests.integration.personas.support import made

FOCUS, DOMAINS = "/api/admin/focus-modes", "/api/admin/thinktank/domain-modes"
BRIEFING: dict[str, Any] = {
    "id": "briefing",
    "name": "Briefing",
    "icon": "clipboard",
    "systemPrompt": "Answer in five points.",
}


@pytest.fixture
def other_admin(admin: Client) -> Client:
    """An admin of another tenant."""
    tenant = create_tenant(admin.database, f"t-{new_id()}", "Other tenant", "UTC", datetime.now(UTC))
    return Client(admin.database, tenant, "admin", {"cognito:groups": "[admin]"})


def audited(admin: Client) -> list[tuple[str, str]]:
    """Action and target of every change, in order."""
    with admin.database.autocommit(Scope(tenant_id=admin.tenant_id)) as connection:
        return [(row["action"], row["target"]) for row in connection.run("SELECT * FROM audit_log ORDER BY id")]


def chosen(ada: Client, **message: Any) -> tuple[str, str]:
    """Rule and model that a message would meet."""
    decision = ada.post("/api/models/select", {"content": "Hello", "modelId": None, **message}).data
    return decision["rule"], decision["modelId"]


def call(ada: Client, **message: Any) -> Any:
    """The call that a message makes."""
    providers = ScriptedProviders()
    ada.desk(providers).send("Hello", **message)
    return providers.calls[0]


class TestFocusModes:
    def test_an_own_one_is_made_changed_and_deleted(self, admin: Client, ada: Client) -> None:
        fields = {**BRIEFING, "defaultModelId": "phi-4", "temperature": 0.3, "maxOutputTokens": 500, "displayOrder": 0}
        mode = made(admin.post(FOCUS, fields))
        assert {name: mode[name] for name in fields} == fields
        assert (mode["enabled"], mode["isSystem"], mode["replacesSystem"], mode["version"]) == (True, False, False, 1)
        assert admin.get(f"{FOCUS}/briefing").data == mode
        assert ada.get("/api/focus-modes").data[0]["id"] == "briefing"
        assert chosen(ada, focusMode="briefing") == ("focus_default", "phi-4")
        sent = call(ada, focus_mode="briefing")
        assert (sent.system, sent.temperature, sent.max_output_tokens) == ("Answer in five points.", 0.3, 500)
        assert call(ada, focus_mode="briefing", max_output_tokens=7).max_output_tokens == 7
        changed = admin.patch(f"{FOCUS}/briefing", {"temperature": None, "defaultModelId": None, "version": 1}).data
        assert (changed["temperature"], changed["defaultModelId"], changed["maxOutputTokens"]) == (None, None, 500)
        assert admin.patch(f"{FOCUS}/briefing", {"name": "x", "version": 1}).error["code"] == "STALE_EDIT"
        assert admin.delete(f"{FOCUS}/briefing").data == {"deleted": True}
        assert admin.get(f"{FOCUS}/briefing").status == admin.delete(f"{FOCUS}/briefing").status == 404
        with pytest.raises(InvalidFields):
            call(ada, focus_mode="briefing")
        assert audited(admin) == [
            ("focus_mode.create", "briefing"),
            ("focus_mode.change", "briefing"),
            ("focus_mode.delete", "briefing"),
        ]

    def test_one_with_a_system_modes_id_takes_its_place_until_it_is_deleted(
        self, admin: Client, ada: Client, other_admin: Client
    ) -> None:
        assert made(admin.post(FOCUS, {**BRIEFING, "id": "code"}))["replacesSystem"] is True
        assert admin.post(FOCUS, {**BRIEFING, "id": "code"}).error["code"] == "MODE_EXISTS"
        assert call(ada, focus_mode="code").system == "Answer in five points."
        assert len(admin.get(FOCUS).data) == 5
        assert other_admin.get(f"{FOCUS}/code").data["isSystem"] is True
        admin.delete(f"{FOCUS}/code")
        assert "pairing with a programmer" in call(ada, focus_mode="code").system

    def test_a_system_mode_is_changed_for_this_tenant_alone(
        self, admin: Client, ada: Client, other_admin: Client
    ) -> None:
        before = admin.get(f"{FOCUS}/writer").data
        changed = admin.patch(f"{FOCUS}/writer", {"enabled": False, "version": before["version"]}).data
        assert (changed["systemPrompt"], changed["enabled"]) == (before["systemPrompt"], False)
        assert admin.patch(f"{FOCUS}/writer", {"enabled": True, "version": before["version"]}).status == 409
        assert "writer" not in [one["id"] for one in ada.get("/api/focus-modes").data]
        with pytest.raises(InvalidFields, match="switched off"):
            call(ada, focus_mode="writer")
        assert other_admin.get(f"{FOCUS}/writer").data == before
        assert admin.delete(f"{FOCUS}/general").error["code"] == "SYSTEM_MODE"

    def test_nothing_changed_is_no_change(self, admin: Client) -> None:
        before = admin.get(f"{FOCUS}/writer").data
        assert admin.patch(f"{FOCUS}/writer", {"name": before["name"]}).data == before
        assert audited(admin) == []

    def test_auto_and_a_disabled_default_model(self, admin: Client, ada: Client) -> None:
        admin.post(FOCUS, {**BRIEFING, "defaultModelId": "auto"})
        assert chosen(ada, focusMode="briefing")[0] == "auto"
        admin.patch(f"{FOCUS}/briefing", {"defaultModelId": "phi-4"})
        overlay(ada.desk(), "phi-4", enabled=False)
        assert chosen(ada, focusMode="briefing") == ("system_default", "gpt-4o-mini")
        # The model that is gone may be sent back with a change of something else, and not be chosen anew.
        assert admin.patch(f"{FOCUS}/briefing", {"name": "B", "defaultModelId": "phi-4"}).status == 200
        assert "defaultModelId" in admin.post(FOCUS, {**BRIEFING, "id": "x", "defaultModelId": "phi-4"}).problems

    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"defaultModelId": "no-such"}, "defaultModelId"),
            ({"defaultModelId": "text-embedding-3-small"}, "defaultModelId"),
            ({"temperature": 2.1}, "temperature"),
            ({"temperature": -0.1}, "temperature"),
            ({"temperature": "1"}, "temperature"),
            ({"maxOutputTokens": 0}, "maxOutputTokens"),
            ({"name": ""}, "name"),
            ({"systemPrompt": ""}, "systemPrompt"),
            ({"id": "Not An Id"}, "id"),
        ],
    )
    def test_a_field_that_cannot_be_is_named(self, admin: Client, fields: dict[str, Any], path: str) -> None:
        assert path in admin.post(FOCUS, {**BRIEFING, **fields}).problems
        assert path in admin.patch(f"{FOCUS}/code", fields).problems

    def test_two_who_make_the_same_one_at_once_get_one(self, admin: Client) -> None:
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: admin.post(FOCUS, BRIEFING), range(8)))
        assert sorted(reply.status for reply in replies) == [201] + [409] * 7

    def test_there_is_an_end_to_them(self, admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("stoa.workflows.catalogue.focus_mode_admin.MOST_OWN_MODES", 1)
        made(admin.post(FOCUS, BRIEFING))
        assert admin.post(FOCUS, {**BRIEFING, "id": "b"}).error["code"] == "TOO_MANY_MODES"
        assert admin.patch(f"{FOCUS}/briefing", {"name": "B"}).status == 200
        assert admin.patch(f"{FOCUS}/code", {"name": "B"}).status == 409


class TestDomainModes:
    def test_what_holds_is_told_and_may_be_sent_back_as_it_is(self, admin: Client) -> None:
        before = admin.get(DOMAINS).body
        assert list(before["modes"]) == ["general", "medical", "legal", "code", "academic", "creative", "scientific"]
        medical = before["modes"]["medical"]
        assert (medical["enabled"], medical["defaultModel"], medical["temperature"]) == (True, None, 0.2)
        assert "warning signs" in medical["systemPrompt"]
        assert admin.put(DOMAINS, before).body == before
        assert audited(admin) == []

    def test_trap_absent_is_kept_and_null_gives_back_in_domain_modes(self, admin: Client) -> None:
        decided = {"enabled": False, "defaultModel": "auto", "temperature": 0, "systemPrompt": "Ours."}
        first = admin.put(DOMAINS, {"modes": {"code": decided}}).body
        assert first["modes"]["code"] == decided
        second = admin.put(DOMAINS, {"modes": {"code": {"temperature": 1.5}, "legal": {"enabled": False}}}).body
        assert second["modes"]["code"] == {**decided, "temperature": 1.5}
        assert second["modes"]["legal"]["enabled"] is False
        cleared = admin.put(DOMAINS, {"modes": {"code": dict.fromkeys(decided)}}).body
        assert cleared["modes"]["code"]["defaultModel"] is None
        assert cleared["modes"]["code"]["enabled"] is True
        assert cleared["modes"]["code"]["temperature"] == 0.2
        assert sorted(audited(admin)) == [("domain_mode.change", mode) for mode in ("code", "code", "code", "legal")]

    def test_a_stale_edit_is_refused(self, admin: Client) -> None:
        version = admin.get(DOMAINS).body["version"]
        changed = admin.put(DOMAINS, {"modes": {"code": {"temperature": 1}}, "version": version})
        assert changed.body["version"] == version + 1
        stale = admin.put(DOMAINS, {"modes": {"legal": {"temperature": 1}}, "version": version})
        assert (stale.status, stale.error["code"]) == (409, "STALE_EDIT")

    def test_they_reach_selection_and_chat(self, admin: Client, ada: Client, other_admin: Client) -> None:
        admin.put(DOMAINS, {"modes": {"code": {"defaultModel": "phi-4", "temperature": 0, "systemPrompt": "Ours."}}})
        assert chosen(ada, domainMode="code") == ("domain_default", "phi-4")
        sent = call(ada, domain_mode="code")
        assert (sent.system, sent.temperature) == ("Ours.", 0.0)
        admin.put(DOMAINS, {"modes": {"code": {"defaultModel": "auto", "systemPrompt": ""}}})
        assert chosen(ada, domainMode="code")[0] == "auto"
        assert call(ada, domain_mode="code").system is None
        admin.put(DOMAINS, {"modes": {"code": {"enabled": False}}})
        assert "code" not in [one["id"] for one in ada.get("/api/domain-modes").data]
        with pytest.raises(InvalidFields, match="switched off"):
            call(ada, domain_mode="code")
        assert other_admin.get(DOMAINS).body["modes"]["code"]["enabled"] is True

    @pytest.mark.parametrize(
        ("modes", "path"),
        [
            ({"alchemy": {}}, "modes.alchemy"),
            ({"code": {"temperature": 2.5}}, "modes.code.temperature"),
            ({"code": {"temperature": True}}, "modes.code.temperature"),
            ({"code": {"defaultModel": "no-such"}}, "modes.code.defaultModel"),
            ({"code": {"surprise": 1}}, "modes.code.surprise"),
            ({"code": {"systemPrompt": "x" * 20_001}}, "modes.code.systemPrompt"),
        ],
    )
    def test_a_field_that_cannot_be_is_named(self, admin: Client, modes: dict[str, Any], path: str) -> None:
        assert path in admin.put(DOMAINS, {"modes": modes}).problems
        assert admin.get(DOMAINS).body["version"] == 0

    def test_many_admins_at_once_lose_no_change(self, admin: Client) -> None:
        ids = list(admin.get(DOMAINS).body["modes"])
        with ThreadPoolExecutor(7) as pool:
            list(pool.map(lambda mode: admin.put(DOMAINS, {"modes": {mode: {"temperature": 1.25}}}), ids))
        assert {mode["temperature"] for mode in admin.get(DOMAINS).body["modes"].values()} == {1.25}


@pytest.mark.parametrize("path", [FOCUS, f"{FOCUS}/code", DOMAINS])
def test_a_member_is_no_admin(ada: Client, path: str) -> None:
    assert ada.get(path).error["code"] == "ADMIN_ONLY"


def test_the_audit_log_keeps_modes_before_and_after(admin: Client) -> None:
    made(admin.post(FOCUS, {**BRIEFING, "temperature": 0.3}))
    admin.patch(f"{FOCUS}/briefing", {"temperature": None})
    admin.put(DOMAINS, {"modes": {"code": {"enabled": False, "temperature": 1.25, "systemPrompt": "Ours."}}})
    with admin.database.autocommit(Scope(tenant_id=admin.tenant_id)) as connection:
        created, changed, domain = connection.run("SELECT before, after FROM audit_log ORDER BY id")
    briefing = {
        **BRIEFING,
        "defaultModelId": None,
        "temperature": "0.3",
        "maxOutputTokens": None,
        "displayOrder": 100,
        "enabled": True,
    }
    assert created == {"before": None, "after": briefing}
    assert changed == {"before": {**briefing, "temperature": "0.30"}, "after": {**briefing, "temperature": None}}
    assert domain["before"].keys() == domain["after"].keys()
    assert domain["before"]["enabled"] is True
    ours = {"enabled": False, "defaultModel": None, "temperature": "1.25", "systemPrompt": "Ours."}
    assert domain["after"] == ours
