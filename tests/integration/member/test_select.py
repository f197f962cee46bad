"""POST /api/models/select: the decision that chat would meet, and nothing moved."""

from typing import Any

import pytest

from stoa.core.errors import StoaError
from stoa.http.answers import status_of
from tests.integration.chat.support import overlay
from tests.integration.member.support import Client, Reply

FORCE = "UPDATE tenants SET force_system_default = true WHERE id = :tenant_id"
FOCUS = """
INSERT INTO focus_modes (id, tenant_id, name, icon, system_prompt, default_model_id)
VALUES ('pitch', :tenant_id, 'Pitch', 'bolt', 'Pitch it.', 'grok-2-mini')
"""
DOMAIN = """
INSERT INTO tenant_domain_modes (tenant_id, mode_id, enabled, default_model)
VALUES (:tenant_id, :mode_id, :enabled, :default_model)
"""


def select(ada: Client, content: str = "What is in our power?", **asked: Any) -> Reply:
    return ada.post("/api/models/select", {"content": content, "modelId": None, **asked})


def rule_of(ada: Client, **asked: Any) -> tuple[str, str]:
    data = select(ada, **asked).data
    return data["rule"], data["modelId"]


def test_the_model_that_is_named_answers(ada: Client) -> None:
    data = select(ada, modelId="codestral-latest").data
    assert (data["modelId"], data["rule"], data["access"]) == ("codestral-latest", "request", "free")
    assert data["reason"] == "You asked for Codestral."
    assert data["fallbacks"][-1] == "gpt-4o-mini"
    assert data["requestedModelId"] is None


def test_each_preference_has_its_place_in_the_order(ada: Client) -> None:
    assert rule_of(ada) == ("system_default", "gpt-4o-mini")
    ada.as_admin(FOCUS)
    assert rule_of(ada, focusMode="pitch") == ("focus_default", "grok-2-mini")
    ada.as_admin(DOMAIN, mode_id="code", enabled=True, default_model="codestral-latest")
    assert rule_of(ada, focusMode="pitch", domainMode="code") == ("domain_default", "codestral-latest")
    ada.put("/api/thinktank/preferences/models", {"defaultModelId": "phi-4"})
    assert rule_of(ada, domainMode="code") == ("default_model", "phi-4")
    ada.put("/api/thinktank/preferences/models", {"domainModeModelOverrides": {"code": "grok-2-mini"}})
    assert rule_of(ada, domainMode="code") == ("domain_override", "grok-2-mini")
    ada.patch("/api/profile/model-preferences", {"personaOverrides": {"marcus": "codestral-latest"}})
    assert rule_of(ada, domainMode="code", personaId="marcus") == ("persona_override", "codestral-latest")
    named = rule_of(ada, domainMode="code", personaId="marcus", modelId="phi-4")
    assert named == ("request", "phi-4")


def test_favourites_and_auto_are_modes(ada: Client) -> None:
    ada.put("/api/thinktank/preferences/models", {"selectionMode": "favorites", "favoriteModels": ["grok-2", "phi-4"]})
    assert rule_of(ada) == ("favorite", "phi-4")  # grok-2 is locked
    ada.put("/api/thinktank/preferences/models", {"selectionMode": "auto"})
    assert rule_of(ada)[0] == "auto"
    assert rule_of(ada, modelId="auto")[0] in ("auto", "request")


def test_the_tenants_switch_sends_everyone_to_the_system_default(ada: Client) -> None:
    ada.as_admin(FORCE)
    data = select(ada, modelId="codestral-latest").data
    assert (data["modelId"], data["rule"]) == ("gpt-4o-mini", "forced_system_default")
    assert data["requestedModelId"] == "codestral-latest"


def test_a_disabled_model_gives_way_without_recursion(ada: Client) -> None:
    """Trap: recursion when the preferred model is disabled."""
    desk = ada.desk()
    overlay(desk, "codestral-latest", enabled=False)
    data = select(ada, modelId="codestral-latest").data
    assert (data["modelId"], data["requestedModelId"]) == ("gpt-4o-mini", "codestral-latest")
    overlay(desk, "gpt-4o-mini", enabled=False)
    assert select(ada, modelId="codestral-latest").data["rule"] == "cheapest_free"


