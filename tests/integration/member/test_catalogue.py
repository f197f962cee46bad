"""The catalogue as a member sees it."""

from datetime import UTC, datetime, timedelta

import pytest

from stoa.core.settings import settings
from stoa.database.pool import database
from tests.integration.chat.support import overlay
from tests.integration.member.support import Client


def ids(models: list[dict]) -> list[str]:
    return [model["id"] for model in models]


def both(ada: Client) -> dict[str, dict]:
    data = ada.get("/api/models").data
    return {model["id"]: model for model in data["free"] + data["premium"]}


def test_a_free_model_has_its_price_for_the_member(ada: Client) -> None:
    model = both(ada)["gpt-4o-mini"]
    # 0.15 and 0.60 USD with the tenant's 40 %
    assert (model["userInputPrice"], model["userOutputPrice"]) == (0.21, 0.84)
    assert (model["displayName"], model["providerName"], model["accessTier"]) == ("GPT-4o Mini", "OpenAI", "free")
    assert model["minimumCharge"] == "0.001000000"
    assert model["usageToday"] == {"used": 0, "limit": None}
    assert model["canChat"] is True


def test_a_premium_model_tells_how_to_get_it(ada: Client) -> None:
    model = both(ada)["gpt-4o"]
    assert model["purchased"] is False
    assert model["purchaseStatus"] == "trial"
    assert model["trialMessagesRemaining"] == 2
    assert model["usageToday"] == {"used": 0, "limit": 50}
    assert model["priceCents"] == 299


def test_free_and_premium_are_apart(ada: Client) -> None:
    data = ada.get("/api/models").data
    assert {model["accessTier"] for model in data["free"]} == {"free"}
    assert {model["accessTier"] for model in data["premium"]} == {"premium"}
    assert len(data["free"]) + len(data["premium"]) == len({*ids(data["free"]), *ids(data["premium"])})


def test_a_purchased_model_reads_purchased(ada: Client) -> None:
    ada.grant("gpt-4o")
    ada.grant("grok-2", source="admin_grant")
    models = both(ada)
    assert (models["gpt-4o"]["purchased"], models["gpt-4o"]["purchaseStatus"]) == (True, "purchased")
    assert (models["grok-2"]["purchased"], models["grok-2"]["purchaseStatus"]) == (True, "granted")


def test_user_preferences_come_with_the_models(ada: Client) -> None:
    assert ada.get("/api/models").data["userPreferences"] == {"defaultModelId": None, "personaOverrides": {}}
    saved = {"defaultModelId": "gpt-4o", "personaOverrides": {"lao": "codestral-latest"}}
    ada.patch("/api/profile/model-preferences", saved)
    assert ada.get("/api/models").data["userPreferences"] == saved


def test_lists_are_standard_before_novel_then_order_then_name(ada: Client) -> None:
    overlay_order = "INSERT INTO tenant_models (tenant_id, model_id, display_order) VALUES (:tenant_id, :model_id, 1)"
    ada.as_admin(overlay_order, model_id="codestral-latest")
    listed = ada.get("/api/thinktank/models").body
    assert listed == sorted(listed, key=lambda m: (m["isNovel"], m["displayOrder"], m["displayName"]))
    assert ids(listed)[:2] == ["codestral-latest", "gpt-4o-mini"]  # the same order: by name
    assert listed[-1]["isNovel"]


def test_the_chat_list_is_a_plain_array_of_models_that_can_chat(ada: Client) -> None:
    listed = ada.get("/api/thinktank/models").body
    assert isinstance(listed, list)
    assert all(model["canChat"] for model in listed)
    assert "grok-embed" not in ids(listed)
    assert "grok-embed" not in both(ada)  # nor does any other list offer it


def test_the_chat_list_leaves_out_kinds_that_the_member_hides(ada: Client) -> None:
    own = add_self_hosted(ada, "own")
    assert own in ids(ada.get("/api/thinktank/models").body)
    ada.put("/api/thinktank/preferences/models", {"showSelfHostedModels": False})
    assert own not in ids(ada.get("/api/thinktank/models").body)
    assert own in both(ada)
    assert any(model["isNovel"] for model in ada.get("/api/thinktank/models").body)
    ada.put("/api/thinktank/preferences/models", {"showNovelModels": False})
    assert not any(model["isNovel"] for model in ada.get("/api/thinktank/models").body)


def test_hiding_standard_models_leaves_the_novel_ones(ada: Client) -> None:
    ada.put("/api/thinktank/preferences/models", {"showStandardModels": False})
    listed = ada.get("/api/thinktank/models").body
    assert listed
    assert all(model["isNovel"] for model in listed)


def test_a_favourite_is_marked(ada: Client) -> None:
    ada.post("/api/thinktank/preferences/models/favorite", {"modelId": "gpt-4o"})
    marked = [model["id"] for model in ada.get("/api/thinktank/models").body if model["isFavorite"]]
    assert marked == ["gpt-4o"]


def test_a_disabled_model_is_not_listed(ada: Client) -> None:
    overlay(ada.desk(), "gpt-4o", enabled=False)
    assert "gpt-4o" not in both(ada)
    assert "gpt-4o" not in ids(ada.get("/api/thinktank/models").body)
    assert ada.get("/api/models/gpt-4o/usage").status == 404


