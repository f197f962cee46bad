"""Models by the names and ids that the API's first clients know."""

from typing import Any

import pytest

from tests.integration.member.support import Client
from tests.integration.model_admin.support import NEW_MODEL, Admin, created

FORM: dict[str, Any] = {
    "id": "Legal-Llama_2.1",
    "displayName": "Legal Llama",
    "description": "Reads contracts and compares them.",
    "provider": "self_hosted",
    "providerModelId": "llama-3.3-70b-legal",
    "tier": "premium",
    "priceCents": 499,
    "rateLimitMessagesPerDay": 40,
    "trialMessagesAllowed": 3,
    "metadata": {
        "speed": "fast",
        "quality": "excellent",
        "contextWindow": 64_000,
        "costPer1MTok": 1.25,
        "bestFor": ["Contracts", "Comparing versions"],
    },
    "baseInputPrice": 0.5,
    "baseOutputPrice": 1,
    "enabled": True,
}


def test_the_form_of_the_first_clients_makes_a_model(admin: Admin, ada: Client) -> None:
    model = created(admin.post("/api/admin/models", FORM))
    assert model["id"] == "Legal-Llama_2.1"
    assert (model["providerId"], model["providerModel"]) == ("self_hosted", "llama-3.3-70b-legal")
    assert (model["accessTier"], model["unlockPriceCents"], model["dailyLimit"], model["trialMessages"]) == (
        *("premium", 499),
        *(40, 3),
    )
    assert model["metadata"] == FORM["metadata"]
    assert (model["contextWindow"], model["userInputPrice"]) == (64_000, 0.875)
    (shown,) = [one for one in ada.get("/api/models").data["premium"] if one["id"] == "Legal-Llama_2.1"]
    assert shown["metadata"] == FORM["metadata"]
    assert (shown["description"], shown["priceCents"], shown["currency"]) == (FORM["description"], 499, "usd")


def test_the_typed_id_is_the_one_that_everyone_uses(admin: Admin, ada: Client) -> None:
    created(admin.post("/api/admin/models", FORM))
    mine = "Legal-Llama_2.1"
    assert admin.get(f"/api/admin/models/{mine}").data["displayName"] == "Legal Llama"
    assert ada.get(f"/api/models/{mine}/trial-status").data["trialMessagesRemaining"] == 3
    assert ada.desk().send(model_id=mine)[0].data["modelId"] == mine
    assert ada.patch("/api/profile/model-preferences", {"defaultModelId": mine}).status == 200
    assert ada.get("/api/models").data["userPreferences"]["defaultModelId"] == mine
    changed = admin.patch(f"/api/admin/models/{mine}", {"tier": "free", "priceCents": None}).data
    assert (changed["id"], changed["accessTier"]) == (mine, "free")
    assert admin.post(f"/api/admin/models/{mine}/disable", {}).data == {"enabled": False}
    assert admin.get(f"/api/admin/models/{mine}/usage-stats").data["totalUsers"] == 1


def test_two_tenants_may_type_the_same_id(admin: Admin, other_admin: Admin) -> None:
    assert [created(one.post("/api/admin/models", FORM))["id"] for one in (admin, other_admin)] == [FORM["id"]] * 2


@pytest.mark.parametrize("twin", ["Legal-Llama_2.1", "legal-llama_2.1", "gpt-4o", "GPT-4O"])
def test_an_id_has_no_twin(admin: Admin, twin: str) -> None:
    created(admin.post("/api/admin/models", FORM))
    reply = admin.post("/api/admin/models", {**FORM, "id": twin})
    assert (reply.status, reply.error["code"]) == (409, "MODEL_EXISTS")


@pytest.mark.parametrize("typed", ["", "a b", "a/b", "ä", "a~b", "-a", "a" * 101])
def test_an_id_is_of_few_characters(admin: Admin, typed: str) -> None:
    assert set(admin.post("/api/admin/models", {**FORM, "id": typed}).problems) == {"id"}


