"""Own provider keys over the admins' routes, with a KMS that really encrypts and providers that really answer."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from dev.practice.calls import key_hash
from stoa.clients.aws import key_box
from stoa.clients.wires.types import ProviderError
from stoa.core.settings import settings
from stoa.database.pool import Scope
from stoa.domain.providers.provider_keys import GOOGLE_TOKEN_URI, fingerprint
from tests.integration.model_admin.support import Admin, new_tenant

PATH = "/api/admin/provider-keys"
KEY = "sk-proj-very-own-secret-WXYZ"
ACCOUNT = {
    "type": "service_account",
    "client_email": "stoa@ours.iam.gserviceaccount.com",
    "private_key": "-----BEGIN PRIVATE KEY-----",
    "private_key_id": "0a1b2c3d",
    "token_uri": GOOGLE_TOKEN_URI,
}


def rows(admin: Admin) -> list[dict[str, Any]]:
    with admin.database.autocommit(Scope(tenant_id=admin.tenant_id)) as connection:
        return connection.run("SELECT * FROM tenant_provider_keys ORDER BY provider_id")


def test_a_key_goes_in_and_never_comes_out(admin: Admin) -> None:
    kept = admin.put(f"{PATH}/openai", {"key": f" {KEY}\n"}).data
    assert (kept["providerId"], kept["providerName"], kept["settings"]) == ("openai", "OpenAI", {})
    assert (kept["lastFour"], kept["fingerprint"], kept["version"]) == ("WXYZ", fingerprint(KEY), 1)
    assert (kept["createdBy"], kept["verifiedAt"]) == ("admin@example.test", None)
    listed = admin.get(PATH)
    assert listed.data == [kept]
    audited = admin.get("/api/admin/audit")
    stored = rows(admin)
    assert "very-own-secret" not in f"{kept} {listed.body} {audited.body} {stored}"
    assert key_box.unseal(admin.tenant_id, "openai", stored[0]["ciphertext"]) == KEY


def test_whoever_is_to_bring_a_key_is_told_where_and_with_what(admin: Admin) -> None:
    """Each provider that is told of takes a key with the settings that are told, and no provider else takes one."""
    told = {provider["id"]: provider for provider in admin.get(PATH).body["meta"]["providers"]}
    assert told["openai"] == {"id": "openai", "name": "OpenAI", "settings": [], "optionalSettings": []}
    assert told["azure_openai"]["settings"] == ["resource"]
    assert ("self_hosted" in told, admin.put(f"{PATH}/self_hosted", {"key": KEY}).status) == (False, 409)
    assert len(told) >= 25
    for provider_id, provider in told.items():
        asked = {"key": KEY, "settings": dict.fromkeys(provider["settings"] + provider["optionalSettings"], "ours")}
        assert admin.put(f"{PATH}/{provider_id}", asked).status == 200, provider_id
        if provider["settings"]:
            refused = admin.put(f"{PATH}/{provider_id}", {"key": KEY}).body["error"]["details"]
            assert {one["path"] for one in refused} == {f"settings.{name}" for name in provider["settings"]}


def test_what_was_done_is_audited_by_fingerprint(admin: Admin) -> None:
    admin.put(f"{PATH}/openai", {"key": KEY})
    admin.put(f"{PATH}/openai", {"key": "another-key-1234"})
    admin.delete(f"{PATH}/openai")
    assert admin.audited() == [
        ("provider_key.delete", "openai"),
        ("provider_key.set", "openai"),
        ("provider_key.set", "openai"),
    ]
    changes = admin.get("/api/admin/audit").data
    prints = [[(change[side] or {}).get("fingerprint") for side in ("before", "after")] for change in changes]
    first, second = fingerprint(KEY), fingerprint("another-key-1234")
    assert prints == [[second, None], [first, second], [None, first]]


def test_a_ciphertext_is_worth_nothing_to_another_tenant_or_at_another_provider(admin: Admin) -> None:
    admin.put(f"{PATH}/openai", {"key": KEY})
    (row,) = rows(admin)
    for tenant, provider in ((new_tenant(admin.database), "openai"), (admin.tenant_id, "groq")):
        with pytest.raises(ProviderError) as failure:
            key_box.unseal(tenant, provider, row["ciphertext"])
        assert failure.value.kind == "auth"


def test_tenants_keys_are_apart(admin: Admin, other_admin: Admin) -> None:
    admin.put(f"{PATH}/openai", {"key": KEY})
    assert other_admin.get(PATH).data == []
    assert other_admin.delete(f"{PATH}/openai").status == 404
    other_admin.put(f"{PATH}/openai", {"key": "their-key-9876"})
    assert [kept["lastFour"] for kept in admin.get(PATH).data] == ["WXYZ"]


def test_only_admins_may(ada: Admin) -> None:
    for reply in (ada.get(PATH), ada.put(f"{PATH}/openai", {"key": KEY}), ada.delete(f"{PATH}/openai")):
        assert (reply.status, reply.error["code"]) == (403, "ADMIN_ONLY")


def test_a_deleted_key_is_gone(admin: Admin) -> None:
    admin.put(f"{PATH}/openai", {"key": KEY})
    assert admin.delete(f"{PATH}/openai").data == {"deleted": True}
    assert (admin.get(PATH).data, rows(admin)) == ([], [])
    assert admin.delete(f"{PATH}/openai").status == 404


def test_a_stale_edit_is_refused(admin: Admin) -> None:
    assert admin.put(f"{PATH}/openai", {"key": KEY, "version": 1}).error["code"] == "STALE_EDIT"
    assert admin.put(f"{PATH}/openai", {"key": KEY, "version": 0}).data["version"] == 1
    assert admin.put(f"{PATH}/openai", {"key": KEY}).data["version"] == 2
    stale = admin.send("DELETE", f"{PATH}/openai", headers={"if-match": '"1"'})
    assert (stale.error["code"], stale.error["details"]) == ("STALE_EDIT", {"version": 2})
    assert admin.send("DELETE", f"{PATH}/openai", headers={"if-match": '"2"'}).status == 200


def test_of_admins_who_are_the_first_at_once_one_wins(admin: Admin) -> None:
    def put(number: int) -> int:
        return admin.put(f"{PATH}/openai", {"key": f"sk-number-{number}", "version": 0}).status

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(put, range(8))) == [200] + [409] * 7


@pytest.mark.parametrize(
    ("provider", "body", "field"),
    [
        ("openai", {}, "key"),
        ("openai", {"key": "short"}, "key"),
        ("openai", {"key": "x" * 4097}, "key"),
        ("openai", {"key": "with a space"}, "key"),
        ("openai", {"key": "schlüssel-mit-umlaut"}, "key"),
        ("openai", {"key": "two\nlines-of-key"}, "key"),
        ("openai", {"key": None}, "key"),
        ("openai", {"key": KEY, "settings": {"resource": "x"}}, "settings.resource"),
        ("openai", {"key": KEY, "settings": {"base_url": "http://169.254.169.254"}}, "settings.base_url"),
        ("azure_openai", {"key": KEY}, "settings.resource"),
        ("azure_openai", {"key": KEY, "settings": {"resource": "evil.example/"}}, "settings.resource"),
        ("azure_openai", {"key": KEY, "settings": {"resource": "evil.example#"}}, "settings.resource"),
        ("azure_openai", {"key": KEY, "settings": {"resource": ""}}, "settings.resource"),
        ("vertex_ai", {"key": KEY, "settings": {}}, "settings.project"),
        ("openai", {"key": KEY, "surprise": 1}, "surprise"),
    ],
)
def test_what_cannot_be_a_key_here_is_refused_by_field(admin: Admin, provider: str, body: Any, field: str) -> None:
    reply = admin.put(f"{PATH}/{provider}", body)
    assert field in reply.problems
    assert KEY not in json.dumps(reply.body)
    assert rows(admin) == []


@pytest.mark.parametrize(
    "changed",
    [
        {"token_uri": "http://169.254.169.254/latest/meta-data"},
        {"token_uri": "https://oauth2.googleapis.com.evil.example/token"},
        {"private_key": None},
        {"private_key_id": 7},
    ],
)
def test_a_service_account_leads_to_google_and_nowhere_else(admin: Admin, changed: dict[str, Any]) -> None:
    body = {"key": json.dumps({**ACCOUNT, **changed}), "settings": {"project": "ours"}}
    assert "key" in admin.put(f"{PATH}/vertex_ai", body).problems


def test_a_service_account_is_known_by_its_keys_id(admin: Admin) -> None:
    body = {"key": json.dumps(ACCOUNT), "settings": {"project": "ours"}}
    assert admin.put(f"{PATH}/vertex_ai", body).data["lastFour"] == "2c3d"


def test_there_is_no_own_key_where_there_is_no_provider_or_no_address(admin: Admin) -> None:
    assert admin.put(f"{PATH}/nobody", {"key": KEY}).status == 404
    assert admin.put(f"{PATH}/self_hosted", {"key": KEY}).error["code"] == "NO_OWN_KEY_HERE"


def test_without_a_kms_key_it_is_refused_clearly(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STOA_KMS_ARN")
    settings.cache_clear()
    reply = admin.put(f"{PATH}/openai", {"key": KEY})
    assert (reply.status, reply.error["code"]) == (409, "OWN_KEYS_NOT_CONFIGURED")


def test_when_kms_is_out_of_reach_nothing_is_kept(admin: Admin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STOA_KMS_ARN", "alias/that-is-not-there")
    settings.cache_clear()
    reply = admin.put(f"{PATH}/openai", {"key": KEY})
    assert (reply.status, reply.headers["Retry-After"], rows(admin)) == (503, "1", [])


def test_the_context_is_part_of_what_is_encrypted(kms: str, admin: Admin) -> None:
    admin.put(f"{PATH}/openai", {"key": KEY})
    with pytest.raises(ClientError):
        boto3.client("kms").decrypt(CiphertextBlob=rows(admin)[0]["ciphertext"])


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "mistral", "replicate", "groq"])
def test_a_key_is_tried_at_its_provider(admin: Admin, practice, provider: str) -> None:
    kept = admin.put(f"{PATH}/{provider}", {"key": KEY, "verify": True}).data
    assert kept["verifiedAt"] is not None
    (asked,) = [call for call in practice.calls() if call["keySha256"] == key_hash(KEY)]
    assert asked["path"].endswith(("/models", "/account"))


def test_a_key_that_its_provider_refuses_is_not_kept(admin: Admin, practice) -> None:
    practice.fault("error_401", key=KEY)
    reply = admin.put(f"{PATH}/openai", {"key": KEY, "verify": True})
    assert "the provider refuses it (401)" in reply.problems["key"]
    assert rows(admin) == []


def test_where_the_provider_does_not_answer_the_key_is_not_kept_either(admin: Admin, practice) -> None:
    practice.fault("error_503", key=KEY)
    reply = admin.put(f"{PATH}/openai", {"key": KEY, "verify": True})
    assert (reply.status, reply.error["code"], rows(admin)) == (502, "PROVIDER_FAILED", [])


def test_a_provider_without_a_list_of_models_cannot_be_asked(admin: Admin, practice) -> None:
    assert "verify" in admin.put(f"{PATH}/perplexity", {"key": KEY, "verify": True}).problems
