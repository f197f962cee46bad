"""A tenant's own models: made, priced, sold, succeeded, and nobody else's business."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stoa.database.pool import Scope
from stoa.workflows.selection.member_view import load_member_view
from tests.integration.model_admin.support import NEW_MODEL, Admin, created

Events = Callable[[str], list[dict[str, object]]]


def make(admin: Admin, **fields: Any) -> dict[str, Any]:
    return created(admin.post("/api/admin/models", {**NEW_MODEL, **fields}))


def test_a_new_model_is_sold_at_once_at_its_price_with_the_tenants_markup(
    admin: Admin, ada: Admin, events: Events
) -> None:
    model = make(admin)
    assert model["id"].endswith("~legal-llama")
    assert (model["isOwn"], model["isSold"], model["version"]) == (True, True, 0)
    # Self-hosted: 75 % on what it costs.
    assert (model["userInputPrice"], model["userOutputPrice"]) == (0.875, 1.75)
    (listed,) = [row for row in ada.get("/api/models").data["free"] if row["id"] == model["id"]]
    assert (listed["displayName"], listed["userInputPrice"]) == ("Legal Llama", 0.875)
    assert ada.desk().send(model_id=model["id"])[0].data["modelId"] == model["id"]
    assert events("admin_model_created") == [
        {"modelId": model["id"], "providerId": "self_hosted", "tier": "free", "priceCents": None}
    ]
    assert admin.audited() == [("model.create", model["id"])]


def test_a_fine_tune_of_an_external_provider_has_the_external_markup(admin: Admin) -> None:
    assert make(admin, providerId="openai")["userInputPrice"] == 0.7


def test_its_routes_take_its_id_as_clients_escape_it(admin: Admin, ada: Admin) -> None:
    from urllib.parse import quote

    model_id = make(admin)["id"]
    assert quote(model_id, safe="") == model_id
    assert ada.get(f"/api/models/{model_id}/usage").data["messagesUsedToday"] == 0


def test_without_known_prices_it_is_listed_to_admins_and_not_sold(admin: Admin, ada: Admin) -> None:
    model = make(admin, baseInputPrice=None, baseOutputPrice=None)
    assert (model["isSold"], model["userInputPrice"]) == (False, None)
    assert model["id"] not in [row["id"] for row in ada.get("/api/models").data["free"]]
    priced = admin.change(model["id"], baseInputPrice=0.5, baseOutputPrice=1)
    assert (priced["isSold"], priced["userInputPrice"]) == (True, 0.875)
    assert model["id"] in [row["id"] for row in ada.get("/api/models").data["free"]]


def test_whether_prices_are_known_must_be_said(admin: Admin) -> None:
    body = {name: value for name, value in NEW_MODEL.items() if not name.startswith("base")}
    assert set(admin.post("/api/admin/models", body).problems) == {"baseInputPrice", "baseOutputPrice"}
    one_only = admin.post("/api/admin/models", {**NEW_MODEL, "baseOutputPrice": None})
    assert set(one_only.problems) == {"baseOutputPrice"}


def test_a_raise_of_its_base_price_waits_for_the_grace_and_a_cut_does_not(admin: Admin) -> None:
    model_id = make(admin)["id"]
    raised = admin.change(model_id, baseInputPrice=5)
    assert (raised["baseInputPrice"], raised["userInputPrice"]) == (5, 0.875)
    assert admin.change(model_id, baseInputPrice=0.1)["userInputPrice"] == 0.175


@pytest.mark.parametrize("price", [None, -1, "1", 1e9, 0.1234567])
def test_its_base_price_cannot_become_what_it_cannot_be(admin: Admin, price: Any) -> None:
    model_id = make(admin)["id"]
    assert admin.patch(f"/api/admin/models/{model_id}", {"baseInputPrice": price}).status == 422
    assert admin.model(model_id)["userInputPrice"] == 0.875


def test_a_name_is_taken_once(admin: Admin) -> None:
    make(admin)
    reply = admin.post("/api/admin/models", NEW_MODEL)
    assert (reply.status, reply.error["code"]) == (409, "MODEL_EXISTS")


@pytest.mark.parametrize("name", ["", "Legal", "a/b", "a~b", "../x", "a b", "ä", "-a", "a" * 101, None, 7])
def test_a_name_fits_into_an_address(admin: Admin, name: Any) -> None:
    missing = "id" if name is None else "name"
    assert missing in admin.post("/api/admin/models", {**NEW_MODEL, "name": name}).problems


def test_the_provider_must_be_there(admin: Admin) -> None:
    problems = admin.post("/api/admin/models", {**NEW_MODEL, "providerId": "nobody"}).problems
    assert problems == {"providerId": "there is no such provider"}


def test_a_premium_one_needs_a_price_to_unlock_it(admin: Admin, ada: Admin) -> None:
    assert set(admin.post("/api/admin/models", {**NEW_MODEL, "accessTier": "premium"}).problems) == {"unlockPriceCents"}
    model = make(admin, accessTier="premium", unlockPriceCents=700, trialMessages=1)
    assert ada.get(f"/api/models/{model['id']}/trial-status").data["trialMessagesRemaining"] == 1


def test_two_tenants_use_one_name_and_learn_nothing_of_each_other(admin: Admin, other_admin: Admin, ada: Admin) -> None:
    mine, theirs = make(admin), make(other_admin)
    assert mine["id"] != theirs["id"]
    for reply in (
        admin.patch(f"/api/admin/models/{theirs['id']}", {"displayName": "Mine now"}),
        admin.post(f"/api/admin/models/{theirs['id']}/enable", None),
        admin.post(f"/api/admin/models/{theirs['id']}/disable", None),
        admin.get(f"/api/admin/models/{theirs['id']}/usage-stats"),
        admin.post("/api/admin/entitlements/grant-model", {"email": "x@y.z", "modelId": theirs["id"]}),
        ada.get(f"/api/models/{theirs['id']}/usage"),
    ):
        assert (reply.status, reply.error["code"]) == (404, "NOT_FOUND")
    assert theirs["id"] not in [model["id"] for model in admin.get("/api/admin/models").data]
    assert other_admin.model(theirs["id"]) == theirs
    with admin.database.autocommit(Scope(tenant_id=admin.tenant_id)) as connection:
        assert connection.run("SELECT id FROM models WHERE id = :id", id=theirs["id"]) == []
        assert connection.run("SELECT model_id FROM tenant_models WHERE model_id = :id", id=theirs["id"]) == []


def test_from_its_deprecation_on_the_successor_answers(admin: Admin, ada: Admin) -> None:
    model_id = make(admin)["id"]
    later = datetime.now(UTC) + timedelta(days=3)
    changed = admin.change(model_id, deprecatedAt=later.isoformat(), successorId="gpt-4o-mini")
    assert (changed["successorId"], changed["deprecatedAt"][:10]) == ("gpt-4o-mini", later.date().isoformat())
    assert ada.desk().send(model_id=model_id)[0].data["modelId"] == model_id
    admin.change(model_id, deprecatedAt="2026-01-01T00:00:00Z")
    assert ada.desk().send(model_id=model_id)[0].data["modelId"] == "gpt-4o-mini"
    assert admin.change(model_id, deprecatedAt=None)["deprecatedAt"] is None
    assert ada.desk().send(model_id=model_id)[0].data["modelId"] == model_id


def test_a_successor_is_another_model_that_the_tenant_has(admin: Admin, other_admin: Admin) -> None:
    mine, theirs = make(admin)["id"], make(other_admin)["id"]
    for successor in (mine, theirs, "no-such"):
        assert "successorId" in admin.patch(f"/api/admin/models/{mine}", {"successorId": successor}).problems
    assert admin.patch(f"/api/admin/models/{mine}", {"deprecatedAt": "2027-01-01T00:00:00"}).status == 422


def test_its_own_row_changes_in_part(admin: Admin) -> None:
    model_id = make(admin)["id"]
    changed = admin.change(model_id, contextWindow=32000, capabilities=["chat", "code", "chat"], isNovel=True)
    assert (changed["contextWindow"], changed["maxOutputTokens"]) == (32000, 8192)
    assert (changed["capabilities"], changed["isNovel"]) == (["chat", "code"], True)
    assert admin.patch(f"/api/admin/models/{model_id}", {"contextWindow": None}).status == 422


def test_the_snapshot_has_its_new_price(admin: Admin, ada: Admin) -> None:
    model_id = make(admin)["id"]
    offer = load_member_view(ada.database, ada.member, datetime.now(UTC)).offers[model_id]
    assert offer.is_self_hosted and offer.prices is not None
