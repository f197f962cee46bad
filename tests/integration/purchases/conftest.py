from collections.abc import Iterator
from uuid import UUID

import pytest

from dev.practice_stripe import PRACTICE_KEY, PRACTICE_SECRET, PracticeStripe
from stoa.database.pool import Database
from tests.integration.chat.support import make_member
from tests.integration.purchases.support import CLIENT, OPERATOR, Shop, forget


@pytest.fixture(scope="module")
def practice() -> Iterator[PracticeStripe]:
    """A practice Stripe that sends nothing by itself."""
    with PracticeStripe() as stripe:
        yield stripe


@pytest.fixture
def shop(runtime_database: Database, tenant: UUID, practice: PracticeStripe) -> Shop:
    """A new member of a new tenant; the inbox is empty."""
    with runtime_database.autocommit(OPERATOR) as connection:
        connection.run("DELETE FROM webhook_inbox")
    return Shop(runtime_database, make_member(runtime_database, tenant), practice)


@pytest.fixture
def configured(shop: Shop, function_environment: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The functions' settings for this shop."""
    monkeypatch.setenv("STRIPE_API_KEY", PRACTICE_KEY)
    monkeypatch.setenv("STRIPE_API_BASE", shop.practice.url)
    monkeypatch.setenv("STRIPE_WEBHOOK_SECRET", PRACTICE_SECRET)
    monkeypatch.setenv("STOA_CLIENT_URL", CLIENT)
    forget()
    yield monkeypatch
    forget()
