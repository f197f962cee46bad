"""Stripe's events against the books: late, twice, in any order, at once, and with the process dying in the middle."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from stoa.domain.billing.purchase_state import PurchaseState
from stoa.workflows.billing.apply_stripe_event import retry_events
from stoa.workflows.billing.start_purchase import Checkout
from tests.integration.chat.support import Desk, ScriptedProviders
from tests.integration.purchases.support import MODEL, OPERATOR, Crash, CrashingDatabase, Shop, StatementBroke

MOST_STATEMENTS = 10  # more than any delivery makes
Story = Callable[[Shop, Checkout], list[dict[str, Any]]]


def _paid(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay")


def _paid_later(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay_later") + shop.act(checkout, "arrive")


def _never_came(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay_later") + shop.act(checkout, "fail_later")


def _expired(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "expire")


def _refunded_in_part(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay") + shop.refund(checkout, 1)


def _refunded_in_two_parts(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay") + shop.refund(checkout, 1) + shop.refund(checkout)


def _disputed(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay") + shop.dispute(checkout)


def _dispute_won(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay") + shop.dispute(checkout, "won")


def _dispute_lost(shop: Shop, checkout: Checkout) -> list[dict[str, Any]]:
    return shop.act(checkout, "pay") + shop.dispute(checkout, "lost")


def _name(value: Any) -> str:
    return getattr(value, "__name__", "")


STORIES: list[tuple[Story, PurchaseState, int]] = [
    (_paid, PurchaseState("paid", True), 1),
    (_paid_later, PurchaseState("paid", True), 1),
    (_never_came, PurchaseState("failed", False), 0),
    (_expired, PurchaseState("expired", False), 0),
    (_refunded_in_part, PurchaseState("paid", True), 1),
    (_refunded_in_two_parts, PurchaseState("refunded", False), 1),
    (_disputed, PurchaseState("disputed", False), 1),
    (_dispute_won, PurchaseState("paid", True), 1),
    (_dispute_lost, PurchaseState("disputed", False), 1),
]


@pytest.mark.parametrize(
    ("story", "expected", "entitlements"), STORIES, ids=lambda value: getattr(value, "__name__", "")
)
def test_events_in_their_own_order_end_as_the_story_does(
    shop: Shop, story: Story, expected: PurchaseState, entitlements: int
) -> None:
    checkout = shop.start()
    shop.deliver(*story(shop, checkout))
    assert shop.state(checkout) == expected
    assert len(shop.entitlements()) == entitlements


@pytest.mark.parametrize(("story", "expected", "_"), STORIES, ids=_name)
def test_every_event_five_times_shuffled_eight_at_a_time_with_a_crash_after_each_statement_in_turn(
    shop: Shop, story: Story, expected: PurchaseState, _: int
) -> None:
    crashed = set()
    for after in range(1, MOST_STATEMENTS + 1):
        checkout = shop.start()
        events = story(shop, checkout)
        deliveries = [event for event in events for _ in range(5)]
        random.Random(after).shuffle(deliveries)

        def deliver(event: dict[str, Any], after: int = after) -> bool:
            dying = CrashingDatabase(shop.database, after)
            try:
                shop.deliver(event, database=dying)
            except Crash:
                """Stripe hears nothing and sends it again."""
            return dying.crashed

        with ThreadPoolExecutor(8) as pool:
            if any(list(pool.map(deliver, deliveries))):
                crashed.add(after)
        later = datetime.now(UTC) + timedelta(days=1)
        done = retry_events(shop.database, lambda: shop.stripe, later)
        assert (done["failed"], done["dead"]) == (0, 0)
        assert {row["status"] for row in shop.inbox().values()} <= {"applied", "ignored"}
        assert {event["id"] for event in events} <= shop.inbox().keys()

        row = shop.purchase(checkout)
        assert (row["status"], row["entitled"]) == expected
        mine = [one for one in shop.entitlements() if one["purchase_id"] == row["id"]]
        assert sum(one["revoked_at"] is None for one in mine) == int(expected.entitled)
        assert len(mine) <= 1
        if row["paid_at"] is not None:
            assert (row["paid_cents"], row["paid_currency"]) == (row["amount_cents"], row["currency"])
        if expected.entitled:  # the same member buys again in the next round
            shop.change("UPDATE entitlements SET revoked_at = now() WHERE tenant_id = :tenant_id")
    assert crashed >= set(range(1, 7)), "the crashes must hit every statement of a delivery"
    assert MOST_STATEMENTS not in crashed
    assert len(shop.purchases()) == MOST_STATEMENTS


def test_the_events_of_a_refunded_purchase_end_refunded_in_every_order(shop: Shop) -> None:
    for order in permutations(range(3)):
        checkout = shop.start()
        _, succeeded, completed = shop.act(checkout, "pay")
        events = [succeeded, completed, *shop.refund(checkout)]
        shop.deliver(*(events[number] for number in order))
        assert shop.state(checkout) == ("refunded", False)


def test_a_refund_that_arrives_before_the_payment_ends_revoked(shop: Shop) -> None:
    checkout = shop.start()
    paid = shop.act(checkout, "pay")
    shop.deliver(*shop.refund(checkout))
    assert shop.state(checkout) == ("refunded", False)
    shop.deliver(*paid)
    assert shop.state(checkout) == ("refunded", False)
    assert shop.entitlements() == []


def test_a_dispute_that_is_told_after_its_end_stays_ended(shop: Shop) -> None:
    checkout = shop.start()
    shop.deliver(*shop.act(checkout, "pay"))
    created, closed = shop.dispute(checkout, "won")
    shop.deliver(closed, created)
    assert shop.state(checkout) == ("paid", True)


def test_a_statement_that_fails_leaves_the_event_to_be_tried_again(shop: Shop) -> None:
    for after in range(3, 9):
        checkout = shop.start()
        *_, completed = shop.act(checkout, "pay")
        failing = CrashingDatabase(shop.database, after, StatementBroke)
        became = shop.deliver(completed, database=failing)
        assert failing.crashed
        if became == ["failed"]:
            row = shop.inbox()[completed["id"]]
            assert (row["attempts"], row["last_error"], row["settled_at"]) == (1, "StatementBroke", None)
            assert shop.state(checkout) == ("pending", False)
            later = datetime.now(UTC) + timedelta(minutes=2)
            assert retry_events(shop.database, lambda: shop.stripe, later)["applied"] == 1
        assert shop.state(checkout) == ("paid", True)
        shop.change("UPDATE entitlements SET revoked_at = now() WHERE tenant_id = :tenant_id")
        shop.change("UPDATE purchases SET status = 'refunded', entitled = false WHERE tenant_id = :tenant_id")


def test_an_event_that_keeps_failing_waits_longer_each_time_then_is_given_up_and_alarms(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr("stoa.workflows.billing.apply_stripe_event.logger", lambda: _Recorder(said))
    checkout = shop.start()
    *_, completed = shop.act(checkout, "pay")
    del completed["data"]["object"]["payment_status"]
    now = datetime.now(UTC)
    assert shop.deliver(completed, now=now) == ["failed"]
    waits = []
    while shop.inbox()[completed["id"]]["status"] == "failed":
        due = shop.inbox()[completed["id"]]["next_attempt_at"]
        assert retry_events(shop.database, lambda: shop.stripe, due - timedelta(seconds=1))["failed"] == 0
        waits.append(due - now)
        now = due
        retry_events(shop.database, lambda: shop.stripe, now)
    assert waits == sorted(waits)
    assert len(waits) == 9
    assert shop.inbox()[completed["id"]]["attempts"] == 10
    assert retry_events(shop.database, lambda: shop.stripe, now + timedelta(days=30))["dead"] == 1
    assert [line.get("alarm") for line in said][-1] == "stripe_event_dead"
    assert len([line for line in said if "alarm" in line]) == 1

    assert shop.deliver(completed, now=now) == ["dead"]  # Stripe's own repetition does not revive it

    # The cause is gone, and an operator gives it another try.
    with shop.database.autocommit(OPERATOR) as connection:
        connection.run(
            """
            UPDATE webhook_inbox SET payload = jsonb_set(payload, '{data,object,payment_status}', '"paid"')
            WHERE event_id = :id
            """,
            id=completed["id"],
        )
    done = retry_events(shop.database, lambda: shop.stripe, now + timedelta(days=30), revive=True)
    assert (done["applied"], done["dead"]) == (1, 0)
    assert shop.state(checkout) == ("paid", True)


def test_late_unknown_and_foreign_events_are_recorded_and_change_nothing(shop: Shop) -> None:
    checkout = shop.buy()
    *_, completed = shop.practice.service.account.events[-1:]
    before = shop.purchase(checkout)
    strange = {**completed, "id": "evt_unknown", "type": "payment_method.attached"}
    subscription = {**completed, "id": "evt_sub", "type": "customer.subscription.updated"}
    session = completed["data"]["object"]
    other = {**session, "metadata": {}, "payment_intent": "pi_of_somebody_else"}
    foreign = {**completed, "id": "evt_foreign", "data": {"object": other}}
    nowhere = {**session["metadata"], "stoa_purchase_id": "0193a1b2-7c00-7000-8000-00000000000a"}
    missing = {**completed, "id": "evt_missing", "data": {"object": {**session, "metadata": nowhere}}}
    other_session = {**session, "id": "cs_test_another"}
    not_ours = {**completed, "id": "evt_not_ours", "data": {"object": other_session}}
    assert shop.deliver(strange, subscription, foreign, missing, not_ours) == ["ignored"] * 5
    after = shop.purchase(checkout)
    assert {**after, "updated_at": None} == {**before, "updated_at": None}
    rows = shop.inbox()
    assert {"evt_unknown", "evt_sub", "evt_foreign", "evt_missing", "evt_not_ours"} <= rows.keys()


def test_stripe_is_asked_only_whose_refund_or_dispute_it_is(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(shop.stripe, "reference_of_payment", asked.append)
    for number, (kind, told) in enumerate(
        (
            ("charge.succeeded", {"amount": 5, "currency": "usd", "amount_refunded": 0, "payment_intent": "pi_1"}),
            ("charge.refunded", {"amount": 5, "currency": "usd", "amount_refunded": 5, "payment_intent": "pi_2"}),
            ("charge.dispute.created", {"id": "dp_1", "payment_intent": "pi_3"}),
            ("charge.dispute.created", {"id": "dp_2", "payment_intent": None}),
        )
    ):
        event = {"id": f"evt_whose_{number}", "type": kind, "created": 1795251600, "data": {"object": told}}
        assert shop.deliver(event) == ["ignored"]
    assert asked == ["pi_2", "pi_3"]


def test_an_event_that_names_another_tenant_finds_no_purchase(shop: Shop, runtime_database: Any) -> None:
    checkout = shop.start()
    *_, completed = shop.act(checkout, "pay")
    completed["data"]["object"]["metadata"]["stoa_tenant_id"] = "0193a1b2-7c00-7000-8000-000000000001"
    assert shop.deliver(completed) == ["ignored"]
    assert shop.state(checkout) == ("pending", False)


@pytest.mark.parametrize(("field", "value"), [("amount_total", 1), ("currency", "jpy")])
def test_other_money_than_the_purchases_unlocks_nothing_and_alarms(
    shop: Shop, field: str, value: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    monkeypatch.setattr("stoa.workflows.billing.purchase_books.logger", lambda: _Recorder(said))
    checkout = shop.start()
    *_, completed = shop.act(checkout, "pay")
    completed["data"]["object"][field] = value
    shop.deliver(completed, completed)
    assert shop.state(checkout) == ("mismatched", False)
    assert [line["alarm"] for line in said] == ["purchase_mismatch"]


def test_a_dispute_while_stripe_is_out_of_reach_is_tried_again(shop: Shop) -> None:
    checkout = shop.buy()
    (created,) = shop.dispute(checkout)
    reachable, shop.stripe = shop.stripe, type(shop.stripe)("sk_test_practice", "http://127.0.0.1:9")
    assert shop.deliver(created) == ["failed"]
    assert shop.state(checkout) == ("paid", True)
    shop.stripe = reachable
    assert shop.deliver(created) == ["applied"]  # Stripe's own repetition does not wait for ours
    assert shop.state(checkout) == ("disputed", False)


def test_a_purchase_event_is_emitted_once_however_often_it_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(
        "stoa.workflows.billing.purchase_books.emit", lambda name, **properties: emitted.append((name, properties))
    )
    checkout = shop.start()
    events = shop.act(checkout, "pay")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(shop.deliver, events * 8))
    shop.deliver(*shop.refund(checkout, 1), *shop.dispute(checkout, "won"))
    assert shop.state(checkout) == ("paid", True)
    cents = shop.purchase(checkout)["amount_cents"]
    properties = {"modelId": MODEL, "bundleId": None, "priceCents": cents, "currency": "usd", "source": "test"}
    assert emitted == [("model_purchase_completed", properties)]


def test_trap_what_was_bought_outlives_changes_of_tier_price_and_bundle(shop: Shop) -> None:
    desk = Desk(shop.database, shop.member, ScriptedProviders())
    shop.buy()
    for change in (
        "unlock_price_cents = 99999",
        "access_tier = 'free'",
        "access_tier = 'premium', unlock_price_cents = 1, trial_messages = 0",
    ):
        shop.change(
            f"""
            INSERT INTO tenant_models (tenant_id, model_id) VALUES (:tenant_id, '{MODEL}') ON CONFLICT DO NOTHING
            """
        )
        shop.change(f"UPDATE tenant_models SET {change} WHERE tenant_id = :tenant_id AND model_id = '{MODEL}'")
        metadata = desk.send(model_id=MODEL)[-2]
        assert metadata.data["access"] in ("entitled", "free")
    assert metadata.data["access"] == "entitled"


def test_what_an_admin_revoked_stays_revoked_when_events_come_again_or_a_dispute_is_won(shop: Shop) -> None:
    checkout = shop.start()
    events = shop.act(checkout, "pay")
    shop.deliver(*events)
    shop.change("UPDATE entitlements SET revoked_at = now(), revoked_by = :tenant_id WHERE tenant_id = :tenant_id")
    repeated = [{**event, "id": f"{event['id']}_again"} for event in events]
    shop.deliver(*repeated, *shop.dispute(checkout, "won"))
    assert [row["revoked_at"] is None for row in shop.entitlements()] == [False]


class _Recorder:
    def __init__(self, lines: list[dict[str, Any]]) -> None:
        self._lines = lines

    def error(self, message: str, extra: dict[str, Any]) -> None:
        self._lines.append(extra)

    warning = error