def test_a_trial_is_told_and_not_spent(ada: Client) -> None:
    for _ in range(3):
        data = select(ada, modelId="gpt-4o").data
        assert (data["access"], data["estimatedCost"]) == ("trial", "0")
    assert ada.get("/api/models/gpt-4o/trial-status").data["trialMessagesRemaining"] == 2


def test_it_reserves_and_counts_nothing(ada: Client) -> None:
    select(ada, modelId="gpt-4o")
    select(ada)
    desk = ada.desk()
    assert desk.lines() == []
    assert desk.query("SELECT FROM daily_counters WHERE user_id = :user_id") == []
    assert desk.query("SELECT FROM trial_counters WHERE user_id = :user_id") == []
    assert ada.get("/api/conversations").data == []


def refused_by_chat(ada: Client, **message: Any) -> StoaError:
    with pytest.raises(StoaError) as refused:
        ada.desk().send("What is in our power?", **message)
    return refused.value


@pytest.mark.parametrize(
    ("situation", "status", "code"),
    [
        ("locked", 402, "MODEL_LOCKED"),
        ("limit", 429, "RATE_LIMIT_EXCEEDED"),
        ("ceiling", 402, "COST_LIMIT_EXCEEDED"),
        ("unknown", 404, "MODEL_NOT_FOUND"),
        ("embeddings", 422, "MODEL_CANNOT_CHAT"),
        ("nothing", 503, "NO_MODEL_AVAILABLE"),
    ],
)
def test_it_gives_the_refusal_that_chat_gives(ada: Client, situation: str, status: int, code: str) -> None:
    desk, model_id = ada.desk(), "gpt-4o"
    if situation == "locked":
        overlay(desk, model_id, trial_messages=0)
    elif situation == "limit":
        overlay(desk, model_id, daily_limit=0)
    elif situation == "ceiling":
        model_id = "codestral-latest"
        ada.put("/api/thinktank/preferences/models", {"maxCostPerMessage": 0})
    elif situation == "unknown":
        model_id = "no-such"
    elif situation == "embeddings":
        model_id = "grok-embed"
    else:
        ada.as_admin(
            "INSERT INTO tenant_models (tenant_id, model_id, enabled) "
            "SELECT :tenant_id ::uuid, m.id, false FROM models m"
        )
    reply = select(ada, modelId=model_id)
    assert (reply.status, reply.error["code"]) == (status, code)
    by_chat = refused_by_chat(ada, model_id=model_id)
    assert (status_of(by_chat), by_chat.code, by_chat.message) == (status, code, reply.error["message"])
    if status == 429:
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.error["details"]["remaining"] == 0


@pytest.mark.parametrize("asked", [{}, {"model_id": "gpt-4o"}, {"persona_id": "lao", "domain_mode": "legal"}])
def test_it_decides_as_chat_does(ada: Client, asked: dict[str, str]) -> None:
    names = {"model_id": "modelId", "persona_id": "personaId", "domain_mode": "domainMode"}
    dry = select(ada, **{names[name]: value for name, value in asked.items()}).data
    first = ada.desk().send("What is in our power?", **asked)[0]
    assert first.name == "selection"
    assert dry == {name: first.data[name] for name in dry}


@pytest.mark.parametrize(
    ("asked", "path"),
    [
        ({"domainMode": "cooking"}, "domainMode"),
        ({"focusMode": "cooking"}, "focusMode"),
        ({"content": ""}, "content"),
        ({"content": None}, "content"),
        ({"modelId": 1}, "modelId"),
        ({"maxOutputTokens": 1}, "maxOutputTokens"),
    ],
)
def test_a_bad_field_is_named(ada: Client, asked: dict[str, Any], path: str) -> None:
    assert path in ada.post("/api/models/select", {"content": "Hello", "modelId": None, **asked}).problems


def test_a_mode_that_the_tenant_switched_off_is_refused(ada: Client) -> None:
    ada.as_admin(DOMAIN, mode_id="legal", enabled=False, default_model=None)
    assert "domainMode" in select(ada, domainMode="legal").problems


def test_an_unknown_persona_is_404(ada: Client) -> None:
    assert select(ada, personaId="nobody").status == 404


def test_a_message_too_long_for_the_model_is_413(ada: Client) -> None:
    reply = select(ada, content="+" * 390_000, modelId="gpt-4o-mini")
    assert (reply.status, reply.error["code"]) == (413, "INPUT_TOO_LONG")
