"""A member's preferences, and changes that send only a part of them."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from stoa.store.members import preferences as store
from tests.integration.chat.support import overlay
from tests.integration.member.support import Client

PREFERENCES = "/api/thinktank/preferences/models"
FAVORITE = f"{PREFERENCES}/favorite"
PROFILE = "/api/profile/model-preferences"

DEFAULTS = {
    "selectionMode": "manual",
    "defaultModelId": None,
    "favoriteModels": [],
    "showStandardModels": True,
    "showNovelModels": True,
    "showSelfHostedModels": True,
    "showCostPerMessage": True,
    "maxCostPerMessage": None,
    "preferCostOptimization": False,
    "domainModeModelOverrides": {},
    "recentModels": [],
    "notices": [],
}

EVERYTHING = {
    "selectionMode": "favorites",
    "defaultModelId": "gpt-4o",
    "favoriteModels": ["phi-4", "gpt-4o-mini"],
    "showStandardModels": False,
    "showNovelModels": False,
    "showSelfHostedModels": False,
    "showCostPerMessage": False,
    "maxCostPerMessage": 0.000000001,
    "preferCostOptimization": True,
    "domainModeModelOverrides": {"code": "codestral-latest", "legal": "auto"},
    "recentModels": [],
    "notices": [],
}


def test_without_a_saved_row_the_defaults_are_read(ada: Client) -> None:
    assert ada.get(PREFERENCES).body == DEFAULTS


def test_everything_that_is_put_is_read_back(ada: Client) -> None:
    assert ada.put(PREFERENCES, EVERYTHING).body == EVERYTHING
    assert ada.get(PREFERENCES).body == EVERYTHING


def test_trap_a_first_save_keeps_where_no_row_exists_yet(ada: Client) -> None:
    """Trap: config saved where no row exists yet."""
    assert ada.put(PREFERENCES, {"selectionMode": "auto"}).body == {**DEFAULTS, "selectionMode": "auto"}
    assert ada.get(PREFERENCES).body["selectionMode"] == "auto"


@pytest.mark.parametrize("name", [name for name in EVERYTHING if name not in ("recentModels", "notices")])
def test_trap_favourites_and_all_else_survive_a_put_that_omits_them(ada: Client, name: str) -> None:
    """Trap: favourites lost when a partial update omits them."""
    ada.put(PREFERENCES, EVERYTHING)
    ada.put(PREFERENCES, {name: EVERYTHING[name]})
    assert ada.get(PREFERENCES).body == EVERYTHING


def test_an_empty_put_changes_nothing(ada: Client) -> None:
    ada.put(PREFERENCES, EVERYTHING)
    assert ada.put(PREFERENCES, {}).body == EVERYTHING


@pytest.mark.parametrize("name", ["defaultModelId", "favoriteModels", "maxCostPerMessage", "domainModeModelOverrides"])
def test_null_clears_and_absent_keeps(ada: Client, name: str) -> None:
    """Trap: null and absent confused."""
    ada.put(PREFERENCES, EVERYTHING)
    assert ada.put(PREFERENCES, {name: None}).body == {**EVERYTHING, name: DEFAULTS[name]}


@pytest.mark.parametrize("name", ["selectionMode", "showNovelModels", "preferCostOptimization"])
def test_null_is_no_value_for_a_switch(ada: Client, name: str) -> None:
    assert name in ada.put(PREFERENCES, {name: None}).problems


def test_a_null_inside_the_overrides_is_no_override(ada: Client) -> None:
    sent = {"domainModeModelOverrides": {"code": "gpt-4o", "legal": None}}
    assert ada.put(PREFERENCES, sent).body["domainModeModelOverrides"] == {"code": "gpt-4o"}


def test_doubled_favourites_are_kept_once_in_their_order(ada: Client) -> None:
    sent = {"favoriteModels": ["phi-4", "gpt-4o", "phi-4", "gpt-4o"]}
    assert ada.put(PREFERENCES, sent).body["favoriteModels"] == ["phi-4", "gpt-4o"]


def test_a_cost_ceiling_of_zero_is_a_ceiling(ada: Client) -> None:
    assert ada.put(PREFERENCES, {"maxCostPerMessage": 0}).body["maxCostPerMessage"] == 0
    assert ada.post("/api/models/select", {"content": "Hello", "modelId": "gpt-4o-mini"}).status == 402


def test_a_cost_ceiling_is_exact(ada: Client) -> None:
    ada.put(PREFERENCES, {"maxCostPerMessage": 0.1})
    with ada.database.autocommit(ada.member.scope) as connection:
        saved = store.get(connection, ada.tenant_id, ada.member.user_id)
    assert saved.max_cost_per_message == Decimal("0.1")


def test_recent_models_follow_from_messages_and_are_not_set(ada: Client) -> None:
    desk = ada.desk()
    for model_id in ("codestral-latest", "gpt-4o-mini", "codestral-latest"):
        desk.send(model_id=model_id)
    whole = ada.get(PREFERENCES).body
    assert whole["recentModels"] == ["codestral-latest", "gpt-4o-mini"]
    assert ada.put(PREFERENCES, {**whole, "recentModels": ["phi-4"]}).body == whole


def test_a_saved_model_that_was_disabled_since_stays_and_may_be_sent_back(ada: Client) -> None:
    ada.put(PREFERENCES, EVERYTHING)
    overlay(ada.desk(), "gpt-4o", enabled=False)
    whole = ada.get(PREFERENCES).body
    assert whole["defaultModelId"] == "gpt-4o"
    assert ada.put(PREFERENCES, whole).body == whole


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ({"defaultModelId": "no-such"}, "defaultModelId"),
        ({"defaultModelId": "auto"}, "defaultModelId"),
        ({"defaultModelId": 7}, "defaultModelId"),
        ({"defaultModelId": ""}, "defaultModelId"),
        ({"favoriteModels": ["gpt-4o", "no-such"]}, "favoriteModels[1]"),
        ({"favoriteModels": "gpt-4o"}, "favoriteModels"),
        ({"favoriteModels": ["gpt-4o"] * 201}, "favoriteModels"),
        ({"domainModeModelOverrides": {"code": "no-such"}}, "domainModeModelOverrides.code"),
        ({"domainModeModelOverrides": {"cooking": "gpt-4o"}}, "domainModeModelOverrides.cooking"),
        ({"maxCostPerMessage": -0.01}, "maxCostPerMessage"),
        ({"maxCostPerMessage": "0.01"}, "maxCostPerMessage"),
        ({"maxCostPerMessage": 1e300}, "maxCostPerMessage"),
        ({"maxCostPerMessage": True}, "maxCostPerMessage"),
        ({"selectionMode": "random"}, "selectionMode"),
        ({"showNovelModels": 1}, "showNovelModels"),
        ({"tenantId": "x"}, "tenantId"),
        ({"selection_mode": "auto"}, "selection_mode"),
    ],
)
def test_a_bad_field_is_named_and_nothing_is_saved(ada: Client, sent: dict, path: str) -> None:
    reply = ada.put(PREFERENCES, {"showCostPerMessage": False, **sent})
    assert path in reply.problems
    assert ada.get(PREFERENCES).body == DEFAULTS


def test_every_bad_field_is_named_at_once(ada: Client) -> None:
    sent = {"defaultModelId": "x", "favoriteModels": ["y"], "domainModeModelOverrides": {"code": "z"}}
    assert set(ada.put(PREFERENCES, sent).problems) == {
        "defaultModelId",
        "favoriteModels[0]",
        "domainModeModelOverrides.code",
    }


def test_another_tenants_model_is_unknown(ada: Client, stranger: Client) -> None:
    stranger.as_admin(
        """
        INSERT INTO models (id, tenant_id, provider_id, provider_model, display_name, context_window, max_output_tokens)
        VALUES (:id, :tenant_id, 'self_hosted', 'm', 'Secret', 8192, 1024)
        """,
        id=f"secret-{stranger.tenant_id}",
    )
    model_id = f"secret-{stranger.tenant_id}"
    assert "defaultModelId" in ada.put(PREFERENCES, {"defaultModelId": model_id}).problems
    assert "modelId" in ada.post(FAVORITE, {"modelId": model_id}).problems
    assert stranger.put(PREFERENCES, {"defaultModelId": model_id}).status == 200


def test_preferences_are_ones_own(ada: Client, bob: Client, stranger: Client) -> None:
    ada.put(PREFERENCES, EVERYTHING)
    assert bob.get(PREFERENCES).body == DEFAULTS
    assert stranger.get(PREFERENCES).body == DEFAULTS


class TestProfile:
    """PATCH /api/profile/model-preferences"""

    def test_null_clears_and_absent_keeps(self, ada: Client) -> None:
        """Trap: null and absent confused in PATCH."""
        both = {"defaultModelId": "gpt-4o", "personaOverrides": {"marcus": "phi-4", "lao": "auto"}}
        assert ada.patch(PROFILE, both).data == both
        assert ada.patch(PROFILE, {}).data == both
        assert ada.patch(PROFILE, {"defaultModelId": None}).data == {**both, "defaultModelId": None}
        assert ada.patch(PROFILE, {"personaOverrides": None}).data == {"defaultModelId": None, "personaOverrides": {}}

    def test_inside_the_overrides_null_clears_and_absent_keeps_too(self, ada: Client) -> None:
        ada.patch(PROFILE, {"personaOverrides": {"marcus": "phi-4", "lao": "gpt-4o"}})
        changed = ada.patch(PROFILE, {"personaOverrides": {"marcus": None, "simone": "phi-4"}}).data
        assert changed["personaOverrides"] == {"lao": "gpt-4o", "simone": "phi-4"}

    def test_it_leaves_all_other_preferences_alone(self, ada: Client) -> None:
        ada.put(PREFERENCES, EVERYTHING)
        ada.patch(PROFILE, {"defaultModelId": "phi-4"})
        assert ada.get(PREFERENCES).body == {**EVERYTHING, "defaultModelId": "phi-4"}

    @pytest.mark.parametrize(
        ("sent", "path"),
        [
            ({"personaOverrides": {"nobody": "gpt-4o"}}, "personaOverrides.nobody"),
            ({"personaOverrides": {"lao": "no-such"}}, "personaOverrides.lao"),
            ({"personaOverrides": {"lao": 1}}, "personaOverrides.lao"),
            ({"personaOverrides": ["lao"]}, "personaOverrides"),
            ({"defaultModelId": "no-such"}, "defaultModelId"),
            ({"favoriteModels": ["gpt-4o"]}, "favoriteModels"),
        ],
    )
    def test_a_bad_field_is_named(self, ada: Client, sent: dict, path: str) -> None:
        assert path in ada.patch(PROFILE, sent).problems

    def test_only_usable_personas_take_an_override(self, ada: Client, bob: Client) -> None:
        private, public = f"private-{ada.tenant_id}", f"public-{ada.tenant_id}"
        for persona_id, is_public in ((private, False), (public, True)):
            bob.as_admin(
                """
                INSERT INTO personas (id, tenant_id, owner_id, name, system_prompt, is_public)
                VALUES (:id, :tenant_id, :owner_id, 'Tutor', 'Teach.', :is_public)
                """,
                id=persona_id,
                owner_id=bob.member.user_id,
                is_public=is_public,
            )
        assert ada.patch(PROFILE, {"personaOverrides": {private: "gpt-4o"}}).status == 422
        assert ada.patch(PROFILE, {"personaOverrides": {public: "gpt-4o"}}).status == 200
        assert bob.patch(PROFILE, {"personaOverrides": {private: "gpt-4o"}}).status == 200
        # Bob takes his persona back; what Ada saved may be sent back and cleared all the same.
        bob.as_admin("UPDATE personas SET is_public = false WHERE tenant_id = :tenant_id")
        assert ada.patch(PROFILE, {"personaOverrides": {public: "gpt-4o"}}).status == 200
        assert ada.patch(PROFILE, {"personaOverrides": {public: None}}).data["personaOverrides"] == {}

    def test_saving_is_told_as_a_product_event(self, ada: Client, events: Callable[[str], list[dict]]) -> None:
        ada.put(PREFERENCES, {"domainModeModelOverrides": {"code": "phi-4"}})
        ada.patch(PROFILE, {"defaultModelId": "gpt-4o", "personaOverrides": {"lao": "phi-4"}})
        ada.patch(PROFILE, {"defaultModelId": "no-such"})
        assert events("model_preference_saved") == [
            {"defaultModelId": None, "hasOverrides": True, "overrideCount": 1},
            {"defaultModelId": "gpt-4o", "hasOverrides": True, "overrideCount": 2},
        ]
