"""Tests the instants at which a secret is read again."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from stoa.clients.aws.fresh_secret import FRESH_SECONDS, PAUSE_SECONDS, FreshSecret
from stoa.core.secrets import SecretMalformed, SecretRefused, SecretUnreachable

DENIED = SecretRefused("arn", "AccessDeniedException")


@dataclass
class Vault:
    """Secrets Manager in the test's hands, with its clock."""

    value: dict[str, Any] = field(default_factory=lambda: {"openai": "sk-1"})
    failure: Exception | None = None
    reads: int = 0
    now: float = 50.0

    def read(self, arn: str) -> dict[str, Any]:
        assert arn == "arn"
        self.reads += 1
        if self.failure is not None:
            raise self.failure
        return self.value

    def clock(self) -> float:
        return self.now


@pytest.fixture
def vault() -> Vault:
    return Vault()


@pytest.fixture
def secret(vault: Vault) -> FreshSecret:
    return FreshSecret(vault.read, vault.clock)


def test_a_value_is_used_for_five_minutes_and_then_read_again(vault: Vault, secret: FreshSecret) -> None:
    assert secret("arn") == {"openai": "sk-1"}
    vault.value = {"openai": "sk-2"}
    vault.now += FRESH_SECONDS - 1
    assert (secret("arn"), vault.reads) == ({"openai": "sk-1"}, 1)
    vault.now += 1
    assert (secret("arn"), vault.reads) == ({"openai": "sk-2"}, 2)


def test_after_a_refusal_it_is_read_at_once_and_then_not_for_a_while(vault: Vault, secret: FreshSecret) -> None:
    secret("arn")
    vault.now += PAUSE_SECONDS
    for _ in range(5):
        secret.expire()
        secret("arn")
    assert vault.reads == 2
    vault.now += PAUSE_SECONDS
    secret.expire()
    secret("arn")
    assert vault.reads == 3


@pytest.mark.parametrize("failure", [DENIED, SecretUnreachable("arn", "TimeoutError"), SecretMalformed("arn")])
def test_a_value_at_hand_outlives_a_secret_that_cannot_be_read(
    vault: Vault, secret: FreshSecret, failure: Exception
) -> None:
    secret("arn")
    vault.failure = failure
    vault.now += FRESH_SECONDS
    assert secret("arn") == secret("arn") == {"openai": "sk-1"}
    assert vault.reads == 2
    vault.failure, vault.value = None, {"openai": "sk-2"}
    vault.now += PAUSE_SECONDS
    assert secret("arn") == {"openai": "sk-2"}


def test_without_a_value_the_failure_is_told(vault: Vault, secret: FreshSecret) -> None:
    vault.failure = DENIED
    with pytest.raises(SecretRefused):
        secret("arn")
