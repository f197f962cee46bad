"""A process keeps a tenant's catalogue, and still every change is seen by the very next request."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from stoa.core.ids import new_id
from stoa.database.pool import Database, Scope
from stoa.workflows.selection.member_view import load_member_view
from tests.integration.chat.support import Desk, overlay

NEW_PRICE = """
INSERT INTO price_book (
    id, tenant_id, model_id, effective_from, input_price, output_price, base_input_price, base_output_price, markup,
    minimum_charge, source
)
VALUES (:id, :tenant_id, 'gpt-4o', :effective_from, 9, 9, 2.5, 10, 0.4, 0.001, 'override')
"""


def input_price(desk: Desk, now: datetime) -> Decimal:
    prices = load_member_view(desk.database, desk.member, now).offers["gpt-4o"].prices
    assert prices is not None
    return prices.input_price


def test_an_unchanged_catalogue_is_not_read_again(desk: Desk) -> None:
    now = datetime.now(UTC)
    first = load_member_view(desk.database, desk.member, now).offers
    assert load_member_view(desk.database, desk.member, now).offers is first


def test_what_a_tenant_decides_is_seen_by_the_next_request(desk: Desk) -> None:
    now = datetime.now(UTC)
    assert load_member_view(desk.database, desk.member, now).offers["gpt-4o"].enabled
    overlay(desk, "gpt-4o", enabled=False)
    assert not load_member_view(desk.database, desk.member, now).offers["gpt-4o"].enabled


def test_a_change_of_the_registry_is_seen_by_every_tenant(desk: Desk, owner_database: Database) -> None:
    def name() -> str:
        return load_member_view(desk.database, desk.member, datetime.now(UTC)).offers["phi-4"].known_for

    before = name()
    for text in ("Changed", before):
        with owner_database.autocommit(Scope()) as connection:
            connection.run("UPDATE models SET known_for = :text WHERE id = 'phi-4'", text=text)
        assert name() == text


def test_a_price_to_come_is_charged_from_its_instant_on_and_not_before(desk: Desk) -> None:
    now = datetime.now(UTC)
    begins = now + timedelta(hours=24)
    assert input_price(desk, now) == Decimal("3.5")
    desk.change(NEW_PRICE, id=new_id(), effective_from=begins)
    assert input_price(desk, now) == Decimal("3.5")
    assert input_price(desk, begins - timedelta(microseconds=1)) == Decimal("3.5")
    assert input_price(desk, begins) == Decimal(9)
    assert input_price(desk, now) == Decimal("3.5")


def test_a_cancelled_price_is_never_charged(desk: Desk) -> None:
    now = datetime.now(UTC)
    row_id = new_id()
    desk.change(NEW_PRICE, id=row_id, effective_from=now)
    assert input_price(desk, now) == Decimal(9)
    with desk.database.autocommit(Scope(tenant_id=desk.member.tenant_id)) as connection:
        connection.run("UPDATE price_book SET cancelled_at = now() WHERE id = :id", id=row_id)
    assert input_price(desk, now) == Decimal("3.5")


def test_a_model_whose_first_price_is_still_to_come_cannot_be_sold(desk: Desk) -> None:
    offers = load_member_view(desk.database, desk.member, datetime.now(UTC) - timedelta(days=1)).offers
    assert {offer.prices for offer in offers.values()} == {None}
