"""The tenant's own settings."""

from typing import Any

import pytest

from tests.integration.model_admin.support import Admin

PATH = "/api/admin/settings"


def test_what_holds_is_told(admin: Admin) -> None:
    settings = admin.get(PATH).data
    assert settings.pop("slug").startswith("t-")
    assert settings == {
        "name": "Test tenant",
        "timeZone": "UTC",
        "currency": "usd",
        "forceSystemDefault": False,
        "purchasesPaused": False,
        "version": 1,
    }


def test_what_is_sent_is_written_and_the_rest_kept(admin: Admin) -> None:
    changed = admin.patch(PATH, {"timeZone": "Asia/Kathmandu", "currency": "eur", "purchasesPaused": True}).data
    assert (changed["timeZone"], changed["currency"], changed["purchasesPaused"]) == ("Asia/Kathmandu", "eur", True)
    assert (changed["name"], changed["version"]) == ("Test tenant", 2)
    kept = admin.patch(PATH, {"name": "Renamed", "purchasesPaused": False}).data
    assert (kept["timeZone"], kept["name"], kept["purchasesPaused"]) == ("Asia/Kathmandu", "Renamed", False)
    assert admin.get(PATH).data == kept
    assert admin.audited() == [("settings.change", "settings")] * 2


def test_the_switch_sends_everyone_to_the_system_default(admin: Admin, ada: Admin) -> None:
    admin.patch(PATH, {"forceSystemDefault": True})
    told = ada.desk().send(model_id="claude-3.5-haiku")[0].data
    assert (told["modelId"], told["rule"]) == ("gpt-4o-mini", "forced_system_default")
    admin.patch(PATH, {"forceSystemDefault": False})
    assert ada.post("/api/models/select", {"content": "x"}).data["rule"] == "system_default"


@pytest.mark.parametrize(
    "zone",
    ["Mars/Olympus", "", "utc ", "../etc/passwd", "posix/Europe/Berlin", "UTC+3", "localtime", "Europe", "Factory"],
)
def test_a_zone_is_one_of_ianas(admin: Admin, zone: str) -> None:
    assert "timeZone" in admin.patch(PATH, {"timeZone": zone}).problems
    assert admin.get(PATH).data["timeZone"] == "UTC"


@pytest.mark.parametrize(
    "fields",
    [
        {"currency": "EUR"},
        {"currency": "euro"},
        {"name": ""},
        {"name": None},
        {"timeZone": None},
        {"slug": "x"},
        {"a": 1},
    ],
)
def test_what_cannot_be_is_refused(admin: Admin, fields: dict[str, Any]) -> None:
    assert admin.patch(PATH, fields).status == 422
    assert admin.get(PATH).data["version"] == 1


def test_a_stale_edit_is_refused(admin: Admin) -> None:
    assert admin.patch(PATH, {"name": "A", "version": 1}).data["version"] == 2
    assert admin.patch(PATH, {"name": "B", "version": 1}).error["code"] == "STALE_EDIT"
    assert admin.get(PATH).data["name"] == "A"


def test_tenants_have_their_own(admin: Admin, other_admin: Admin) -> None:
    admin.patch(PATH, {"name": "Mine"})
    assert other_admin.get(PATH).data["name"] == "Test tenant"
