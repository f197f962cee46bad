"""Two admins at once: none overwrites the other unseen."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.integration.model_admin.support import NEW_MODEL, Admin


def test_of_many_edits_of_one_version_exactly_one_is_made(admin: Admin) -> None:
    admin.get("/api/admin/settings")
    version = admin.model("gpt-4o")["version"]

    def edit(number: int) -> int:
        change = {"trialMessages": number, "version": version}
        return admin.patch("/api/admin/models/gpt-4o", change).status

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(edit, range(16)))
    assert sorted(statuses) == [200] + [409] * 15
    assert admin.model("gpt-4o")["version"] == version + 1
    assert len(admin.audited()) == 1


def test_edits_of_different_fields_are_both_kept(admin: Admin) -> None:
    fields: list[dict[str, Any]] = [
        {"trialMessages": 7},
        {"dailyLimit": 8},
        {"unlockPriceCents": 900},
        {"displayName": "Nine"},
    ]
    with ThreadPoolExecutor(4) as pool:
        statuses = list(pool.map(lambda change: admin.patch("/api/admin/models/gpt-4o", change).status, fields * 4))
    assert set(statuses) == {200}
    overlay = admin.model("gpt-4o")["overlay"]
    assert {name: overlay[name] for change in fields for name in change} == {
        name: value for change in fields for name, value in change.items()
    }
    assert admin.model("gpt-4o")["version"] == 16


def test_of_a_tier_and_the_price_it_needs_none_goes_alone(admin: Admin) -> None:
    """Two admins, of whom one makes the model premium and the other takes its price away: the second is refused."""
    for _ in range(6):
        admin.change("gpt-4o-mini", accessTier=None, unlockPriceCents=100)
        changes = [{"accessTier": "premium"}, {"unlockPriceCents": None}]
        with ThreadPoolExecutor(2) as pool:
            statuses = list(
                pool.map(lambda change: admin.patch("/api/admin/models/gpt-4o-mini", change).status, changes)
            )
        assert sorted(statuses) == [200, 422]
        model = admin.model("gpt-4o-mini")
        assert model["accessTier"] == "free" or model["unlockPriceCents"] == 100


def test_one_name_makes_one_model(admin: Admin) -> None:
    admin.get("/api/admin/settings")
    with ThreadPoolExecutor(6) as pool:
        statuses = list(pool.map(lambda _: admin.post("/api/admin/models", NEW_MODEL).status, range(6)))
    assert sorted(statuses) == [201] + [409] * 5
