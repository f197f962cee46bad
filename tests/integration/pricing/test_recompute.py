"""Every past charge follows from its ledger line and the price row that it names. A charge that does not is found."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from dev.recompute import main
from stoa.database.pool import Database, Scope, json_parameter
from stoa.workflows.pricing.recompute import recompute, recompute_all
from tests.integration.chat.support import says
from tests.integration.pricing.support import DAY, START, Shop

TRIAL = "tenant_id = :tenant_id AND access = 'trial'"
INITIAL = "tenant_id = :tenant_id AND model_id = 'phi-4' AND source = 'initial'"

KEEP = f"""
SELECT
    (SELECT to_jsonb(l) FROM usage l WHERE {TRIAL}) AS line,
    (SELECT to_jsonb(b) FROM price_book b WHERE {INITIAL}) AS row
"""
PUT_BACK = (
    """
    UPDATE usage l
    SET (model_id, charge, provider_cost, reserved_at, price_row_id)
        = (r.model_id, r.charge, r.provider_cost, r.reserved_at, r.price_row_id)
    FROM jsonb_populate_record(NULL::usage, :kept ::jsonb) r
    WHERE l.id = r.id
    """,
    """
    UPDATE price_book b SET (markup, rates, held) = (r.markup, r.rates, r.held)
    FROM jsonb_populate_record(NULL::price_book, :kept ::jsonb) r
    WHERE b.id = r.id
    """,
)


@pytest.fixture
def by_hand(busy: Shop, owner_database: Database) -> Iterator[Callable[[str], None]]:
    """Makes changes that the runtime role could not make, and undoes them afterwards."""
    with owner_database.autocommit(Scope()) as connection:
        (kept,) = connection.run(KEEP, tenant_id=busy.tenant_id)

    def change(sql: str, **parameters: Any) -> None:
        with owner_database.transaction(Scope()) as connection:
            connection.run("SET LOCAL session_replication_role = replica")  # triggers sleep
            connection.run(sql, **parameters)

    yield partial(change, tenant_id=busy.tenant_id)
    for sql, values in zip(PUT_BACK, (kept["line"], kept["row"]), strict=True):
        change(sql, kept=json_parameter(values))


@pytest.fixture
def busy(shop: Shop) -> Shop:
    """A shop that sold messages at four prices, one of them a trial."""
    desk = shop.desk()
    desk.providers.default = says("Much.", input_tokens=123_457, output_tokens=7_891)
    desk.send(model_id="gpt-4o-mini")
    shop.config(externalDefaultMarkup=0.333333)
    desk.send(model_id="gpt-4o-mini")
    shop.override("gpt-4o-mini", inputPrice=7, outputPrice=0.01)
    desk.send(model_id="gpt-4o-mini")
    shop.clock.pass_by(DAY)
    desk.send(model_id="gpt-4o-mini")
    desk.send(model_id="gpt-4o")
    return shop


def test_every_charge_is_derived_again(busy: Shop) -> None:
    done = recompute(busy.database, busy.tenant_id, START - DAY)
    assert done.differences == ()
    assert done.lines == 5
    # 123457 and 7891 tokens at 0.21 and 0.84; 0.2 and 0.8; 0.2 and 0.013333; 9.333331 and 0.013333; the trial is free.
    charges = [row["charge"] for row in busy.query("SELECT charge FROM usage ORDER BY id")]
    assert charges == [
        Decimal("0.03255441"),
        Decimal("0.0310042"),
        Decimal("0.024796611"),
        Decimal("1.152370256"),
        Decimal(0),
    ]
    assert done.charged == sum(charges)


def test_only_messages_since_then_are_looked_at(busy: Shop) -> None:
    assert recompute(busy.database, busy.tenant_id, START + DAY).lines == 2


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (f"UPDATE usage SET charge = charge + 0.000000001 WHERE {TRIAL}", "charge"),
        (f"UPDATE usage SET provider_cost = 0 WHERE {TRIAL}", "provider_cost"),
        (f"UPDATE usage SET model_id = 'phi-4' WHERE {TRIAL}", "model"),
        (f"UPDATE usage SET reserved_at = '2027-02-28T00:00Z' WHERE {TRIAL}", "reservation"),
        (f"UPDATE price_book SET markup = 0.7 WHERE {INITIAL}", "input_price"),
        (f'UPDATE price_book SET rates = \'{{"cached_input": "0.01"}}\' WHERE {INITIAL}', "rates"),
        (f'UPDATE price_book SET rates = \'{{"cached_input": "9"}}\', held = true WHERE {INITIAL}', "rates"),
    ],
)
def test_a_hand_in_the_database_is_found(busy: Shop, by_hand: Callable[[str], None], sql: str, what: str) -> None:
    by_hand(sql)
    found = recompute(busy.database, busy.tenant_id, START - 2 * DAY).differences
    assert found
    assert found[0].what.startswith(what)


def test_a_line_without_its_price_row_is_found(busy: Shop, other: Shop, by_hand: Callable[[str], None]) -> None:
    strange = f"SELECT min(id::text)::uuid FROM price_book WHERE tenant_id = '{other.tenant_id}'"
    by_hand(f"UPDATE usage SET price_row_id = ({strange}) WHERE {TRIAL}")
    (difference,) = recompute(busy.database, busy.tenant_id, START - DAY).differences
    assert difference.what == "price row of line"
    assert difference in recompute_all(busy.database, START - DAY).differences


def test_the_command_tells_what_differs_and_fails(
    busy: Shop,
    by_hand: Callable[[str], None],
    runtime_url: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("STOA_DATABASE_URL", runtime_url)
    by_hand(f"UPDATE usage SET charge = 5 WHERE {TRIAL}")
    assert main([]) == 1
    assert f"tenant {busy.tenant_id}: charge of line" in capsys.readouterr().out
    monkeypatch.delenv("STOA_DATABASE_URL")
    assert main([]) == 2
