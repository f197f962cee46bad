"""Stripe's key and signing secrets: their sources, and the answer to a wrong key."""

from collections.abc import Iterator

import pytest

from dev.practice_stripe import PracticeStripe
from stoa.clients.stripe import stripe_client
from stoa.clients.stripe.stripe_client import StripeCalls, stripe_calls, webhook_secrets
from stoa.core.errors import StoaError
from stoa.core.settings import settings
from stoa.http.answers import status_of

NAMES = ("STRIPE_API_KEY", "STRIPE_API_BASE", "STRIPE_WEBHOOK_SECRET", "STOA_STRIPE_SECRET_ARN")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    settings.cache_clear()
    stripe_calls.cache_clear()
    yield monkeypatch
    settings.cache_clear()
    stripe_calls.cache_clear()


def test_a_secret_gives_what_the_environment_does_not(environment: pytest.MonkeyPatch) -> None:
    read = {"arn:one": {"api_key": "sk_test_kept", "webhook_secret": "whsec_kept"}}
    environment.setattr(stripe_client, "secret", read.__getitem__)
    environment.setenv("STOA_STRIPE_SECRET_ARN", "arn:one")
    assert stripe_calls().account_mark == StripeCalls("sk_test_kept").account_mark
    assert webhook_secrets() == ["whsec_kept"]


def test_a_secret_without_them_and_no_secret_at_all_are_told_alike(environment: pytest.MonkeyPatch) -> None:
    for arn in ("", "arn:empty"):
        environment.setattr(stripe_client, "secret", {"arn:empty": {"api_key": 7}}.__getitem__)
        environment.setenv("STOA_STRIPE_SECRET_ARN", arn)
        settings.cache_clear()
        with pytest.raises(StoaError) as caught:
            stripe_calls()
        assert (status_of(caught.value), caught.value.code) == (503, "PAYMENTS_NOT_CONFIGURED")
        assert webhook_secrets() == [""]


def test_a_wrong_key_is_told_to_the_operator_and_never_shown(practice: PracticeStripe) -> None:
    with pytest.raises(StoaError) as caught:
        StripeCalls("rk_secret_key", practice.url).get_session("cs_1")
    assert (status_of(caught.value), caught.value.code) == (502, "PAYMENTS_MISCONFIGURED")
    assert "rk_secret" not in str(caught.value)


def test_accounts_and_addresses_have_marks_of_their_own() -> None:
    marks = {StripeCalls(*given).account_mark for given in (("sk_1",), ("sk_2",), ("sk_1", "http://127.0.0.1:1"))}
    assert len(marks) == 3
    assert not any("sk_" in mark for mark in marks)
