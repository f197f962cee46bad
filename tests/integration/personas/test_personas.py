"""Personas: made, changed, cloned, published and counted by their owner; nobody else's business otherwise."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from stoa.clients.wires.types import ProviderError
from stoa.core.errors import NotFound
from stoa.database.pool import Database, Scope
from stoa.store.operations import day_close
from stoa.store.personas import persona_usage
from tests.integration.chat.support import ScriptedProviders, fails, overlay
from tests.integration.member.support import Client
from tests.integration.personas.support import GRANDMOTHER, add, ids, made

EVERY_FIELD = {
    **GRANDMOTHER,
    "displayName": "Nana",
    "avatarUrl": "https://example.test/nana.png",
    "voiceId": "warm-2",
    "traits": ["patient", "funny"],
    "domains": ["baking"],
    "style": {"tone": "warm", "length": "short", "emoji": False, "paragraphs": 2},
    "language": "de",
    "isPublic": True,
}


class TestOwnOnes:
    def test_every_field_is_saved_and_read(self, ada: Client) -> None:
        persona = made(ada.post("/api/personas", EVERY_FIELD))
        assert {name: persona[name] for name in EVERY_FIELD} == EVERY_FIELD
        assert (persona["isOwn"], persona["isSystem"], persona["version"], persona["usageCount"]) == (True, False, 1, 0)
        assert ada.get(f"/api/personas/{persona['id']}").data == persona

    def test_what_is_left_out_has_a_plain_default(self, ada: Client) -> None:
        persona = made(ada.post("/api/personas", GRANDMOTHER))
        assert (persona["displayName"], persona["traits"], persona["domains"]) == ("Grandmother", [], [])
        assert (persona["style"], persona["language"], persona["isPublic"]) == ({}, "en", False)

    def test_trap_null_clears_and_absent_keeps_in_a_persona(self, ada: Client) -> None:
        persona_id = made(ada.post("/api/personas", EVERY_FIELD))["id"]
        path = f"/api/personas/{persona_id}"
        kept = ada.patch(path, {"name": "Oma"}).data
        assert {name: kept[name] for name in EVERY_FIELD} == {**EVERY_FIELD, "name": "Oma"}
        cleared = ada.patch(path, dict.fromkeys(("displayName", "avatarUrl", "voiceId", "traits", "domains", "style")))
        assert (cleared.data["displayName"], cleared.data["avatarUrl"], cleared.data["voiceId"]) == ("Oma", None, None)
        assert (cleared.data["traits"], cleared.data["domains"], cleared.data["style"]) == ([], [], {})
        assert ada.patch(path, {"isPublic": False}).data["isPublic"] is False
        for name in ("name", "systemPrompt", "language", "isPublic"):
            assert ada.patch(path, {name: None}).status == 422

    def test_a_stale_edit_is_refused_and_changes_nothing(self, ada: Client) -> None:
        path = f"/api/personas/{add(ada)}"
        assert ada.patch(path, {"name": "First", "version": 1}).data["version"] == 2
        stale = ada.patch(path, {"name": "Second", "version": 1})
        assert (stale.status, stale.error["code"], stale.error["details"]) == (409, "STALE_EDIT", {"version": 2})
        assert ada.get(path).data["name"] == "First"

    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"name": ""}, "name"),
            ({"name": "x" * 101}, "name"),
            ({"systemPrompt": "  "}, "systemPrompt"),
            ({"systemPrompt": "x" * 20_001}, "systemPrompt"),
            ({"avatarUrl": "javascript:alert(1)"}, "avatarUrl"),
            ({"avatarUrl": "http://example.test/x.png"}, "avatarUrl"),
            ({"traits": ["x"] * 21}, "traits"),
            ({"traits": [""]}, "traits[0]"),
            ({"language": "english"}, "language"),
            ({"style": {"a b": "x"}}, "style.a b"),
            ({"style": {str(n): "x" for n in range(21)}}, "style.0"),
            ({"isPublic": "yes"}, "isPublic"),
            ({"surprise": 1}, "surprise"),
        ],
    )
    def test_a_field_that_cannot_be_is_named(self, ada: Client, fields: dict[str, Any], path: str) -> None:
        assert path in ada.post("/api/personas", {**GRANDMOTHER, **fields}).problems
        assert path in ada.patch(f"/api/personas/{add(ada)}", fields).problems

    def test_a_hundred_are_the_most_under_any_concurrency(self, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("stoa.workflows.personas.personas.MOST_PERSONAS", 5)
        with ThreadPoolExecutor(12) as pool:
            replies = list(pool.map(lambda _: ada.post("/api/personas", GRANDMOTHER), range(12)))
        assert sorted(reply.status for reply in replies) == [201] * 5 + [409] * 7
        assert {reply.error["code"] for reply in replies if reply.status == 409} == {"TOO_MANY_PERSONAS"}
        assert ada.post("/api/personas/lao/clone", None).status == 409

    def test_deleting_leaves_the_conversations_and_takes_the_override_along(self, ada: Client) -> None:
        persona_id = add(ada)
        ada.patch(
            "/api/profile/model-preferences", {"personaOverrides": {persona_id: "gpt-4o", "lao": "codestral-latest"}}
        )
        ada.desk().send("Hello", persona_id=persona_id)
        assert ada.delete(f"/api/personas/{persona_id}").data == {"deleted": True}
        assert ada.get(f"/api/personas/{persona_id}").status == 404
        assert ada.delete(f"/api/personas/{persona_id}").status == 404
        (conversation,) = ada.get("/api/conversations").data
        assert conversation["personaId"] == persona_id
        assert ada.get("/api/models").data["userPreferences"]["personaOverrides"] == {"lao": "codestral-latest"}
        with pytest.raises(NotFound):
            ada.desk().send("Hello", persona_id=persona_id)


class TestLists:
    def test_the_three_coaches_come_first_then_own_then_colleagues_public_ones(self, ada: Client, bob: Client) -> None:
        of_bob = add(bob, name="Aaron", isPublic=True)
        hidden = add(bob, name="Abel")
        own = add(ada, name="Zoe")
        assert ids(ada, limit=2) == ["lao", "marcus", "simone", own, of_bob]
        assert ids(bob, limit=1) == ["lao", "marcus", "simone", of_bob, hidden]

    def test_a_list_shows_own_prompts_only(self, ada: Client, bob: Client) -> None:
        of_bob, own = add(bob, isPublic=True), add(ada)
        prompts = {one["id"]: one["systemPrompt"] for one in ada.get("/api/personas").data}
        assert prompts == {
            "lao": None,
            "marcus": None,
            "simone": None,
            own: GRANDMOTHER["systemPrompt"],
            of_bob: None,
        }

    def test_they_are_filtered_and_searched(self, ada: Client, bob: Client) -> None:
        private, public = add(ada, name="Baker", domains=["Bread"]), add(ada, name="Smith", isPublic=True)
        of_bob = add(bob, name="Miller", traits=["bready"], isPublic=True)
        assert ids(ada, kind="mine") == [private, public]
        assert ids(ada, kind="public") == [public, of_bob]
        assert ids(ada, kind="system") == ["lao", "marcus", "simone"]
        assert ids(ada, search="bREad") == [private, of_bob]
        assert ids(ada, search="bread", kind="mine") == [private]
        assert ids(ada, search="100%_") == []
        assert "kind" in ada.get("/api/personas", kind="theirs").problems
        assert "search" in ada.get("/api/personas", search="x" * 101).problems
        assert "search" in ada.get("/api/personas", search="\x00").problems


def verbs(client: Client, persona_id: str) -> dict[str, int]:
    """Returns what each verb answers for the persona."""
    path = f"/api/personas/{persona_id}"
    return {
        "get": client.get(path).status,
        "patch": client.patch(path, {"name": "Mine now"}).status,
        "delete": client.delete(path).status,
        "clone": client.post(f"{path}/clone", None).status,
        "usage": client.get(f"{path}/usage").status,
    }


class TestWhose:
    def test_trap_a_persona_changed_by_id_alone(self, ada: Client, bob: Client, stranger: Client) -> None:
        """Another user's persona by id: 404 on every verb, and it stays as it is."""
        persona_id = add(bob)
        before = bob.get(f"/api/personas/{persona_id}").data
        for other in (ada, stranger):
            assert set(verbs(other, persona_id).values()) == {404}
        assert bob.get(f"/api/personas/{persona_id}").data == before

    def test_a_public_one_is_read_and_cloned_by_colleagues_and_by_nobody_changed(
        self, ada: Client, bob: Client, stranger: Client
    ) -> None:
        persona_id = add(bob, isPublic=True)
        assert verbs(ada, persona_id) == {"get": 200, "patch": 404, "delete": 404, "clone": 201, "usage": 404}
        assert set(verbs(stranger, persona_id).values()) == {404}
        assert bob.get(f"/api/personas/{persona_id}").data["name"] == "Grandmother"

    def test_the_systems_are_read_and_cloned_and_cannot_be_changed(self, ada: Client) -> None:
        assert verbs(ada, "marcus") == {"get": 200, "patch": 403, "delete": 403, "clone": 201, "usage": 200}
        assert ada.patch("/api/personas/lao", {"name": "x"}).error["code"] == "SYSTEM_PERSONA"
        assert ada.get("/api/personas/marcus").data["name"] == "Marcus Aurelius"

    def test_a_private_one_never_comes_into_anybody_elses_prompt(
        self, ada: Client, bob: Client, stranger: Client
    ) -> None:
        persona_id = add(bob, systemPrompt="My secret recipe.")
        providers = ScriptedProviders()
        for other in (ada, stranger):
            with pytest.raises(NotFound):
                other.desk(providers).send("Hello", persona_id=persona_id)
            assert (
                other.post("/api/models/select", {"content": "x", "modelId": None, "personaId": persona_id}).status
                == 404
            )
        assert providers.calls == []
        bob.desk(providers).send("Hello", persona_id=persona_id)
        assert "My secret recipe." in str(providers.calls[0].system)

    def test_one_that_is_taken_back_is_gone_for_colleagues(self, ada: Client, bob: Client) -> None:
        persona_id = add(bob, isPublic=True)
        ada.desk().send("Hello", persona_id=persona_id)
        bob.patch(f"/api/personas/{persona_id}", {"isPublic": False})
        with pytest.raises(NotFound):
            ada.desk().send("Hello", persona_id=persona_id)
        assert persona_id not in ids(ada)

    def test_a_clone_is_private_and_the_cloners_own(self, ada: Client, bob: Client) -> None:
        origin = made(bob.post("/api/personas", EVERY_FIELD))
        copy = made(ada.post(f"/api/personas/{origin['id']}/clone", None))
        same = set(EVERY_FIELD) - {"isPublic"}
        assert {name: copy[name] for name in same} == {name: EVERY_FIELD[name] for name in same}
        assert (copy["isPublic"], copy["isOwn"], copy["id"] != origin["id"]) == (False, True, True)
        ada.patch(f"/api/personas/{copy['id']}", {"name": "Changed"})
        assert bob.get(f"/api/personas/{origin['id']}").data["name"] == "Grandmother"
        assert bob.get(f"/api/personas/{copy['id']}").status == 404

    def test_an_unknown_one_is_404(self, ada: Client) -> None:
        assert ada.get("/api/personas/nobody").error["message"] == "There is no such persona."

    def test_the_database_itself_refuses_a_change_of_somebody_elses(self, ada: Client, bob: Client) -> None:
        persona_id = add(bob, isPublic=True)
        with ada.database.autocommit(ada.member.scope) as connection:
            for change in ("UPDATE personas SET name = 'x'", "DELETE FROM personas"):
                assert connection.run(f"{change} WHERE id = :id RETURNING id", id=persona_id) == []


