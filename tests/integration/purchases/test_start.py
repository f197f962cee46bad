"""Beginning to buy: what is sold, for how much, and what a second click does."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from stoa.clients.stripe.stripe_client import StripeCalls
from stoa.core.errors import StoaError
from stoa.core.ids import new_id
from stoa.database.pool import Database
from stoa.http.answers import status_of
from stoa.store.billing.bundles import BundleOnSale
from stoa.store.billing.purchases import Purchase
from stoa.workflows.billing import bundles, purchases
from stoa.workflows.billing.stripe_products import set_up_products
from tests.integration.chat.support import make_member
from tests.integration.purchases.support import CLIENT, MODEL, Crash, CrashingDatabase, Shop, price


def refusal(shop: Shop, *arguments: Any) -> tuple[int, str]:
    with pytest.raises(StoaError) as caught:
        shop.start(*arguments)
    return status_of(caught.value), caught.value.code


def session(shop: Shop, session_id: str) -> dict[str, Any]:
    return shop.practice.service.account.get("session", session_id)


def bundle(shop: Shop, *models: str, cents: int = 1500, enabled: bool = True) -> str:
    identifier = new_id()
    shop.change(
        """
        INSERT INTO bundles (id, tenant_id, name, price_cents, enabled) VALUES (:id, :tenant_id, 'Trio', :cents, :on)
        """,
        id=identifier,
        cents=cents,
        on=enabled,
    )
    for model in models:
        shop.change(
            "INSERT INTO bundle_models (tenant_id, bundle_id, model_id) VALUES (:tenant_id, :id, :model)",
            id=identifier,
            model=model,
        )
    return str(identifier)


def test_the_row_and_the_session_say_the_same(shop: Shop) -> None:
    price(shop, 1234)
    shop.change("UPDATE tenants SET currency = 'eur' WHERE id = :tenant_id")
    checkout = shop.start()
    (row,) = shop.purchases()
    assert (row["status"], row["amount_cents"], row["currency"], row["model_ids"]) == ("pending", 1234, "eur", [MODEL])
    made = session(shop, checkout.session_id)
    assert (made["amount_total"], made["currency"], made["customer_email"]) == (1234, "eur", "ada@example.test")
    assert made["metadata"] == {"stoa_tenant_id": str(row["tenant_id"]), "stoa_purchase_id": str(row["id"])}
    assert made["success_url"] == f"{CLIENT}/purchases/success?session_id={{CHECKOUT_SESSION_ID}}"
    assert checkout.url == made["url"]


def test_an_open_session_is_given_again(shop: Shop) -> None:
    assert shop.start() == shop.start()
    assert len(shop.purchases()) == 1


def test_many_clicks_at_once_make_one_purchase_and_one_session(shop: Shop) -> None:
    together = Barrier(16)

    def click(_: int) -> str:
        together.wait()
        return shop.start().session_id

    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(click, range(16)))) == 1
    assert len(shop.purchases()) == 1


def test_a_crash_after_each_statement_leaves_one_session_to_pay_at(shop: Shop) -> None:
    database, crashes, sessions = shop.database, 0, set()
    for after in range(1, 12):
        shop.database = CrashingDatabase(database, after)
        try:
            shop.start()
        except Crash:
            crashes += 1
        shop.database = database
        sessions.add(shop.start().session_id)
    assert crashes >= 4
    assert len(sessions) == len(shop.purchases()) == 1


def test_another_price_ends_the_open_session_and_begins_another(shop: Shop) -> None:
    old = shop.start()
    price(shop, 777)
    new = shop.start()
    assert session(shop, old.session_id)["status"] == "expired"
    assert session(shop, new.session_id)["amount_total"] == 777
    assert [row["status"] for row in shop.purchases()] == ["expired", "pending"]


def test_another_currency_ends_the_open_session_and_begins_another(shop: Shop) -> None:
    old = shop.start()
    shop.change("UPDATE tenants SET currency = 'chf' WHERE id = :tenant_id")
    assert session(shop, shop.start().session_id)["currency"] == "chf"
    assert session(shop, old.session_id)["status"] == "expired"


def test_a_session_paid_before_its_event_came_is_not_sold_twice(shop: Shop) -> None:
    checkout = shop.start()
    shop.act(checkout, "pay")  # no event is delivered
    assert refusal(shop) == (409, "ALREADY_OWNED")
    assert shop.state(checkout) == ("paid", True)


def test_while_money_is_on_its_way_nothing_more_is_sold(shop: Shop) -> None:
    checkout = shop.start()
    shop.act(checkout, "pay_later")
    assert refusal(shop) == (409, "PURCHASE_IN_PROGRESS")
    assert refusal(shop) == (409, "PURCHASE_IN_PROGRESS")
    shop.deliver(*shop.act(checkout, "fail_later"))
    assert shop.start().session_id != checkout.session_id


def test_an_expired_session_makes_room_for_another(shop: Shop) -> None:
    first = shop.start()
    shop.act(first, "expire")
    assert shop.start().session_id != first.session_id


def test_a_session_that_this_account_does_not_know_makes_room_for_another(shop: Shop) -> None:
    first = shop.start()
    del shop.practice.service.account.things["session"][first.session_id]
    assert shop.start().session_id != first.session_id


def test_a_purchase_that_never_got_a_session_is_given_up_after_a_day(shop: Shop) -> None:
    reachable, shop.stripe = shop.stripe, StripeCalls("sk_test_practice", "http://127.0.0.1:9")
    assert refusal(shop) == (503, "PAYMENTS_UNAVAILABLE")
    shop.stripe = reachable
    (abandoned,) = shop.purchases()
    shop.start(MODEL, "model", datetime.now(UTC) + timedelta(hours=25))
    assert [row["status"] for row in shop.purchases()] == ["expired", "pending"]
    assert shop.purchases()[0]["id"] == abandoned["id"]


def test_a_purchase_without_a_session_is_not_sold_at_an_older_price(shop: Shop) -> None:
    reachable, shop.stripe = shop.stripe, StripeCalls("sk_test_practice", "http://127.0.0.1:9")
    refusal(shop)
    shop.stripe = reachable
    price(shop, 777)
    assert session(shop, shop.start().session_id)["amount_total"] == 777
    assert [row["status"] for row in shop.purchases()] == ["expired", "pending"]


def test_what_is_owned_free_disabled_or_unknown_is_not_sold(shop: Shop) -> None:
    shop.buy()
    assert refusal(shop) == (409, "ALREADY_OWNED")
    assert refusal(shop, "gpt-4o-mini") == (409, "MODEL_IS_FREE")
    assert refusal(shop, "no-such-model") == (404, "NOT_FOUND")
    shop.change("INSERT INTO tenant_models (tenant_id, model_id, enabled) VALUES (:tenant_id, 'grok-2', false)")
    assert refusal(shop, "grok-2") == (404, "NOT_FOUND")
    assert refusal(shop, str(uuid4()), "bundle") == (404, "NOT_FOUND")
    assert refusal(shop, "no-uuid", "bundle") == (404, "NOT_FOUND")
    assert len(shop.purchases()) == 1


def test_a_refunded_model_can_be_bought_again(shop: Shop) -> None:
    first = shop.buy()
    shop.deliver(*shop.refund(first))
    second = shop.buy()
    assert [row["status"] for row in shop.purchases()] == ["refunded", "paid"]
    assert shop.state(second) == ("paid", True)


def test_the_pause_stops_new_purchases_and_fulfils_those_begun(shop: Shop) -> None:
    checkout = shop.start()
    shop.change("UPDATE tenants SET purchases_paused = true WHERE id = :tenant_id")
    assert refusal(shop) == (503, "PURCHASES_PAUSED")
    assert refusal(shop, "grok-2") == (503, "PURCHASES_PAUSED")
    shop.deliver(*shop.act(checkout, "pay"))
    assert shop.state(checkout) == ("paid", True)


def test_a_bundle_unlocks_all_its_models_and_a_refund_locks_them_all(shop: Shop) -> None:
    identifier = bundle(shop, MODEL, "grok-2")
    checkout = shop.start(identifier, "bundle")
    assert session(shop, checkout.session_id)["amount_total"] == 1500
    shop.deliver(*shop.act(checkout, "pay"))
    assert {row["model_id"] for row in shop.entitlements()} == {MODEL, "grok-2"}
    assert refusal(shop, identifier, "bundle") == (409, "ALREADY_OWNED")
    assert refusal(shop, MODEL) == (409, "ALREADY_OWNED")
    shop.change("DELETE FROM bundle_models WHERE tenant_id = :tenant_id AND model_id = 'gpt-4o'")
    assert shop.state(checkout) == ("paid", True)
    shop.deliver(*shop.refund(checkout))
    assert shop.state(checkout) == ("refunded", False)


def test_refunding_a_model_leaves_what_a_bundle_unlocked(shop: Shop) -> None:
    alone = shop.buy()
    identifier = bundle(shop, MODEL, "grok-2")
    together = shop.start(identifier, "bundle")
    shop.deliver(*shop.act(together, "pay"))
    shop.deliver(*shop.refund(alone))
    held = {row["model_id"] for row in shop.entitlements() if row["revoked_at"] is None}
    assert held == {MODEL, "grok-2"}


def test_a_bundle_without_models_or_switched_off_is_not_sold(shop: Shop) -> None:
    assert refusal(shop, bundle(shop), "bundle") == (404, "NOT_FOUND")
    assert refusal(shop, bundle(shop, MODEL, enabled=False), "bundle") == (404, "NOT_FOUND")


def test_products_and_prices_are_made_once_and_used(shop: Shop) -> None:
    bundle(shop, MODEL)
    said: list[str] = []
    slug = shop.query("SELECT slug FROM tenants WHERE :user_id ::uuid IS NOT NULL")[0]["slug"]
    first = set_up_products(shop.database, shop.stripe, said.append, only_tenant=slug)
    again = set_up_products(shop.database, shop.stripe, said.append, only_tenant=slug)
    assert first["created"] == first["prices"] == again["found"] > 5
    assert (again["created"], again["renamed"], again["prices"]) == (0, 0, 0)
    checkout = shop.start()
    assert shop.purchases()[0]["stripe_price_id"].startswith("price_")
    cents = shop.purchases()[0]["amount_cents"]
    assert session(shop, checkout.session_id)["amount_total"] == cents
    price(shop, cents + 1)  # no price at Stripe says so
    shop.start()
    assert shop.purchases()[1]["stripe_price_id"] is None
    assert set_up_products(shop.database, shop.stripe, said.append, only_tenant=slug)["prices"] == 1


def test_a_price_that_stripe_does_not_take_any_more_does_not_stop_the_sale(shop: Shop) -> None:
    slug = shop.query("SELECT slug FROM tenants WHERE :user_id ::uuid IS NOT NULL")[0]["slug"]
    set_up_products(shop.database, shop.stripe, lambda _: None, only_tenant=slug)
    for made in shop.practice.service.account.things["price"].values():
        made["active"] = False
    checkout = shop.start()
    assert session(shop, checkout.session_id)["amount_total"] == shop.purchases()[0]["amount_cents"]


def test_a_refusal_of_stripes_leaves_room_for_another_try(shop: Shop) -> None:
    with shop.practice.service.account.lock:
        shop.change("UPDATE tenants SET currency = 'eur' WHERE id = :tenant_id")
    first = shop.start()
    row = shop.purchases()[0]
    # Somebody else's parameters stand under our key: Stripe refuses with an idempotency error.
    shop.change("UPDATE purchases SET session_id = NULL, product_name = 'x' WHERE tenant_id = :tenant_id")
    shop.change("INSERT INTO tenant_models (tenant_id, model_id, display_name) VALUES (:tenant_id, 'gpt-4o', 'x')")
    assert refusal(shop) == (502, "PAYMENT_REFUSED")
    assert shop.purchases()[0]["id"] == row["id"]
    assert shop.start().session_id != first.session_id


def test_the_success_page_asks_stripe_when_no_event_has_come(shop: Shop) -> None:
    checkout = shop.start()

    def read() -> Purchase:
        return purchases.read_purchase_of_session(shop.caller(), lambda: shop.stripe, checkout.session_id)

    assert (read().status, read().checkout_url) == ("pending", checkout.url)
    events = shop.act(checkout, "pay")
    told = read()
    assert (told.status, told.entitled, told.checkout_url) == ("paid", True, None)
    assert told.receipt_url is not None
    assert told.receipt_url.startswith(shop.practice.url)
    shop.deliver(*events)
    assert len(shop.entitlements()) == 1


def test_the_success_page_shows_what_is_known_when_stripe_is_out_of_reach(shop: Shop) -> None:
    checkout = shop.start()
    nowhere = StripeCalls("sk_test_practice", "http://127.0.0.1:9")
    told = purchases.read_purchase_of_session(shop.caller(), lambda: nowhere, checkout.session_id)
    assert told.status == "pending"


def test_somebody_elses_session_is_not_found(shop: Shop, runtime_database: Database) -> None:
    checkout = shop.start()
    other = make_member(runtime_database, shop.member.tenant_id, "ben")
    with pytest.raises(StoaError) as caught:
        purchases.read_purchase_of_session(shop.caller(other), lambda: shop.stripe, checkout.session_id)
    assert status_of(caught.value) == 404
    assert purchases.list_purchases(shop.caller(other), before=None, limit=10).rows == []


def test_own_purchases_come_newest_first_in_pages(shop: Shop) -> None:
    first = shop.buy()
    shop.deliver(*shop.refund(first))
    second = shop.buy()
    page = purchases.list_purchases(shop.caller(), before=None, limit=1)
    assert [row.session_id for row in page.rows] == [second.session_id]
    assert page.rows[0].receipt_url
    assert page.cursor is not None
    rest = purchases.list_purchases(shop.caller(), before=page.cursor[0], limit=1)
    assert [(row.session_id, row.status) for row in rest.rows] == [(first.session_id, "refunded")]
    assert rest.cursor is None


def test_the_list_of_bundles_shows_what_is_on_sale_and_owned(shop: Shop) -> None:
    on_sale = bundle(shop, MODEL, "grok-2")
    bundle(shop, MODEL, "claude-3.5-sonnet")  # retired by its provider
    bundle(shop, MODEL, enabled=False)
    listed = bundles.list_bundles(shop.caller())
    assert listed == [BundleOnSale(UUID(on_sale), "Trio", "", 1500, "usd", [MODEL, "grok-2"], owned=False)]
    shop.deliver(*shop.act(shop.start(on_sale, "bundle"), "pay"))
    assert bundles.list_bundles(shop.caller())[0].owned is True


def test_a_bundle_with_a_retired_model_is_not_sold(shop: Shop) -> None:
    assert refusal(shop, bundle(shop, MODEL, "claude-3.5-sonnet"), "bundle") == (404, "NOT_FOUND")
