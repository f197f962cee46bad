"""Purchases whose end nobody told us."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stoa.clients.stripe.stripe_client import StripeCalls, StripeRejected
from stoa.database.pool import Database, Scope
from stoa.workflows.billing.reconcile_purchases import reconcile_purchases
from tests.integration.purchases.support import Shop

HOUR = timedelta(hours=1)


def run(shop: Shop, after: timedelta) -> dict[str, int]:
    return reconcile_purchases(shop.database, lambda: shop.stripe, datetime.now(UTC) + after)


@pytest.fixture(autouse=True)
def _alone(shop: Shop, owner_database: Database) -> None:
    """Purchases that other tests left open are not asked about."""
    with owner_database.autocommit(Scope()) as connection:
        connection.run("UPDATE purchases SET status = 'expired', entitled = false WHERE status <> 'expired'")


@pytest.mark.parametrize(
    ("action", "expected"),
    [("pay", ("paid", True)), ("pay_later", ("processing", False)), ("expire", ("expired", False))],
)
def test_what_happened_without_an_event_is_found_after_an_hour(
    shop: Shop, action: str, expected: tuple[str, bool]
) -> None:
    checkout = shop.start()
    events = shop.act(checkout, action)
    assert run(shop, HOUR - timedelta(minutes=1))["asked"] == 0
    assert shop.state(checkout) == ("pending", False)
    assert run(shop, HOUR + timedelta(minutes=1)) == {"asked": 1, "changed": 1, "unchanged": 0, "unanswered": 0}
    assert shop.state(checkout) == expected
    shop.deliver(*events)  # they come after all
    assert shop.state(checkout) == expected


def test_a_delayed_payment_that_failed_is_found(shop: Shop) -> None:
    checkout = shop.start()
    shop.act(checkout, "pay_later")
    shop.act(checkout, "fail_later")
    run(shop, 2 * HOUR)
    assert shop.state(checkout) == ("failed", False)


def test_it_asks_once_an_hour_at_most(shop: Shop) -> None:
    shop.start()
    asked = [
        run(shop, after)["asked"]
        for after in (2 * HOUR, 2 * HOUR + timedelta(minutes=5), 3 * HOUR + timedelta(minutes=1))
    ]
    assert asked == [1, 0, 1]


def test_a_purchase_that_stripe_does_not_know_is_closed(shop: Shop) -> None:
    checkout = shop.start()
    del shop.practice.service.account.things["session"][checkout.session_id]
    run(shop, 2 * HOUR)
    assert shop.state(checkout) == ("expired", False)


def test_without_stripe_the_run_ends_and_the_next_one_goes_on(shop: Shop) -> None:
    first, second = shop.start(), shop.start("grok-2")
    shop.act(first, "pay")
    shop.act(second, "pay")
    reachable, shop.stripe = shop.stripe, StripeCalls("sk_test_practice", "http://127.0.0.1:9")
    assert run(shop, 2 * HOUR) == {"asked": 1, "changed": 0, "unchanged": 0, "unanswered": 1}
    shop.stripe = reachable
    assert run(shop, 2 * HOUR + timedelta(minutes=5))["changed"] == 2
    assert {row["status"] for row in shop.purchases()} == {"paid"}


def test_one_that_stripe_refuses_to_tell_of_does_not_stop_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shop.start(), shop.start("grok-2")
    shop.act(second, "pay")
    get = shop.stripe.get_session

    def refuse(session_id: str) -> Any:
        if session_id == first.session_id:
            raise StripeRejected("for a reason")
        return get(session_id)

    monkeypatch.setattr(shop.stripe, "get_session", refuse)
    assert run(shop, 2 * HOUR) == {"asked": 2, "changed": 1, "unchanged": 0, "unanswered": 1}
    assert run(shop, 2 * HOUR + timedelta(minutes=5))["asked"] == 0


def test_a_missing_receipt_is_fetched(shop: Shop) -> None:
    checkout = shop.start()
    *_, completed = shop.act(checkout, "pay")
    shop.deliver(completed)
    assert shop.purchase(checkout)["receipt_url"] is None
    assert run(shop, 2 * HOUR)["asked"] == 1
    assert shop.purchase(checkout)["receipt_url"].startswith(shop.practice.url)
    assert run(shop, 4 * HOUR)["asked"] == 0


def test_it_finds_a_full_refund_whose_event_was_lost_with_the_payments(shop: Shop) -> None:
    checkout = shop.start()
    shop.act(checkout, "pay")
    shop.refund(checkout)
    run(shop, 2 * HOUR)
    assert shop.state(checkout) == ("refunded", False)