def add_self_hosted(ada: Client, name: str, deprecated_at: datetime | None = None) -> str:
    """A model of the tenant's own, free and with a price; its id."""
    model_id = f"{name}-{ada.tenant_id}"
    ada.as_admin(
        """
        INSERT INTO models (id, tenant_id, provider_id, provider_model, display_name, context_window, max_output_tokens,
            deprecated_at, successor_id)
        VALUES (:id, :tenant_id, 'self_hosted', 'm', 'Own', 8192, 1024, :deprecated_at, 'gpt-4o-mini')
        """,
        id=model_id,
        deprecated_at=deprecated_at,
    )
    ada.as_admin(
        """
        INSERT INTO price_book (id, tenant_id, model_id, effective_from, input_price, output_price, base_input_price,
            base_output_price, markup, minimum_charge, source)
        VALUES (gen_random_uuid(), :tenant_id, :id, now() - interval '1 day', 1.75, 1.75, 1, 1, 0.75, 0.001, 'initial')
        """,
        id=model_id,
    )
    return model_id


def test_a_model_is_listed_until_its_deprecation_date(ada: Client, stranger: Client) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    retired = add_self_hosted(ada, "retired", datetime.now(UTC))
    soon = add_self_hosted(ada, "soon", tomorrow)
    models = both(ada)
    assert retired not in models
    assert models[soon]["successorId"] == "gpt-4o-mini"
    assert models[soon]["deprecatedAt"].startswith(tomorrow.strftime("%Y-%m-%dT%H:%M"))
    assert soon not in both(stranger)


def test_a_model_without_a_price_is_not_listed(ada: Client) -> None:
    ada.as_admin("UPDATE price_book SET cancelled_at = now() WHERE tenant_id = :tenant_id AND model_id = 'gpt-4o'")
    assert "gpt-4o" not in both(ada)


def test_trial_status_counts_down_with_trial_messages(ada: Client) -> None:
    whole = {"trialMessagesRemaining": 2, "totalTrialMessages": 2, "canUseTrial": True}
    assert ada.get("/api/models/gpt-4o/trial-status").data == whole
    desk = ada.desk()
    desk.send(model_id="gpt-4o")
    assert ada.get("/api/models/gpt-4o/trial-status").data["trialMessagesRemaining"] == 1
    desk.send(model_id="gpt-4o")
    spent = {"trialMessagesRemaining": 0, "totalTrialMessages": 2, "canUseTrial": False}
    assert ada.get("/api/models/gpt-4o/trial-status").data == spent
    assert both(ada)["gpt-4o"]["purchaseStatus"] == "trial_expired"


def test_a_free_model_has_no_trial(ada: Client) -> None:
    nothing = {"trialMessagesRemaining": 0, "totalTrialMessages": 0, "canUseTrial": False}
    assert ada.get("/api/models/gpt-4o-mini/trial-status").data == nothing


def test_usage_counts_todays_messages_against_the_limit(ada: Client) -> None:
    ada.desk().send(model_id="gpt-4o")
    usage = ada.get("/api/models/gpt-4o/usage").data
    assert (usage["messagesUsedToday"], usage["dailyLimit"], usage["hasUnlimitedAccess"]) == (1, 50, False)
    assert both(ada)["gpt-4o"]["usageToday"] == {"used": 1, "limit": 50}
    assert ada.get("/api/models/gpt-4o-mini/usage").data["hasUnlimitedAccess"] is True


def test_the_limits_reset_lies_ahead(ada: Client) -> None:
    """Trap: `resetAt` in the past."""
    told = datetime.fromisoformat(ada.get("/api/models/gpt-4o/usage").data["limitResetAt"])
    now = datetime.now(UTC)
    assert now < told <= now + timedelta(days=1)
    assert (told.hour, told.minute) == (0, 0)  # this tenant's zone is UTC


@pytest.mark.parametrize("what", ["usage", "trial-status"])
def test_an_unknown_model_is_404(ada: Client, what: str) -> None:
    assert ada.get(f"/api/models/no-such-model/{what}").error["code"] == "NOT_FOUND"


def test_what_an_expired_reservation_holds_is_never_shown(ada: Client) -> None:
    desk = ada.desk()
    killed = desk.events(model_id="gpt-4o")
    next(killed)  # reserved, and then the function goes no further
    desk.change(
        "UPDATE usage SET reserved_at = now() - interval '1 hour', expires_at = now() - interval '1 minute' "
        "WHERE tenant_id = :tenant_id"
    )
    model = both(ada)["gpt-4o"]
    assert (model["trialMessagesRemaining"], model["usageToday"]["used"]) == (2, 0)
    assert [line["status"] for line in desk.lines()] == ["expired"]


def test_health_tells_version_and_migration_level_without_a_token(ada: Client) -> None:
    ada.claims = {"sub": None}
    answer = ada.get("/api/health").body
    assert answer == {"status": "ok", "version": "0.1.0", "database": "reachable", "migration": answer["migration"]}
    assert answer["migration"] >= "0005"


def test_health_is_503_without_the_database(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    settings.cache_clear()
    database.cache_clear()
    reply = ada.get("/api/health")
    assert (reply.status, reply.error["code"]) == (503, "UNAVAILABLE")
    assert reply.headers["Retry-After"] == "1"


def test_the_openapi_document_is_public_and_may_be_cached(ada: Client) -> None:
    ada.claims = {"sub": None}
    reply = ada.get("/api/openapi.json")
    assert reply.body["openapi"] == "3.1.0"
    assert reply.headers["Cache-Control"] == "public, max-age=300"
