"""Knowledge of personas: uploaded, cut, found by the message, put into the prompt, and cited as it really was."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from stoa.clients.wires.types import Citation, Finish, ProviderError, Text
from tests.integration.chat.support import Desk, ScriptedProviders, fails, kinds, says
from tests.integration.member.support import Client
from tests.integration.personas.support import add, made

SOURDOUGH = "Feed the starter twice a day. It is ready when it floats."
HANDBOOK = f"# Sourdough\n\n{SOURDOUGH}\n\n# Croissants\n\nFold the butter three times. Keep everything cold."


def teach(owner: Client, persona_id: str, content: str = HANDBOOK, **fields: Any) -> dict[str, Any]:
    """Give the persona a document; the document."""
    document = {"title": "Handbook", "content": content, **fields}
    return made(owner.post(f"/api/personas/{persona_id}/knowledge", document))


def prompts(providers: ScriptedProviders) -> list[str]:
    return [str(call.system) for call in providers.calls]


def cited(events: list[Any]) -> list[dict[str, Any]]:
    return [item for event in events if event.name == "citations" for item in event.items]


class TestDocuments:
    def test_one_is_cut_into_passages_and_read_back(self, ada: Client) -> None:
        persona_id = add(ada)
        document = teach(ada, persona_id, source="handbook.md")
        assert (document["title"], document["source"], document["bytes"]) == ("Handbook", "handbook.md", len(HANDBOOK))
        assert [passage["heading"] for passage in document["passages"]] == ["Sourdough", "Croissants"]
        path = f"/api/personas/{persona_id}/knowledge"
        assert ada.get(f"{path}/{document['id']}").data == document
        (listed,) = ada.get(path).data
        assert listed == {name: document[name] for name in document if name != "passages"}
        assert ada.delete(f"{path}/{document['id']}").data == {"deleted": True}
        assert ada.get(path).data == []
        assert ada.delete(f"{path}/{document['id']}").status == 404

    @pytest.mark.parametrize(
        ("fields", "path"),
        [
            ({"content": ""}, "content"),
            ({"content": " \n "}, "content"),
            ({"content": "x" * 200_001}, "content"),
            ({"content": "é" * 150_000}, "content"),
            ({"content": "a\x00b"}, "content"),
            ({"title": " "}, "title"),
            ({"title": "x" * 201}, "title"),
            ({"surprise": 1}, "surprise"),
        ],
    )
    def test_a_field_that_cannot_be_is_named(self, ada: Client, fields: dict[str, Any], path: str) -> None:
        document = {"title": "T", "content": "Text", **fields}
        assert path in ada.post(f"/api/personas/{add(ada)}/knowledge", document).problems

    def test_there_is_an_end_to_what_a_persona_knows(self, ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("stoa.workflows.personas.persona_knowledge.MOST_DOCUMENTS", 3)
        path = f"/api/personas/{add(ada)}/knowledge"
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _: ada.post(path, {"title": "T", "content": "Text"}), range(8)))
        assert sorted(reply.status for reply in replies) == [201] * 3 + [409] * 5
        assert ada.post(path, {"title": "T", "content": "x"}).error["code"] == "TOO_MUCH_KNOWLEDGE"

    def test_the_bytes_of_all_documents_together_are_bounded(self, ada: Client) -> None:
        path = f"/api/personas/{add(ada)}/knowledge"
        document = {"title": "T", "content": "word " * 40_000}
        assert [ada.post(path, document).status for _ in range(6)] == [201] * 5 + [409]

    def test_somebody_elses_is_404_and_the_systems_is_read_only(
        self, ada: Client, bob: Client, stranger: Client
    ) -> None:
        private, public = add(bob), add(bob, isPublic=True)
        for persona_id in (private, public):
            document_id = teach(bob, persona_id)["id"]
            path = f"/api/personas/{persona_id}/knowledge"
            expected = 200 if persona_id == public else 404
            assert ada.get(path).status == ada.get(f"{path}/{document_id}").status == expected
            assert stranger.get(path).status == stranger.get(f"{path}/{document_id}").status == 404
            for other in (ada, stranger):
                assert other.post(path, {"title": "T", "content": "Text"}).status == 404
                assert other.delete(f"{path}/{document_id}").status == 404
            assert len(bob.get(path).data) == 1
        assert ada.post("/api/personas/lao/knowledge", {"title": "T", "content": "Text"}).status == 403
        assert ada.delete(f"/api/personas/lao/knowledge/{uuid4()}").status == 403

    def test_a_document_is_found_under_its_own_persona_only(self, ada: Client) -> None:
        first, second = add(ada), add(ada)
        document_id = teach(ada, first)["id"]
        path = f"/api/personas/{second}/knowledge/{document_id}"
        assert ada.get(path).status == ada.delete(path).status == 404
        assert ada.get(f"/api/personas/{first}/knowledge/nonsense").status == 404

    def test_the_database_shows_passages_where_their_persona_is_seen(
        self, ada: Client, bob: Client, stranger: Client
    ) -> None:
        private, public = add(bob), add(bob, isPublic=True)
        for persona_id in (private, public):
            teach(bob, persona_id)
        for client, expected in ((bob, {private, public}), (ada, {public}), (stranger, set())):
            for table in ("persona_documents", "persona_passages"):
                with client.database.autocommit(client.member.scope) as connection:
                    rows = connection.run(f"SELECT DISTINCT persona_id FROM {table} WHERE tenant_id IS NOT NULL")
                assert {row["persona_id"] for row in rows} == expected
        with ada.database.autocommit(ada.member.scope) as connection:
            for table in ("persona_documents", "persona_passages"):
                assert connection.run(f"DELETE FROM {table} RETURNING id") == []

    def test_deleting_a_persona_deletes_what_it_knows_and_a_clone_keeps_its_copy(
        self, ada: Client, bob: Client
    ) -> None:
        persona_id = add(bob, isPublic=True)
        origin = teach(bob, persona_id)
        copy = made(ada.post(f"/api/personas/{persona_id}/clone", None))["id"]
        bob.delete(f"/api/personas/{persona_id}")
        (document,) = ada.get(f"/api/personas/{copy}/knowledge").data
        kept = ada.get(f"/api/personas/{copy}/knowledge/{document['id']}").data
        assert [one["content"] for one in kept["passages"]] == [one["content"] for one in origin["passages"]]
        assert document["id"] != origin["id"]
        providers = ScriptedProviders()
        ada.desk(providers).send("When is the starter ready?", persona_id=copy)
        assert SOURDOUGH in prompts(providers)[0]


class TestInThePrompt:
    def asked(self, ada: Client, persona_id: str, content: str, **message: Any) -> str:
        providers = ScriptedProviders()
        ada.desk(providers).send(content, persona_id=persona_id, **message)
        return prompts(providers)[0]

    def test_the_passages_that_have_the_messages_words_come_best_first(self, ada: Client) -> None:
        persona_id = add(ada)
        teach(ada, persona_id)
        prompt = self.asked(ada, persona_id, "How often must I feed my starter, and how cold is it?")
        assert prompt.index('title="Handbook, Sourdough"') < prompt.index('title="Handbook, Croissants"')
        assert "Croissants" not in self.asked(ada, persona_id, "Starters: when are they floating?")
        assert "<passage" not in self.asked(ada, persona_id, "Hello!")

    def test_words_are_found_in_the_personas_language_and_again_after_it_changes(self, ada: Client) -> None:
        persona_id = add(ada, language="en")
        teach(ada, persona_id, "Die Häuser stehen am Fluss.")
        question = "Welches Haus?"  # German stemming makes one of Haus and Häuser
        assert "<passage" not in self.asked(ada, persona_id, question)
        ada.patch(f"/api/personas/{persona_id}", {"language": "de"})
        prompt = self.asked(ada, persona_id, question)
        assert "Die Häuser stehen" in prompt
        assert "Answer in German" in prompt

    def test_chinese_is_found_though_it_has_no_spaces(self, ada: Client) -> None:
        persona_id = add(ada, language="zh")
        teach(ada, persona_id, "# 水\n\n上善若水。水善利萬物而不爭。\n\n# 輪\n\n三十輻共一轂。")
        prompt = self.asked(ada, persona_id, "萬物")
        assert "上善若水" in prompt
        assert "三十輻" not in prompt

    def test_korean_is_found_whatever_particle_a_word_carries(self, ada: Client) -> None:
        persona_id = add(ada, language="ko")
        teach(ada, persona_id, "# 바퀴\n\n서른 개의 살이 하나의 통에 모인다.\n\n# 도\n\n물은 만물을 이롭게 한다.")
        prompt = self.asked(ada, persona_id, "왜 물이 만물의 으뜸인가?")
        assert "물은 만물을" in prompt
        assert "서른 개의" not in prompt

    @pytest.mark.parametrize(
        "question",
        ["it's a 'quoted' \\ word | & ! <-> :*", "'", "\\", "(((", "C:\\new\\table", "a & b | !c", "é" * 9000, "1 2 3"],
    )
    def test_no_message_breaks_the_search(self, ada: Client, question: str) -> None:
        persona_id = add(ada)
        teach(ada, persona_id, "It's a \\ path: C:\\new\\table, and o'clock.")
        assert "You have run a bakery" in self.asked(ada, persona_id, question)

    def test_a_small_window_is_sent_fewer_passages(self, ada: Client) -> None:
        persona_id = add(ada)
        teach(ada, persona_id, "\n\n".join(f"# {n}\n\n" + f"Bread number {n} is baked. " * 30 for n in range(9)))
        assert self.asked(ada, persona_id, "Bread?").count("<passage ") == 5
        ada.as_admin(
            "INSERT INTO tenant_models (tenant_id, model_id, context_window, max_output_tokens) "
            "VALUES (:tenant_id, 'gpt-4o-mini', 4000, 1000)"
        )
        small = self.asked(ada, persona_id, "Bread?", model_id="gpt-4o-mini", max_output_tokens=100)
        assert 0 < small.count("<passage ") < 5
        message = "Bread " * 1800  # leaves no room for any, and is answered all the same
        assert "<passage" not in self.asked(ada, persona_id, message, model_id="gpt-4o-mini", max_output_tokens=1000)

    def test_the_member_is_introduced_to_the_persona(self, ada: Client) -> None:
        ada.patch("/api/profile", {"displayName": "Ada L.", "aboutMe": "I bake on Sundays."})
        prompt = self.asked(ada, "marcus", "Hello")
        assert "You are talking with Ada L." in prompt
        assert "What they tell of themselves: I bake on Sundays." in prompt
        providers = ScriptedProviders()
        ada.desk(providers).send("Hello", focus_mode="writer")
        assert "Ada L." not in prompts(providers)[0]


class TestCitations:
    def desk(self, ada: Client, *pieces: str) -> tuple[Desk, str, dict[str, Any]]:
        persona_id = add(ada)
        document = teach(ada, persona_id)
        return ada.desk(ScriptedProviders(says(*pieces))), persona_id, document["passages"][0]

    def test_an_answer_cites_the_passage_and_it_is_saved_with_the_message(self, ada: Client) -> None:
        desk, persona_id, passage = self.desk(ada, "Wait until it floats ", "[", "1].")
        events = desk.send("When is the starter ready?", persona_id=persona_id)
        assert kinds(events) == ["selection", *["content"] * 3, "metadata", "citations", "done"]
        expected = {
            "passageId": passage["id"],
            "personaId": persona_id,
            "title": "Handbook, Sourdough",
            "quote": "It is ready when it floats.",
            "marker": 1,
        }
        assert cited(events) == [expected]
        saved = ada.get(f"/api/conversations/{events[-1].data['conversationId']}").data["messages"][-1]
        assert saved["citations"] == [expected]
        assert passage["content"] in prompts(desk.providers)[0]

    @pytest.mark.parametrize("answer", ["Wait until it floats.", "See [2], [7] and [0].", "`cells[1]`"])
    def test_an_answer_with_none_says_none(self, ada: Client, answer: str) -> None:
        desk, persona_id, _ = self.desk(ada, answer)
        events = desk.send("When is the starter ready?", persona_id=persona_id)
        assert "citations" not in kinds(events)
        saved = ada.get(f"/api/conversations/{events[-1].data['conversationId']}").data["messages"][-1]
        assert saved["citations"] == []

    def test_without_passages_in_the_prompt_a_number_cites_nothing(self, ada: Client) -> None:
        desk, persona_id, _ = self.desk(ada, "Good morning [1].")
        assert cited(desk.send("Hello!", persona_id=persona_id)) == []
        assert cited(desk.send("When is the starter ready?")) == []

    def test_a_number_of_a_passage_that_did_not_fit_this_model_cites_nothing(self, ada: Client) -> None:
        persona_id = add(ada)
        teach(ada, persona_id, "\n\n".join(f"# {n}\n\n" + f"Bread number {n} is baked. " * 30 for n in range(9)))
        ada.as_admin(
            "INSERT INTO tenant_models (tenant_id, model_id, context_window, max_output_tokens) "
            "VALUES (:tenant_id, 'gpt-4o-mini', 4000, 1000)"
        )
        desk = ada.desk(ScriptedProviders(says("So [1], so [2], so [3], so [4], so [5], so [6].")))
        events = desk.send("Bread?", persona_id=persona_id, model_id="gpt-4o-mini", max_output_tokens=100)
        sent = prompts(desk.providers)[0].count("<passage ")
        assert [one["marker"] for one in cited(events)] == list(range(1, sent + 1))
        assert 0 < sent < 5

    def test_a_replay_tells_the_same_citations(self, ada: Client) -> None:
        desk, persona_id, _ = self.desk(ada, "It floats [1].")
        asked = {"persona_id": persona_id, "idempotency_key": "k", "request_hash": "h"}
        first, again = (desk.send("When is the starter ready?", **asked) for _ in range(2))
        assert cited(first) == cited(again) != []
        assert len(desk.providers.calls) == 1

    def test_a_provider_that_searches_cites_its_own_sources(self, ada: Client) -> None:
        def script(call: Any, cancel: Any) -> Any:
            yield Text("It floats [1].")
            yield Finish("stop", citations=(Citation("https://example.test/bread", "Bread"),))

        desk, persona_id, _ = self.desk(ada, "")
        desk.providers.default = script
        found = cited(desk.send("When is the starter ready?", persona_id=persona_id))
        assert found == [{"url": "https://example.test/bread", "title": "Bread"}]

    def test_an_answer_that_broke_off_is_saved_with_what_it_cited(self, ada: Client) -> None:
        desk, persona_id, passage = self.desk(ada, "")
        desk.providers.default = fails(ProviderError("interrupted", provider_id="openai"), "It floats [1]", " and")
        desk.send("When is the starter ready?", persona_id=persona_id)
        (conversation,) = ada.get("/api/conversations").data
        saved = ada.get(f"/api/conversations/{conversation['id']}").data["messages"][-1]
        assert [one["passageId"] for one in saved["citations"]] == [passage["id"]]

    def test_a_saved_citation_outlives_its_document(self, ada: Client) -> None:
        desk, persona_id, _ = self.desk(ada, "It floats [1].")
        conversation_id = UUID(
            desk.send("When is the starter ready?", persona_id=persona_id)[-1].data["conversationId"]
        )
        ada.delete(f"/api/personas/{persona_id}")
        saved = ada.get(f"/api/conversations/{conversation_id}").data["messages"][-1]
        assert saved["citations"][0]["quote"] == "It is ready when it floats."
