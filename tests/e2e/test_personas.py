"""Personas and modes over HTTP: what members make, what it knows and cites, who may see it, what admins change."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.clients import Client, Stack, events

HANDBOOK = "# Sourdough\n\nFeed the starter twice a day. It is ready when it floats.\n\n# Rye\n\nRye needs no kneading."
QUESTION = "When is the starter ready?"


@pytest.fixture
def owner(stack: Stack) -> Client:
    return Client(stack.port, "ada@bakers.test", "bakers")


@pytest.fixture
def colleague(stack: Stack) -> Client:
    return Client(stack.port, "ben@bakers.test", "bakers")


@pytest.fixture
def admin(stack: Stack) -> Client:
    return Client(stack.port, "chief@bakers.test", "bakers", "admin")


@pytest.fixture
def baker(owner: Client) -> Iterator[str]:
    """A private persona that knows the handbook."""
    made = {"name": "Baker", "systemPrompt": "You bake.", "traits": ["patient"], "style": {"tone": "warm"}}
    status, answer = owner.call("POST", "/api/personas", made)
    assert status == 201, answer
    persona_id = str(answer["data"]["id"])
    known = {"title": "Handbook", "content": HANDBOOK}
    assert owner.call("POST", f"/api/personas/{persona_id}/knowledge", known)[0] == 201
    yield persona_id
    owner.call("DELETE", f"/api/personas/{persona_id}")


def said(client: Client, **fields: Any) -> dict[str, Any]:
    status, answer = client.chat("Hi", **fields)
    assert status == 200, answer
    metadata: dict[str, Any] = answer["data"]["metadata"]
    return metadata


def passages(owner: Client, persona_id: str) -> dict[str, str]:
    """Texts by the ids of their passages."""
    at = f"/api/personas/{persona_id}/knowledge"
    (document,) = owner.call("GET", at)[1]["data"]
    told = owner.call("GET", f"{at}/{document['id']}")[1]["data"]["passages"]
    return {passage["id"]: passage["content"] for passage in told}


def test_an_answer_cites_what_the_persona_knows_and_the_conversation_keeps_it(owner: Client, baker: str) -> None:
    connection, answer = owner.stream(QUESTION, personaId=baker)
    told = list(events(answer))
    connection.close()
    assert [name for name, _ in told][-3:] == ["metadata", "citations", "done"]
    assert "[1]" in "".join(data["text"] for name, data in told if name == "content")
    (citation,) = dict(told)["citations"]["citations"]
    assert citation["quote"] in passages(owner, baker)[citation["passageId"]]
    assert (citation["marker"], citation["personaId"], citation["title"]) == (1, baker, "Handbook, Sourdough")

    saved = owner.call("GET", f"/api/conversations/{dict(told)['done']['conversationId']}")[1]["data"]
    assert saved["personaId"] == baker
    assert [message["citations"] for message in saved["messages"]] == [[], [citation]]
    assert owner.call("GET", f"/api/personas/{baker}")[1]["data"]["usageCount"] == 1


def test_an_answer_to_which_it_knows_nothing_cites_nothing(owner: Client, baker: str) -> None:
    assert owner.chat("Zebra?", personaId=baker)[1]["data"]["citations"] == []


def test_a_private_persona_is_nobody_elses(owner: Client, colleague: Client, admin: Client, baker: str) -> None:
    document_id = owner.call("GET", f"/api/personas/{baker}/knowledge")[1]["data"][0]["id"]
    at = f"/api/personas/{baker}"
    for other in (colleague, admin):
        for method, path, body in (
            ("GET", at, None),
            ("PATCH", at, {"name": "Mine"}),
            ("DELETE", at, None),
            ("POST", f"{at}/clone", None),
            ("GET", f"{at}/usage", None),
            ("GET", f"{at}/knowledge", None),
            ("POST", f"{at}/knowledge", {"title": "x", "content": "y"}),
            ("GET", f"{at}/knowledge/{document_id}", None),
            ("DELETE", f"{at}/knowledge/{document_id}", None),
        ):
            assert other.call(method, path, body)[0] == 404, (method, path)
        assert other.chat(QUESTION, personaId=baker)[0] == 404
        assert baker not in str(other.call("GET", "/api/personas"))
    assert owner.call("GET", at)[1]["data"]["usageCount"] == 0


def test_a_public_one_answers_colleagues_and_is_cloned_but_not_changed(
    stack: Stack, owner: Client, colleague: Client, baker: str
) -> None:
    at = f"/api/personas/{baker}"
    stranger = Client(stack.port, "eve@rival.test", "rival")
    assert owner.call("PATCH", at, {"isPublic": True})[0] == 200
    assert stranger.call("GET", at)[0] == 404
    assert len(colleague.chat(QUESTION, personaId=baker)[1]["data"]["citations"]) == 1
    assert colleague.call("PATCH", at, {"name": "Mine"})[0] == 404
    status, cloned = colleague.call("POST", f"{at}/clone")
    assert (status, cloned["data"]["isPublic"], cloned["data"]["isOwn"]) == (201, False, True)
    assert owner.call("PATCH", at, {"isPublic": False})[0] == 200
    assert colleague.chat(QUESTION, personaId=baker)[0] == 404
    assert len(colleague.chat(QUESTION, personaId=cloned["data"]["id"])[1]["data"]["citations"]) == 1


def test_the_coaches_answer_everybody_and_are_nobodys_to_change(owner: Client) -> None:
    listed = owner.call("GET", "/api/personas?kind=system")[1]["data"]
    assert {persona["id"] for persona in listed} == {"marcus", "lao", "simone"}
    assert owner.chat("What is in our power?", personaId="marcus")[0] == 200
    status, refused = owner.call("PATCH", "/api/personas/marcus", {"name": "Mark"})
    assert (status, refused["error"]["code"]) == (403, "SYSTEM_PERSONA")


def test_a_focus_mode_of_the_admin_decides_model_and_prompt(stack: Stack, owner: Client, admin: Client) -> None:
    before = said(owner, focusMode="analyst")
    changed = {"systemPrompt": "Be brief.", "defaultModelId": "phi-4"}
    assert admin.call("PATCH", "/api/admin/focus-modes/analyst", changed)[0] == 200
    after = said(owner, focusMode="analyst")
    assert (after["modelId"], after["rule"]) == ("phi-4", "focus_default")
    assert after["usage"]["inputTokens"] == len(["Be", "brief.", "Hi"]) < before["usage"]["inputTokens"]
    assert said(owner, focusMode="analyst", modelId="gpt-4o-mini")["modelId"] == "gpt-4o-mini"  # who asks, decides
    stranger = Client(stack.port, "eve@rival.test", "rival")
    assert said(stranger, focusMode="analyst")["usage"] == before["usage"]

    assert admin.call("DELETE", "/api/admin/focus-modes/analyst")[0] == 200
    assert said(owner, focusMode="analyst")["usage"] == before["usage"]


def test_a_focus_mode_that_is_switched_off_is_refused_by_name(owner: Client, admin: Client) -> None:
    mode = {"id": "briefing", "name": "Briefing", "icon": "clipboard", "systemPrompt": "Five points."}
    assert owner.call("POST", "/api/admin/focus-modes", mode)[0] == 403
    assert admin.call("POST", "/api/admin/focus-modes", mode)[0] == 201
    assert "briefing" in [listed["id"] for listed in owner.call("GET", "/api/focus-modes")[1]["data"]]
    said(owner, focusMode="briefing")
    assert admin.call("PATCH", "/api/admin/focus-modes/briefing", {"enabled": False, "version": 7})[0] == 409
    assert admin.call("PATCH", "/api/admin/focus-modes/briefing", {"enabled": False, "version": 1})[0] == 200
    status, refused = owner.chat("Hi", focusMode="briefing")
    assert (status, refused["error"]["details"][0]["path"]) == (422, "focusMode")
    assert "briefing" not in [listed["id"] for listed in owner.call("GET", "/api/focus-modes")[1]["data"]]


def test_a_domain_mode_of_the_admin_decides_model_and_prompt(owner: Client, admin: Client) -> None:
    def put(**setting: Any) -> dict[str, Any]:
        status, answer = admin.call("PUT", "/api/admin/thinktank/domain-modes", {"modes": {"legal": setting}})
        assert status == 200, answer
        mode: dict[str, Any] = answer["modes"]["legal"]
        return mode

    before = said(owner, domainMode="legal")
    put(defaultModel="codestral-latest", systemPrompt="", temperature=0)
    after = said(owner, domainMode="legal")
    assert (after["modelId"], after["rule"], after["usage"]["inputTokens"]) == ("codestral-latest", "domain_default", 1)
    put(enabled=False)
    status, refused = owner.chat("Hi", domainMode="legal")
    assert (status, refused["error"]["details"][0]["path"]) == (422, "domainMode")
    assert put(enabled=None, defaultModel=None, systemPrompt=None, temperature=None)["enabled"] is True
    assert said(owner, domainMode="legal")["usage"] == before["usage"]
