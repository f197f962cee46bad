"""Purchases, bundles and the inbox stay with whose they are, also when the SQL forgets to say so."""

from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from stoa.core.errors import NotFound
from stoa.core.ids import new_id
from stoa.database.pool import Database, Scope, StatementFailed
from stoa.domain.billing.stripe_events import Reference
from stoa.store.billing import purchases as store
from stoa.workflows.billing import bundles, purchases
from stoa.workflows.billing.purchase_books import closed, settle_purchase
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.chat.support import make_member
from tests.integration.database.test_row_level_security import (  # noqa: F401 - the same carelessness
    without_tenant_conditions,
)
from tests.integration.purchases.support import MODEL, Shop


@pytest.fixture
def other_shop(runtime_database: Database, shop: Shop) -> Shop:
    """The same member's name in another tenant, at the same Stripe."""
    tenant_id = create_tenant(runtime_database, f"t-{new_id()}", "Other", "UTC", datetime.now(UTC))
    return Shop(runtime_database, make_member(runtime_database, tenant_id), shop.practice)


@pytest.fixture
def careless(shop: Shop, other_shop: Shop, without_tenant_conditions: list[str]) -> Iterator[Database]:  # noqa: F811
    """Both shops on connections whose statements have lost their conditions on tenant and user."""
    fresh = Database(shop.database._dsn, 1)
    shop.database = other_shop.database = fresh
    yield fresh
    fresh.close()


def test_with_every_condition_removed_members_still_see_and_change_only_their_own(
    shop: Shop,
    other_shop: Shop,
    careless: Database,
    without_tenant_conditions: list[str],  # noqa: F811
) -> None:
    theirs, mine = other_shop.buy(), shop.start()
    other_shop.change(
        "INSERT INTO bundles (id, tenant_id, name, price_cents) VALUES (:id, :tenant_id, 'Theirs', 1)", id=new_id()
    )
    me = shop.member
    listed = purchases.list_purchases(shop.caller(), before=None, limit=100).rows
    assert [row.session_id for row in listed] == [mine.session_id]
    assert bundles.list_bundles(shop.caller()) == []
    with pytest.raises(NotFound):
        purchases.read_purchase_of_session(shop.caller(), lambda: shop.stripe, theirs.session_id)
    now = datetime.now(UTC)
    their_id = UUID(theirs_metadata(other_shop, theirs.session_id)["stoa_purchase_id"])
    with careless.transaction(me.scope) as connection:
        settled = settle_purchase(connection, Reference(me.tenant_id, their_id), closed(now), now)
    assert settled.purchase is None
    with careless.autocommit(me.scope) as connection:
        store.save_session(connection, me.tenant_id, their_id, "cs_stolen", None, datetime.now(UTC))
    assert other_shop.state(theirs) == ("paid", True)
    assert any("purchases" in text for text in without_tenant_conditions)


def theirs_metadata(shop: Shop, session_id: str) -> dict[str, str]:
    return shop.practice.service.account.get("session", session_id)["metadata"]


def test_an_event_with_one_tenants_id_and_anothers_purchase_changes_nothing(shop: Shop, other_shop: Shop) -> None:
    checkout = other_shop.start()
    *_, completed = other_shop.act(checkout, "pay")
    completed["data"]["object"]["metadata"]["stoa_tenant_id"] = str(shop.member.tenant_id)
    assert shop.deliver(completed) == ["ignored"]
    assert other_shop.state(checkout) == ("pending", False)


@pytest.mark.parametrize("scope", ["nobody", "tenant", "member"])
def test_only_the_operators_scope_opens_the_inbox(shop: Shop, scope: str) -> None:
    shop.buy()
    scopes = {"nobody": Scope(), "tenant": Scope(tenant_id=shop.member.tenant_id), "member": shop.member.scope}
    with shop.database.autocommit(scopes[scope]) as connection:
        assert connection.run("SELECT * FROM webhook_inbox") == []
        with pytest.raises(StatementFailed):
            connection.run(
                "INSERT INTO webhook_inbox (event_id, kind, payload, next_attempt_at) VALUES ('e', 'x', '{}', now())"
            )


def test_the_operators_scope_shows_no_purchase(shop: Shop) -> None:
    shop.buy()
    with shop.database.autocommit(Scope(operator=True)) as connection:
        assert connection.run("SELECT * FROM purchases") == []
        assert connection.run("SELECT * FROM entitlements") == []


def test_a_member_cannot_buy_for_another(shop: Shop, runtime_database: Database) -> None:
    other = make_member(runtime_database, shop.member.tenant_id, "ben")
    purchase = store.NewPurchase(
        id=new_id(),
        tenant_id=shop.member.tenant_id,
        user_id=other.user_id,
        product_type="model",
        product_id=MODEL,
        product_name="x",
        model_ids=[MODEL],
        amount_cents=1,
        currency="usd",
        source="test",
    )
    with shop.database.autocommit(shop.member.scope) as connection, pytest.raises(StatementFailed):
        store.begin(connection, purchase, "mark", datetime.now(UTC))
