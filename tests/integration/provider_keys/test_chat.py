"""A tenant's own key from the admin's request to the provider's socket and the ledger."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from msgspec.structs import replace

from dev.practice.calls import key_hash
from stoa.core.errors import StoaError
from stoa.database.pool import Database
from stoa.workflows.chat import Tools
from stoa.workflows.providers.provider_directory import CACHE_SECONDS, ProviderDirectory
from tests.integration.chat.support import Desk, ScriptedProviders
from tests.integration.model_admin.support import Admin

PATH = "/api/admin/provider-keys/openai"
KEY = "sk-proj-very-own-secret-WXYZ"


class OverSockets(Desk):
    """A member whose messages really go out, through a directory with a clock of the test's."""

    now = 0.0

    def tools(self) -> Tools:
        if not hasattr(self, "directory"):
            self.directory = ProviderDirectory(self.database, clock=lambda: self.now)
        return replace(super().tools(), endpoint=self.directory.endpoint, stream=self.directory.stream)


@pytest.fixture
def desk(admin: Admin, ada: Admin, practice) -> Iterator[OverSockets]:
    return OverSockets(admin.database, ada.member, ScriptedProviders())


def keys_seen(practice) -> list[str]:
    names = {key_hash(KEY): "own", key_hash("practice"): "ours"}
    return [names[call["keySha256"]] for call in practice.calls() if call["path"].endswith("/chat/completions")]


def test_own_key_from_the_admin_to_the_ledger(admin: Admin, desk: OverSockets, practice) -> None:
    desk.send(model_id="gpt-4o-mini")
    admin.put(PATH, {"key": KEY})
    desk.now += CACHE_SECONDS
    events = desk.send(model_id="gpt-4o-mini")
    assert float(next(event.data["charge"] for event in events if event.name == "metadata")) > 0
    admin.delete(PATH)
    desk.now += CACHE_SECONDS
    desk.send(model_id="gpt-4o-mini")
    assert keys_seen(practice) == ["ours", "own", "ours"]
    lines = desk.lines()
    assert [line["own_key"] for line in lines] == [False, True, False]
    assert [line["provider_cost"] > 0 for line in lines] == [True, False, True]
    assert lines[0]["charge"] == lines[1]["charge"] == lines[2]["charge"]


@pytest.mark.parametrize("fault", ["error_401", "error_429", "error_500"])
def test_a_failing_own_key_never_falls_back_to_ours(admin: Admin, desk: OverSockets, practice, fault: str) -> None:
    admin.put(PATH, {"key": KEY})
    practice.fault(fault, provider="openai", key=KEY)
    try:
        desk.send(model_id="gpt-4o-mini")
    except StoaError as error:
        assert error.code == "PROVIDER_FAILED"
    assert set(keys_seen_at(practice, "openai")) == {key_hash(KEY)}
    first = desk.lines()[0]
    assert (first["model_id"], first["status"]) == ("gpt-4o-mini", "failed")


def keys_seen_at(practice, provider: str) -> list[str]:
    return [call["keySha256"] for call in practice.calls() if call["provider"] == provider]


def test_another_tenant_is_not_served_with_it(
    admin: Admin, other_admin: Admin, desk: OverSockets, practice, runtime_database: Database
) -> None:
    admin.put(PATH, {"key": KEY})
    other = OverSockets(runtime_database, other_admin.member, ScriptedProviders())
    desk.send(model_id="gpt-4o-mini")
    other.directory = desk.directory
    other.send(model_id="gpt-4o-mini")
    assert keys_seen(practice) == ["own", "ours"]
    assert isinstance(other.member.tenant_id, UUID)
