"""Conversations, usage and modes: what is the member's, and nobody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from stoa.clients.wires.types import Citation, Finish, ProviderError, Text
from stoa.http.cursors import make_cursor
from tests.integration.chat.support import ScriptedProviders, fails
from tests.integration.member.support import Client


def say(ada: Client, content: str = "Hello", **message: Any) -> str:
    """Send a message; the id of its conversation."""
    done = ada.desk().send(content, **message)[-1]
    return str(done.data["conversationId"])


def pages(ada: Client, path: str, **query: Any) -> list[list[dict]]:
    found, cursor = [], None
    while True:
        reply = ada.get(path, **query, **({"cursor": cursor} if cursor else {}))
        found.append(reply.data)
        cursor = reply.body["meta"]["nextCursor"]
        if cursor is None:
            return found


class TestConversations:
    def test_a_chat_is_found_with_its_messages_model_citations_and_cost(self, ada: Client) -> None:
        def script(call: Any, cancel: Any) -> Any:
            yield Text("As Seneca says.")
            yield Finish("stop", 1_000_000, 0, citations=(Citation("https://example.test/seneca", "Letters"),))

        found = ada.desk(ScriptedProviders(script)).send("What is in our power?", model_id="codestral-latest")
        conversation_id = found[-1].data["conversationId"]
        (listed,) = ada.get("/api/conversations").data
        assert (listed["id"], listed["messageCount"]) == (conversation_id, 2)
        question, answer = ada.get(f"/api/conversations/{conversation_id}").data["messages"]
        assert (question["role"], question["content"]) == ("user", "What is in our power?")
        assert (question["modelId"], question["charge"], question["metadata"]) == (None, None, None)
        assert (answer["role"], answer["content"]) == ("assistant", "As Seneca says.")
        assert (answer["modelId"], answer["modelName"]) == ("codestral-latest", "Codestral")
        assert answer["citations"] == [{"url": "https://example.test/seneca", "title": "Letters"}]
        assert answer["charge"] == answer["metadata"]["charge"]
        assert float(answer["charge"]) > 0
        assert answer["isPartial"] is False

    def test_pages_hold_each_conversation_once_last_used_first(self, ada: Client) -> None:
        made = [say(ada, f"Message {number}") for number in range(5)]
        say(ada, "Again", conversation_id=UUID(made[0]))
        expected = [made[0], *reversed(made[1:])]
        found = pages(ada, "/api/conversations", limit=2)
        assert [[one["id"] for one in page] for page in found] == [expected[:2], expected[2:4], expected[4:]]

    def test_messages_come_newest_page_first_and_in_order_inside(self, ada: Client) -> None:
        conversation_id = say(ada, "1")
        for content in ("2", "3"):
            say(ada, content, conversation_id=UUID(conversation_id))
        first = ada.get(f"/api/conversations/{conversation_id}", limit=4)
        assert [one["content"] for one in first.data["messages"]] == ["2", "Hello there.", "3", "Hello there."]
        rest = ada.get(f"/api/conversations/{conversation_id}", limit=4, cursor=first.body["meta"]["nextCursor"])
        assert [one["content"] for one in rest.data["messages"]] == ["1", "Hello there."]
        assert rest.body["meta"]["nextCursor"] is None

    def test_deleting_takes_messages_along_and_leaves_the_ledger(self, ada: Client) -> None:
        conversation_id = say(ada)
        assert ada.delete(f"/api/conversations/{conversation_id}").data == {"deleted": True}
        assert ada.get("/api/conversations").data == []
        assert ada.get(f"/api/conversations/{conversation_id}").status == 404
        assert ada.delete(f"/api/conversations/{conversation_id}").status == 404
        assert ada.desk().query("SELECT FROM messages WHERE user_id = :user_id") == []
        assert ada.get("/api/usage").body["meta"]["totals"]["messages"] == 1

    def test_another_members_conversation_does_not_exist(self, ada: Client, bob: Client, stranger: Client) -> None:
        conversation_id = say(ada)
        for other in (bob, stranger):
            assert other.get("/api/conversations").data == []
            assert other.get(f"/api/conversations/{conversation_id}").status == 404
            assert other.delete(f"/api/conversations/{conversation_id}").status == 404
        assert ada.get(f"/api/conversations/{conversation_id}").status == 200

    @pytest.mark.parametrize("conversation_id", [str(UUID(int=7)), "7", "x" * 300, "a'b"])
    def test_an_unknown_one_is_404(self, ada: Client, conversation_id: str) -> None:
        assert ada.get(f"/api/conversations/{conversation_id}").error["code"] == "NOT_FOUND"


class TestUsage:
    def test_sums_by_day_and_model(self, ada: Client) -> None:
        say(ada, model_id="codestral-latest")
        say(ada, model_id="codestral-latest")
        say(ada, model_id="gpt-4o")
        reply = ada.get("/api/usage")
        today = datetime.now(UTC).date().isoformat()
        assert [(row["date"], row["modelId"], row["messages"]) for row in reply.data] == [
            (today, "codestral-latest", 2),
            (today, "gpt-4o", 1),
        ]
        coder, trial = reply.data
        assert (coder["modelName"], coder["inputTokens"], coder["outputTokens"]) == ("Codestral", 20, 40)
        assert coder["charge"] == "0.002000000"  # twice the minimum
        assert float(trial["charge"]) == 0
        totals = {"messages": 3, "inputTokens": 30, "outputTokens": 60, "charge": "0.002000000"}
        assert reply.body["meta"]["totals"] == totals

    def test_failed_messages_are_no_usage(self, ada: Client) -> None:
        down = ScriptedProviders(fails(ProviderError("unavailable", provider_id="mistral", reason="down")))
        ada.desk(down).send(model_id="codestral-latest")
        reply = ada.get("/api/usage")
        assert reply.data == []
        assert reply.body["meta"]["totals"] == {"messages": 0, "inputTokens": 0, "outputTokens": 0, "charge": "0"}

    def test_days_are_the_tenants_own_and_bound_the_period(self, ada: Client) -> None:
        desk = ada.desk()
        say(ada)
        desk.change("UPDATE tenants SET time_zone = 'Pacific/Kiritimati' WHERE id = :tenant_id")
        there = (datetime.now(UTC) + timedelta(hours=14)).date()
        for age in range(4):
            say(ada)
            desk.change(
                "UPDATE usage SET reserved_at = now() - :age * interval '1 day', local_day = :day "
                "WHERE tenant_id = :tenant_id AND id = (SELECT max(id::text)::uuid FROM usage)",
                age=age,
                day=there - timedelta(days=age),
            )
        reply = ada.get("/api/usage", days=3)
        meta = reply.body["meta"]
        assert (meta["from"], meta["to"]) == ((there - timedelta(days=2)).isoformat(), there.isoformat())
        assert meta["timeZone"] == "Pacific/Kiritimati"
        assert [row["date"] for row in reply.data][:1] == [there.isoformat()]
        assert min(row["date"] for row in reply.data) == meta["from"]

    def test_pages_hold_each_row_once(self, ada: Client) -> None:
        for model_id in ("codestral-latest", "phi-4", "gpt-4o-mini", "gpt-4o", "grok-2-mini"):
            say(ada, model_id=model_id)
        found = pages(ada, "/api/usage", limit=2)
        assert [len(page) for page in found] == [2, 2, 1]
        names = [row["modelId"] for page in found for row in page]
        assert names == sorted(["codestral-latest", "phi-4", "gpt-4o-mini", "gpt-4o", "grok-2-mini"])

    def test_usage_is_ones_own(self, ada: Client, bob: Client, stranger: Client) -> None:
        say(ada)
        assert bob.get("/api/usage").data == []
        assert stranger.get("/api/usage").data == []

    @pytest.mark.parametrize("days", ["0", "367", "-1", "x", "1.5", "", "９", "9" * 400])
    def test_days_out_of_bounds_are_refused(self, ada: Client, days: str) -> None:
        assert "days" in ada.get("/api/usage", days=days).problems


class TestModes:
    def test_the_five_focus_modes_in_order(self, ada: Client) -> None:
        listed = ada.get("/api/focus-modes").data
        assert [one["id"] for one in listed] == ["general", "code", "writer", "analyst", "researcher"]
        assert all(one["isSystem"] for one in listed)
        assert "systemPrompt" not in listed[0]

    def test_a_tenants_own_focus_mode_takes_the_systems_place(self, ada: Client, stranger: Client) -> None:
        ada.as_admin(
            "INSERT INTO focus_modes (id, tenant_id, name, icon, system_prompt, display_order) "
            "VALUES ('code', :tenant_id, 'Our code', 'fork', 'Mind our style guide.', 1)"
        )
        listed = {one["id"]: one for one in ada.get("/api/focus-modes").data}
        assert (listed["code"]["name"], listed["code"]["isSystem"]) == ("Our code", False)
        assert len(listed) == 5
        assert {one["name"] for one in stranger.get("/api/focus-modes").data} >= {"Code"}

    def test_the_seven_domain_modes_in_order(self, ada: Client) -> None:
        listed = ada.get("/api/domain-modes").data
        assert [one["id"] for one in listed] == [
            "general",
            "medical",
            "legal",
            "code",
            "academic",
            "creative",
            "scientific",
        ]
        assert next(one for one in listed if one["id"] == "medical")["temperature"] == 0.2

    def test_a_tenant_switches_modes_off_and_sets_their_model(self, ada: Client, stranger: Client) -> None:
        decided = """
            INSERT INTO tenant_domain_modes (tenant_id, mode_id, enabled, default_model, temperature)
            VALUES (:tenant_id, 'medical', false, NULL, NULL), (:tenant_id, 'code', NULL, 'auto', 0)
        """
        ada.as_admin(decided)
        listed = {one["id"]: one for one in ada.get("/api/domain-modes").data}
        assert "medical" not in listed
        assert (listed["code"]["defaultModelId"], listed["code"]["temperature"]) == ("auto", 0)
        assert len(stranger.get("/api/domain-modes").data) == 7


@pytest.mark.parametrize("path", ["/api/conversations", "/api/usage", "/api/personas"])
class TestPaging:
    @pytest.mark.parametrize("limit", ["0", "201", "x", "-1"])
    def test_a_page_size_out_of_bounds_is_named(self, ada: Client, path: str, limit: str) -> None:
        assert "limit" in ada.get(path, limit=limit).problems

    @pytest.mark.parametrize(
        "cursor",
        [
            "nonsense",
            "e30=",
            make_cursor("x"),
            make_cursor("x", "y"),
            make_cursor("x", "y", "z"),
            make_cursor("2026-01-01", "\x00"),
            make_cursor("2026-01-01", "\ud800"),
            make_cursor("0", "\x00", ""),
            make_cursor("99999999999", "a", "b"),
            make_cursor("0001-01-01T00:00:00+14:00", str(UUID(int=7))),
            make_cursor("9999-12-31T23:59:59-14:00", str(UUID(int=7))),
        ],
    )
    def test_a_foreign_cursor_is_refused_and_never_breaks(self, ada: Client, path: str, cursor: str) -> None:
        assert ada.get(path, cursor=cursor).error["code"] == "MALFORMED_REQUEST"