def test_a_name_still_gives_an_id_with_the_slug(admin: Admin) -> None:
    assert created(admin.post("/api/admin/models", NEW_MODEL))["id"].endswith("~legal-llama")
    both = admin.post("/api/admin/models", {**FORM, "name": "legal"})
    assert both.problems == {"id": "send either id or name"}


def test_facts_that_are_missing_come_from_the_registry(admin: Admin) -> None:
    asked = {"id": "our-4o", "displayName": "Ours", "provider": "openai", "providerModelId": "gpt-4o", "tier": "free"}
    model = created(admin.post("/api/admin/models", asked))
    assert (model["contextWindow"], model["maxOutputTokens"]) == (128_000, 16_384)
    assert (model["baseInputPrice"], model["baseOutputPrice"], model["userInputPrice"]) == (2.5, 10, 3.5)
    assert "vision" in model["capabilities"]


def test_a_price_that_nobody_knows_says_how_to_give_it(admin: Admin) -> None:
    asked = {name: value for name, value in FORM.items() if not name.startswith("base")}
    problems = admin.post("/api/admin/models", asked).problems
    assert set(problems) == {"baseInputPrice", "baseOutputPrice"}
    assert "send baseInputPrice and baseOutputPrice" in problems["baseInputPrice"]


def test_a_window_larger_than_the_models_is_refused(admin: Admin) -> None:
    asked = {**FORM, "provider": "openai", "providerModelId": "gpt-4o", "metadata": {"contextWindow": 128_001}}
    assert admin.post("/api/admin/models", asked).problems == {"contextWindow": "the model takes 128000 tokens at most"}


@pytest.mark.parametrize(
    ("theirs", "ours", "value"),
    [("provider", "providerId", "openai"), ("tier", "accessTier", "free"), ("priceCents", "unlockPriceCents", 1)],
)
def test_both_names_must_say_the_same(admin: Admin, theirs: str, ours: str, value: Any) -> None:
    assert set(admin.post("/api/admin/models", {**FORM, ours: value}).problems) == {theirs}
    assert created(admin.post("/api/admin/models", {**FORM, ours: FORM[theirs]}))["id"] == FORM["id"]


def test_how_a_model_is_shown_is_the_tenants_to_decide(admin: Admin, ada: Client) -> None:
    given = {"speed": "slower", "quality": "good", "costPer1MTok": 9, "bestFor": ["Letters"]}
    changed = admin.patch("/api/admin/models/gpt-4o-mini", {"metadata": given, "description": "Writes letters."}).data
    assert changed["metadata"] == {**given, "contextWindow": 128_000}
    (shown,) = [one for one in ada.get("/api/thinktank/models").body if one["id"] == "gpt-4o-mini"]
    assert (shown["metadata"]["bestFor"], shown["description"]) == (["Letters"], "Writes letters.")
    assert shown["userInputPrice"] == 0.21, "shown, and never charged by"
    assert admin.patch("/api/admin/models/gpt-4o-mini", {"thinktankEnabled": False}).status == 200
    assert "gpt-4o-mini" not in [one["id"] for one in ada.get("/api/thinktank/models").body]
    assert "gpt-4o-mini" in [one["id"] for one in ada.get("/api/models").data["free"]]


def test_the_cost_that_is_shown_is_made_of_prices_where_nobody_gave_it(ada: Client) -> None:
    (shown,) = [one for one in ada.get("/api/thinktank/models").body if one["id"] == "gpt-4o-mini"]
    assert shown["metadata"]["costPer1MTok"] == pytest.approx((3 * 0.21 + 0.84) / 4)
    assert shown["updatedAt"]


def test_a_clients_spelling_is_answered_by_our_id(admin: Admin) -> None:
    assert admin.get("/api/admin/models/gemini-pro-1.5").data["id"] == "gemini-1.5-pro"