def used(client: Client, persona_id: str) -> int:
    return int(client.get(f"/api/personas/{persona_id}").data["usageCount"])


class TestUsage:
    def test_each_answered_message_counts_once_whoever_sent_it(self, ada: Client, bob: Client) -> None:
        persona_id = add(bob, isPublic=True)
        for _ in range(2):
            ada.desk().send("Hello", persona_id=persona_id)
        bob.desk().send("Hello", persona_id=persona_id)
        bob.desk().send("Hello")
        assert used(ada, persona_id) == used(bob, persona_id) == 3
        listed = {one["id"]: one["usageCount"] for one in ada.get("/api/personas").data}
        assert (listed[persona_id], listed["lao"]) == (3, 0)
        log = bob.get(f"/api/personas/{persona_id}/usage").data
        today = datetime.now(UTC).date().isoformat()
        assert log == {"usageCount": 3, "days": [{"date": today, "members": 2, "messages": 3}]}

    def test_a_refusal_a_failure_and_a_replay_count_nothing(self, ada: Client) -> None:
        broken = ScriptedProviders(fails(ProviderError("unavailable", provider_id="openai"), "Well "))
        ada.desk(broken).send("Hello", persona_id="lao")
        assert used(ada, "lao") == 0
        again = {"persona_id": "lao", "idempotency_key": "k", "request_hash": "h"}
        for _ in range(3):
            ada.desk().send("Hello", **again)
        assert used(ada, "lao") == 1

    def test_counts_are_the_tenants_own(self, ada: Client, stranger: Client) -> None:
        ada.desk().send("Hello", persona_id="marcus")
        assert (used(ada, "marcus"), used(stranger, "marcus")) == (1, 0)
        days = [client.get("/api/personas/marcus/usage").data["days"] for client in (ada, stranger)]
        assert [[(day["members"], day["messages"]) for day in each] for each in days] == [[(1, 1)], []]

    def test_many_at_once_are_all_counted(self, ada: Client) -> None:
        overlay(ada.desk(), "gpt-4o-mini", daily_limit=1000)
        desk = ada.desk()
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda _: desk.send("Hello", persona_id="lao"), range(48)))
        assert used(ada, "lao") == 48

    def test_days_long_over_are_rolled_up_and_the_counts_stay(
        self, ada: Client, bob: Client, runtime_database: Database
    ) -> None:
        persona_id = add(bob, isPublic=True)
        today = datetime.now(UTC).date()
        ten_days_ago, scope = today - timedelta(days=10), Scope(tenant_id=ada.tenant_id)
        for client, day, times in ((ada, ten_days_ago, 2), (bob, ten_days_ago, 1), (ada, today, 1)):
            with runtime_database.autocommit(client.member.scope) as connection:
                count = persona_usage.count_statement(client.tenant_id, client.member.user_id, persona_id, day)
                connection.run_all([count] * times)
        before = bob.get(f"/api/personas/{persona_id}/usage").data
        assert bob.get(f"/api/personas/{persona_id}/usage", days=10).data["days"] == before["days"][:1]
        with runtime_database.autocommit(scope) as connection:
            moved = lambda: day_close.remove_persona_counters(connection, ada.tenant_id, datetime.now(UTC))  # noqa: E731
            assert moved() == 0  # no day is closed yet
            self.close(connection, ada, ten_days_ago)
            assert (moved(), moved()) == (2, 0)
            (kept,) = connection.run("SELECT day, members, messages FROM persona_days")
        assert kept == {"day": ten_days_ago, "members": 2, "messages": 3}
        assert bob.get(f"/api/personas/{persona_id}/usage").data == before
        assert [day["messages"] for day in before["days"]] == [1, 3]
        assert bob.get(f"/api/personas/{persona_id}/usage", days=10).data["days"] == before["days"][:1]

    @staticmethod
    def close(connection: Any, ada: Client, day: date) -> None:
        connection.run(
            "INSERT INTO day_closes (tenant_id, day, time_zone, members, messages, closed_at) "
            "VALUES (:tenant_id, :day, 'UTC', 0, 0, now())",
            tenant_id=ada.tenant_id,
            day=day,
        )
