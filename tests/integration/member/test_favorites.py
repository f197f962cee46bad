"""Starring models, one toggle at a time or many at once."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

from stoa.database.pool import Scope
from stoa.store.members import preferences as store
from tests.integration.member.support import Client

PREFERENCES = "/api/thinktank/preferences/models"
FAVORITE = f"{PREFERENCES}/favorite"


def test_it_toggles(ada: Client) -> None:
    starred = {"success": True, "isFavorite": True, "favoriteModels": ["gpt-4o"]}
    assert ada.post(FAVORITE, {"modelId": "gpt-4o"}).body == starred
    assert ada.post(FAVORITE, {"modelId": "phi-4"}).body["favoriteModels"] == ["gpt-4o", "phi-4"]
    gone = {"success": True, "isFavorite": False, "favoriteModels": ["phi-4"]}
    assert ada.post(FAVORITE, {"modelId": "gpt-4o"}).body == gone
    assert ada.get(PREFERENCES).body["favoriteModels"] == ["phi-4"]


def test_it_leaves_all_other_preferences_alone(ada: Client) -> None:
    ada.put(PREFERENCES, {"selectionMode": "favorites", "favoriteModels": ["phi-4", "gpt-4o"], "maxCostPerMessage": 1})
    before = ada.get(PREFERENCES).body
    ada.post(FAVORITE, {"modelId": "phi-4"})
    assert ada.get(PREFERENCES).body == {**before, "favoriteModels": ["gpt-4o"]}


def test_toggles_at_the_same_time_all_count(ada: Client) -> None:
    models = [model["id"] for model in ada.get("/api/thinktank/models").body][:20]

    def toggle(model_id: str) -> None:
        with ada.database.autocommit(ada.member.scope) as connection:
            store.toggle_favorite(connection, ada.tenant_id, ada.member.user_id, model_id, 200)

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(toggle, models * 3))
    assert sorted(ada.get(PREFERENCES).body["favoriteModels"]) == sorted(models)


def test_two_changes_of_different_fields_at_the_same_time_both_hold(ada: Client) -> None:
    def save(changes: dict) -> None:
        with ada.database.autocommit(Scope(ada.tenant_id, ada.member.user_id)) as connection:
            store.save(connection, ada.tenant_id, ada.member.user_id, changes, {})

    changes = [
        {"default_model_id": "gpt-4o"},
        {"favorite_models": ["phi-4"]},
        {"show_novel_models": False},
        {"selection_mode": "auto"},
        {"max_cost_per_message": Decimal("0.5")},
        {"domain_overrides": {"code": "phi-4"}},
    ]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(save, changes))
    saved = ada.get(PREFERENCES).body
    assert saved["defaultModelId"] == "gpt-4o"
    assert saved["favoriteModels"] == ["phi-4"]
    assert saved["showNovelModels"] is False
    assert saved["selectionMode"] == "auto"
    assert saved["maxCostPerMessage"] == 0.5
    assert saved["domainModeModelOverrides"] == {"code": "phi-4"}


def test_an_unknown_model_cannot_be_starred(ada: Client) -> None:
    assert "no-such" in ada.post(FAVORITE, {"modelId": "no-such"}).problems["modelId"]


def test_there_is_a_most_number_of_favourites(ada: Client) -> None:
    with ada.database.autocommit(ada.member.scope) as connection:
        many = {"favorite_models": [f"m{number}" for number in range(200)]}
        store.save(connection, ada.tenant_id, ada.member.user_id, many, {})
    assert "200 favourites" in ada.post(FAVORITE, {"modelId": "gpt-4o"}).problems["modelId"]
    assert ada.post(FAVORITE, {"modelId": "m7"}).body["isFavorite"] is False  # also one whose model is gone
    assert ada.post(FAVORITE, {"modelId": "gpt-4o"}).body["isFavorite"] is True
