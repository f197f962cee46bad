"""The system's coaches: who they are, what they know, and that loading them again changes nothing."""

import tomllib
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

import pytest

from stoa.database.pool import Database, Scope
from stoa.domain.personas.chunking import MOST_TOKENS
from stoa.workflows.tenancy.registry import load_registry
from tests.integration.chat.support import ScriptedProviders, says
from tests.integration.member.support import Client

COACHES: dict[str, dict[str, Any]] = tomllib.loads(files("stoa.data").joinpath("personas.toml").read_text("utf-8"))


@pytest.mark.parametrize("coach", ["marcus", "lao", "simone"])
class TestEach:
    def test_its_prompt_says_who_it_is_and_when_to_leave_the_role(self, ada: Client, coach: str) -> None:
        persona = ada.get(f"/api/personas/{coach}").data
        assert 300 <= len(persona["systemPrompt"].split()) <= 650
        for said in ("You speak as", "not invent", "you are an AI", "emergency number", "crisis line"):
            assert said in " ".join(persona["systemPrompt"].split())
        assert persona["traits"] and persona["domains"] and set(persona["style"]) == {"tone", "length", "format"}
        assert (persona["isSystem"], persona["language"]) == (True, "en")

    def test_what_it_knows_is_named_with_its_source_and_fits_prompts(self, ada: Client, coach: str) -> None:
        documents = ada.get(f"/api/personas/{coach}/knowledge").data
        assert documents
        for document in documents:
            assert "public domain" in document["source"] or "summarised by us" in document["source"]
            found = ada.get(f"/api/personas/{coach}/knowledge/{document['id']}").data
            assert len(found["passages"]) == document["passageCount"] >= 2
            for passage in found["passages"]:
                assert passage["heading"] and passage["tokens"] <= MOST_TOKENS


@pytest.mark.parametrize(
    ("coach", "question", "heading"),
    [
        ("marcus", "I can't get up in the morning", "V, 1"),
        ("marcus", "What is in our power, and what is not?", "VIII, 47"),
        ("marcus", "My colleagues are rude and difficult", "II, 1"),
        ("marcus", "I worry about the future", "VII, 8"),
        ("marcus", "I am ashamed to ask for help", "VII, 7"),
        ("marcus", "Somebody spreads rumours about me", "VIII, 49"),
        ("marcus", "How do I forgive my father?", "VII, 22"),
        ("lao", "How should I lead my team?", "17"),
        ("lao", "I am confused and don't know what to do", "15"),
        ("lao", "My boss is micromanaging everything", "57"),
        ("lao", "How do I begin a big project?", "64"),
        ("simone", "Is a woman made by her upbringing?", "Becoming a woman"),
        ("simone", "I am losing myself in my marriage", "Love and reciprocity"),
        ("simone", "What meaning has retirement?", "Growing old"),
        ("simone", "Why do anything at all?", "Pyrrhus and Cineas"),
        ("simone", "My mother is dying in hospital and I feel grief", "A Very Easy Death"),
    ],
)
def test_a_question_finds_the_passage_that_answers_it_and_it_is_cited(
    ada: Client, coach: str, question: str, heading: str
) -> None:
    providers = ScriptedProviders(says("So I see it [1]."))
    events = ada.desk(providers).send(question, persona_id=coach)
    (citation,) = events[-2].items
    assert f", {heading}" in citation["title"]
    assert citation["quote"] in str(providers.calls[0].system)
    assert "\n" not in citation["quote"]  # the file's lines are not the quote's


def test_loading_the_registry_again_writes_nothing(runtime_database: Database, owner_database: Database) -> None:
    def written() -> Any:
        with owner_database.autocommit(Scope()) as connection:
            return [
                connection.run(f"SELECT id, xmin::text AS written FROM {table} WHERE tenant_id IS NULL ORDER BY id")
                for table in ("personas", "persona_documents", "persona_passages")
            ]

    before = written()
    load_registry(runtime_database, datetime.now(UTC))
    assert written() == before
    assert len(before[0]) == 3


def test_a_text_that_a_release_drops_is_gone(runtime_database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with runtime_database.autocommit(Scope(operator=True)) as connection:
        connection.run(
            "INSERT INTO persona_documents (id, persona_id, title, bytes, passages) "
            "VALUES (gen_random_uuid(), 'lao', 'Of an earlier release', 1, 0)"
        )
    load_registry(runtime_database, datetime.now(UTC))
    with runtime_database.autocommit(Scope(operator=True)) as connection:
        assert connection.run("SELECT id FROM persona_documents WHERE title = 'Of an earlier release'") == []
