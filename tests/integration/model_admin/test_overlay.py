"""Tenants' decisions about a model are written, cleared and kept, and never overwrite somebody else's change."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from stoa.workflows.selection.member_view import load_member_view
from tests.integration.model_admin.support import Admin

Events = Callable[[str], list[dict[str, object]]]

# A field, and a value that is not the registry's.
DECISIONS: list[tuple[str, Any]] = [
    ("displayName", "Mine"),
    ("description", "Ours alone"),
    ("accessTier", "free"),
    ("unlockPriceCents", 12345),
    ("dailyLimit", 7),
    ("dailyLimit", "unlimited"),
    ("trialMessages", 9),
    ("displayOrder", -3),
    ("enabled", False),
]


@pytest.mark.parametrize(("field", "value"), DECISIONS)
def test_each_field_is_set_kept_and_given_back(admin: Admin, field: str, value: Any) -> None:
    registry = admin.model("gpt-4o")["registry"]
    decided = admin.change("gpt-4o", **{field: value})
    assert decided["overlay"] == {**dict.fromkeys(registry), field: value}
    assert decided[field] == (None if value == "unlimited" else value)
    other = "trialMessages" if field != "trialMessages" else "displayOrder"
    assert admin.change("gpt-4o", **{other: 5})["overlay"][field] == value
    given_back = admin.change("gpt-4o", **{field: None, other: None})
    assert given_back["overlay"] == dict.fromkeys(registry)
    assert {name: given_back[name] for name in registry} == registry == given_back["registry"]


def test_the_list_shows_the_registrys_value_beside_the_tenants(admin: Admin) -> None:
    registry = admin.model("gpt-4o")["registry"]
    changed = admin.change("gpt-4o", unlockPriceCents=999, displayName="GPT Four")
    assert (changed["unlockPriceCents"], changed["displayName"]) == (999, "GPT Four")
    assert changed["registry"] == registry
    assert {name: value for name, value in changed["overlay"].items() if value is not None} == {
        "unlockPriceCents": 999,
        "displayName": "GPT Four",
    }
    assert admin.model("gpt-4o") == changed


def test_the_list_holds_disabled_models_and_counts(admin: Admin) -> None:
    everything = admin.get("/api/admin/models")
    assert everything.body["meta"] == {"total": len(everything.data)}
    admin.post("/api/admin/models/gpt-4o/disable", None)
    assert admin.model("gpt-4o")["enabled"] is False
    disabled = admin.get("/api/admin/models", enabled="false")
    assert "gpt-4o" in [model["id"] for model in disabled.data]
    enabled = admin.get("/api/admin/models", enabled="true")
    assert "gpt-4o" not in [model["id"] for model in enabled.data]
    assert enabled.body["meta"]["total"] + disabled.body["meta"]["total"] == everything.body["meta"]["total"]
    assert admin.get("/api/admin/models", enabled="maybe").problems == {"enabled": "true or false"}


def test_trap_null_and_absent_are_not_confused(admin: Admin) -> None:
    first = admin.change(
        "gpt-4o", unlockPriceCents=999, dailyLimit=7, trialMessages=9, displayName="Mine", enabled=False
    )
    assert (first["unlockPriceCents"], first["dailyLimit"], first["trialMessages"]) == (999, 7, 9)
    kept = admin.change("gpt-4o", trialMessages=3)
    assert (kept["unlockPriceCents"], kept["dailyLimit"], kept["trialMessages"], kept["enabled"]) == (999, 7, 3, False)
    cleared = admin.change("gpt-4o", unlockPriceCents=None, dailyLimit=None, displayName=None, enabled=None)
    assert cleared["trialMessages"] == 3
    assert [name for name, value in cleared["overlay"].items() if value is not None] == ["trialMessages"]


def test_zero_is_a_value_and_not_nothing(admin: Admin, ada: Admin) -> None:
    changed = admin.change("gpt-4o", trialMessages=0, dailyLimit=0)
    assert (changed["trialMessages"], changed["dailyLimit"]) == (0, 0)
    assert ada.get("/api/models/gpt-4o/trial-status").data["canUseTrial"] is False
    assert ada.get("/api/models/gpt-4o/usage").data["dailyLimit"] == 0


def test_unlimited_is_not_the_registrys_limit(admin: Admin, ada: Admin) -> None:
    limited = next(model for model in admin.get("/api/admin/models").data if model["dailyLimit"] and model["isSold"])
    changed = admin.change(limited["id"], dailyLimit="unlimited")
    assert (changed["dailyLimit"], changed["overlay"]["dailyLimit"]) == (None, "unlimited")
    assert ada.get(f"/api/models/{limited['id']}/usage").data["hasUnlimitedAccess"] is True
    cleared = admin.change(limited["id"], dailyLimit=None)
    assert (cleared["dailyLimit"], cleared["overlay"]["dailyLimit"]) == (limited["dailyLimit"], None)


def test_a_stale_edit_is_refused_and_changes_nothing(admin: Admin) -> None:
    version = admin.model("gpt-4o")["version"]
    assert admin.change("gpt-4o", trialMessages=5, version=version)["version"] == version + 1
    stale = admin.patch("/api/admin/models/gpt-4o", {"trialMessages": 1, "version": version})
    assert (stale.status, stale.error["code"], stale.error["details"]) == (409, "STALE_EDIT", {"version": version + 1})
    assert admin.model("gpt-4o")["trialMessages"] == 5


@pytest.mark.parametrize(
    ("tag", "status"), [('"0"', 200), ("0", 200), ('W/"0"', 200), ("*", 200), ('"7"', 409), ("x", 409), ("", 200)]
)
def test_the_version_may_come_as_if_match(admin: Admin, tag: str, status: int) -> None:
    reply = admin.send("PATCH", "/api/admin/models/gpt-4o", {"trialMessages": 4}, headers={"if-match": tag})
    assert reply.status == status


def test_enabling_and_disabling(admin: Admin, ada: Admin, events: Events) -> None:
    assert admin.post("/api/admin/models/gpt-4o/disable", None).data == {"enabled": False}
    assert admin.post("/api/admin/models/gpt-4o/disable", None).data == {"enabled": False}
    listed = ada.get("/api/models").data
    assert "gpt-4o" not in [model["id"] for model in listed["free"] + listed["premium"]]
    assert admin.post("/api/admin/models/gpt-4o/enable", None).data == {"enabled": True}
    assert events("admin_model_disabled") == events("admin_model_enabled") == [{"modelId": "gpt-4o"}]
    assert admin.audited() == [("model.enable", "gpt-4o"), ("model.disable", "gpt-4o"), ("model.disable", "gpt-4o")]


def test_a_premium_model_needs_a_price(admin: Admin) -> None:
    reply = admin.patch("/api/admin/models/gpt-4o-mini", {"accessTier": "premium"})
    assert reply.problems == {"unlockPriceCents": "a premium model needs a price to unlock it"}
    assert admin.change("gpt-4o-mini", accessTier="premium", unlockPriceCents=100)["unlockPriceCents"] == 100
    assert admin.patch("/api/admin/models/gpt-4o-mini", {"unlockPriceCents": None}).status == 422
    assert admin.change("gpt-4o-mini", accessTier=None, unlockPriceCents=None)["accessTier"] == "free"


def test_what_belongs_to_the_registry_is_an_operators(admin: Admin) -> None:
    fields = {"contextWindow": 1, "deprecatedAt": None, "baseInputPrice": 1.5, "successorId": "gpt-4o-mini"}
    problems = admin.patch("/api/admin/models/gpt-4o", fields).problems
    assert set(problems) == set(fields)
    assert set(problems.values()) == {"this is a model of the registry; only an operator changes it"}


@pytest.mark.parametrize(
    "fields",
    [
        {"unlockPriceCents": 0},
        {"unlockPriceCents": -1},
        {"unlockPriceCents": 4.99},
        {"unlockPriceCents": "499"},
        {"dailyLimit": -1},
        {"dailyLimit": "none"},
        {"trialMessages": -1},
        {"accessTier": "gold"},
        {"displayName": ""},
        {"enabled": "yes"},
        {"surprise": 1},
    ],
)
def test_what_cannot_be_is_named(admin: Admin, fields: dict[str, Any]) -> None:
    problems = admin.patch("/api/admin/models/gpt-4o", fields).problems
    assert all(path.startswith(next(iter(fields))) for path in problems)


def test_who_bought_keeps_what_they_bought_whatever_tier_and_price_become(admin: Admin, ada: Admin) -> None:
    ada.grant("gpt-4o", "purchase")

    def access() -> tuple[object, object]:
        offer = load_member_view(ada.database, ada.member, datetime.now(UTC)).offers["gpt-4o"]
        return offer.entitlement_source, offer.unlock_price_cents

    admin.change("gpt-4o", unlockPriceCents=9900)
    assert access() == ("purchase", 9900)
    admin.change("gpt-4o", accessTier="free")
    admin.change("gpt-4o", accessTier="premium", trialMessages=0)
    assert access() == ("purchase", 9900)
    assert ada.desk().send(model_id="gpt-4o")[0].data["access"] == "entitled"


def test_each_tenant_decides_for_itself(admin: Admin, other_admin: Admin) -> None:
    before = other_admin.model("gpt-4o")
    admin.change("gpt-4o", unlockPriceCents=1, displayName="Ours", enabled=False)
    assert other_admin.model("gpt-4o") == before
