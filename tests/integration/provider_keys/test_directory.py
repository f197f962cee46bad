"""The directory chooses the key of a message, over a real database, with KMS and the clock in the test's hands."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from stoa.clients.aws.fresh_secret import FRESH_SECONDS, PAUSE_SECONDS, FreshSecret
from stoa.clients.wires.types import ProviderError
from stoa.database.pool import Database, Scope
from stoa.store.providers import provider_keys
from stoa.store.providers.provider_keys import NewKey
from stoa.workflows.providers import provider_directory
from stoa.workflows.providers.provider_directory import (
    CACHE_SECONDS,
    DECRYPTED_SECONDS,
    FAILED_SECONDS,
    ProviderDirectory,
)
from tests.integration.model_admin.support import new_tenant

SECRET = "arn:aws:secretsmanager:x"


@dataclass
class World:
    """A directory and what it depends on."""

    database: Database
    tenant: UUID
    secret: dict[str, Any] = field(default_factory=lambda: {"openai": ["sk-ours-1", "sk-ours-2"], "groq": "gsk-ours"})
    environment: dict[str, str] = field(default_factory=lambda: {"STOA_PROVIDER_SECRET_ARN": SECRET})
    now: float = 5000.0
    unsealed: list[bytes] = field(default_factory=list)
    kms_is_down: bool = False

    def __post_init__(self) -> None:
        secrets = FreshSecret(lambda _: self.secret, lambda: self.now)
        self.directory = ProviderDirectory(
            self.database,
            environment=self.environment,
            secrets=secrets,
            unseal=self.unseal,
            clock=lambda: self.now,
        )

    def unseal(self, tenant_id: UUID, provider_id: str, ciphertext: bytes) -> str:
        self.unsealed.append(ciphertext)
        if self.kms_is_down:
            raise ProviderError("auth", provider_id=provider_id, reason="cannot be decrypted")
        return ciphertext.decode().removeprefix("sealed ")

    def bring(self, key: str, provider_id: str = "openai", tenant: UUID | None = None, **settings: str) -> None:
        tenant_id = tenant or self.tenant
        with self.database.autocommit(Scope(tenant_id=tenant_id)) as connection:
            new = NewKey(f"sealed {key}".encode(), settings, "1234", "0" * 12, None, datetime.now(UTC), None)
            provider_keys.save(connection, tenant_id, provider_id, new)

    def take_back(self, provider_id: str = "openai") -> None:
        with self.database.autocommit(Scope(tenant_id=self.tenant)) as connection:
            provider_keys.delete(connection, self.tenant, provider_id)

    def key(self, provider_id: str = "openai", tenant: UUID | None = None) -> str | None:
        return self.directory.endpoint(provider_id, tenant or self.tenant).api_key


@pytest.fixture
def world(runtime_database: Database, tenant: UUID) -> Iterator[World]:
    return World(runtime_database, tenant)


def test_without_a_key_of_its_own_a_tenant_is_served_with_the_installations(world: World) -> None:
    endpoint = world.directory.endpoint("openai", world.tenant)
    assert (endpoint.api_key, endpoint.other_keys, endpoint.own_key) == ("sk-ours-1", ("sk-ours-2",), False)


def test_a_tenants_own_key_serves_that_tenant_at_that_provider_alone(world: World) -> None:
    world.bring("sk-theirs")
    own = world.directory.endpoint("openai", world.tenant)
    assert (own.api_key, own.other_keys, own.own_key) == ("sk-theirs", (), True)
    assert (world.key("groq"), world.key(tenant=new_tenant(world.database))) == ("gsk-ours", "sk-ours-1")


def test_it_works_where_the_installation_has_no_key(world: World) -> None:
    with pytest.raises(ProviderError):
        world.key("mistral")
    world.bring("m-theirs", "mistral")
    world.now += CACHE_SECONDS
    assert world.key("mistral") == "m-theirs"


def test_its_settings_fill_the_address(world: World) -> None:
    world.bring("azure-key", "azure_openai", resource="their-resource")
    assert world.directory.endpoint("azure_openai", world.tenant).base_url == "https://their-resource.openai.azure.com"


def test_a_new_changed_or_deleted_key_counts_within_a_minute(world: World) -> None:
    assert world.key() == "sk-ours-1"
    world.bring("sk-first")
    world.now += CACHE_SECONDS
    assert world.key() == "sk-first"
    world.bring("sk-second")
    world.now += CACHE_SECONDS - 1
    assert world.key() == "sk-first"
    world.now += 1
    assert world.key() == "sk-second"
    world.take_back()
    world.now += CACHE_SECONDS
    assert world.key() == "sk-ours-1"


def test_kms_is_asked_once_for_a_quarter_of_an_hour(world: World) -> None:
    world.bring("sk-theirs")
    began = world.now
    while world.now < began + DECRYPTED_SECONDS:
        world.key()
        world.now += CACHE_SECONDS
    assert len(world.unsealed) == 1
    world.key()
    assert len(world.unsealed) == 2


def test_a_key_that_cannot_be_decrypted_is_never_replaced_by_ours(world: World) -> None:
    world.bring("sk-theirs")
    world.kms_is_down = True
    for _ in range(3):
        with pytest.raises(ProviderError) as failure:
            world.key()
        assert failure.value.kind == "auth"  # not counted against the provider, which all tenants share
    assert len(world.unsealed) == 1
    world.kms_is_down = False
    world.now += FAILED_SECONDS
    assert world.key() == "sk-theirs"


def test_a_rotated_secret_is_found_after_a_refusal_and_otherwise_within_five_minutes(world: World) -> None:
    endpoint = world.directory.endpoint("openai", world.tenant)
    world.secret = {"openai": "sk-rotated"}
    world.now += PAUSE_SECONDS
    assert world.key() == "sk-ours-1"
    assert world.directory.renewed(endpoint).api_key == "sk-rotated"
    assert world.key() == "sk-rotated"
    world.secret = {"openai": "sk-third"}
    world.now += FRESH_SECONDS
    assert world.key() == "sk-third"


def test_a_tenants_own_key_is_not_renewed_into_ours(world: World) -> None:
    world.bring("sk-theirs")
    own = world.directory.endpoint("openai", world.tenant)
    assert world.directory.renewed(own) is own


def test_only_so_many_tenants_are_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provider_directory, "MOST_TENANTS", 2)
    world.bring("sk-theirs")
    world.key()
    for _ in range(2):
        world.key(tenant=new_tenant(world.database))
    assert len(world.directory._tenants) == 2
    assert world.key() == "sk-theirs"
    assert len(world.unsealed) == 2


def test_an_endpoint_shows_no_key(world: World) -> None:
    world.bring("sk-theirs")
    endpoint = world.directory.endpoint("openai", world.tenant)
    assert "sk-" not in f"{endpoint!r} {replace(endpoint, own_key=False)}"


def test_many_messages_of_many_tenants_at_once_get_each_their_own_key(world: World) -> None:
    tenants = [new_tenant(world.database) for _ in range(4)]
    for number, tenant_id in enumerate(tenants):
        world.bring(f"sk-of-{number}", tenant=tenant_id)
    expected = [f"sk-of-{number % 4}" for number in range(80)]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda number: world.key(tenant=tenants[number % 4]), range(80))) == expected
    assert len(world.unsealed) == 4


def test_the_database_keeps_tenants_keys_apart_whatever_the_sql_forgets(world: World) -> None:
    world.bring("sk-theirs")
    with world.database.autocommit(Scope(tenant_id=new_tenant(world.database))) as connection:
        assert connection.run("SELECT * FROM tenant_provider_keys") == []
        assert connection.run("DELETE FROM tenant_provider_keys RETURNING tenant_id") == []
    with world.database.autocommit(Scope(operator=True)) as connection:
        assert connection.run("SELECT * FROM tenant_provider_keys") == []
