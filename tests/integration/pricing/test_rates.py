"""Rates for cached, written and long input: from the provider, by price book and ledger, to the member's charge."""

from collections.abc import Generator
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import asdict

from stoa.clients.wires.types import Call, Cancel, Finish, Text
from stoa.domain.pricing.rates import Rates
from stoa.identity.caller import Caller
from stoa.store.catalogue.own_models import OwnModel
from stoa.store.tenancy.audit import Actor
from stoa.workflows.catalogue import model_admin
from stoa.workflows.catalogue.new_model import AskedModel
from stoa.workflows.pricing.recompute import recompute
from tests.integration.chat.support import Desk, Script, make_member
from tests.integration.pricing.support import DAY, START, Shop

# Base prices 1 and 10, so 1.4 and 14 with the default markup.
RATES: dict[str, Any] = {
    "cached_input": "0.1",
    "cache_write": "1.25",
    "tiers": [{"above_input_tokens": 1000, "input": "2", "output": "15", "cached_input": "0.2"}],
}
MODEL = OwnModel(
    provider_id="self_hosted",
    provider_model="one",
    display_name="One",
    known_for="",
    context_window=100_000,
    max_output_tokens=1000,
    base_input_price=Decimal(1),
    base_output_price=Decimal(10),
    base_rates=Rates.from_json(RATES),
    modalities=["text"],
    capabilities=["chat"],
    is_novel=False,
    category="general",
    access_tier="free",
    unlock_price_cents=None,
    daily_limit=None,
    trial_messages=0,
    speed="fast",
    quality="good",
    display_order=1,
    enabled=True,
)


def counts(finish: Finish) -> Script:
    def script(call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
        yield Text("Hello.")
        yield finish

    return script


@pytest.fixture
def sold(shop: Shop) -> str:
    """The id of a model with rates."""
    shop.config(selfHostedDefaultMarkup=0.4, minimumChargePerRequest=0)
    shop.clock.pass_by(DAY)
    return model_admin.create_model(admin_of(shop), AskedModel(**asdict(MODEL), name="one", is_typed=False)).id


def admin_of(shop: Shop) -> Caller:
    member = make_member(shop.database, shop.tenant_id)
    return Caller(shop.database, member, Actor(None, None, "req"), shop.clock())


def rated(shop: Shop, model_id: str, **rates: Any) -> None:
    """Sets other rates of the provider from now on."""
    model_admin.change_model(admin_of(shop), model_id, {"base_rates": rates}, version=None)


def paid(shop: Shop, model_id: str, finish: Finish) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Returns the charge of a message with these counts, its usage as the client is told, and its ledger line."""
    desk: Desk = shop.desk()
    desk.providers.default = counts(finish)
    metadata = desk.send(model_id=model_id)[-2].data
    return metadata["charge"], metadata["usage"], desk.lines()[-1]


# Tokens by USD per million: 1.4 in, 14 out, 0.14 cached, 1.75 written; above 1,000 tokens 2.8, 21, 0.28 and still 1.75.
@pytest.mark.parametrize(
    ("finish", "charge", "cost"),
    [
        (Finish("stop", 1000, 10), "0.001540000", "0.001100000"),
        (Finish("stop", 1000, 10, 600), "0.000784000", "0.000560000"),
        (Finish("stop", 1000, 10, 600, 100), "0.000819000", "0.000585000"),
        (Finish("stop", 1001, 10), "0.003012800", "0.002152000"),
        (Finish("stop", 1001, 10, 1001), "0.000490280", "0.000350200"),
        (Finish("stop", 1001, 10, 601, 100), "0.001393280", "0.000995200"),
        (Finish("stop", 1000, 10, 5000, 5000), "0.000280000", "0.000200000"),  # a part is never more than the whole
    ],
)
def test_a_message_is_charged_by_its_kinds_of_tokens_and_recomputed(
    shop: Shop, sold: str, finish: Finish, charge: str, cost: str
) -> None:
    told, _, line = paid(shop, sold, finish)
    assert (told, f"{line['provider_cost']:f}") == (charge, cost)
    assert recompute(shop.database, shop.tenant_id, START).differences == ()


def test_the_ledger_keeps_the_counts_and_the_client_is_told_those_there_are(shop: Shop, sold: str) -> None:
    _, usage, line = paid(shop, sold, Finish("stop", 100, 10, 60, 5, 4, 3, 2, 1))
    assert {name: usage[name] for name in usage if name not in ("inputTokens", "outputTokens", "totalTokens")} == {
        "estimated": False,
        "cachedInputTokens": 60,
        "cacheWriteTokens": 5,
        "inputAudioTokens": 4,
        "inputImageTokens": 3,
        "outputAudioTokens": 2,
        "outputImageTokens": 1,
    }
    parts = ("cached_input", "cache_write", "input_audio", "input_image", "output_audio", "output_image")
    assert [line[f"{part}_tokens"] for part in parts] == [60, 5, 4, 3, 2, 1]
    _, usage, _ = paid(shop, sold, Finish("stop", 100, 10, 0))
    assert "cachedInputTokens" not in usage


def test_a_line_whose_counts_were_changed_by_hand_is_found(shop: Shop, sold: str, owner_database: Any) -> None:
    paid(shop, sold, Finish("stop", 1000, 10, 600))
    with shop.database.autocommit(shop.desk().member.scope) as connection:
        connection.run("UPDATE usage SET cached_input_tokens = 599 WHERE model_id = :id", id=sold)
    assert {found.what for found in recompute(shop.database, shop.tenant_id, START).differences} == {
        "charge of line",
        "provider_cost of line",
    }


def test_admins_and_members_see_the_rates(shop: Shop, sold: str) -> None:
    tier = {"aboveInputTokens": 1000, "input": 2.8, "output": 21.0, "cachedInput": 0.28}
    shown = {"cachedInput": 0.14, "cacheWrite": 1.75, "tiers": [tier]}
    assert shop.model(sold)["rates"] == shop.offered(sold)["rates"] == shown
    assert shop.model(sold)["baseRates"]["cachedInput"] == 0.1
    assert shop.model("gpt-4o")["rates"] is None
    assert shop.history(sold)[0]["newRates"] == shown


def test_a_dearer_rate_waits_and_a_cheaper_one_does_not(shop: Shop, sold: str) -> None:
    rated(shop, sold, cached_input="0.5", cache_write="0.5")
    held = shop.model(sold)
    assert held["baseRates"] == {"cachedInput": 0.5, "cacheWrite": 0.5}
    # The tier is gone, which is cheaper for what it made dearer; cached input stays as it was until the grace ends.
    assert held["rates"] == {
        "cachedInput": 0.14,
        "cacheWrite": 0.7,
        "tiers": [{"aboveInputTokens": 1000, "cachedInput": 0.28}],
    }
    assert shop.offered(sold)["pendingPrice"]["rates"] == {"cachedInput": 0.7, "cacheWrite": 0.7}
    charge, _, line = paid(shop, sold, Finish("stop", 1000, 10, 1000))
    assert (charge, f"{line['provider_cost']:f}") == ("0.000280000", "0.000600000")
    shop.clock.pass_by(DAY)
    assert shop.model(sold)["rates"] == {"cachedInput": 0.7, "cacheWrite": 0.7}
    assert recompute(shop.database, shop.tenant_id, START).differences == ()


def test_an_override_scales_the_rates(shop: Shop, sold: str) -> None:
    shop.override(sold, inputPrice=0.5, markup=0)
    assert shop.model(sold)["rates"] == {
        "cachedInput": 0.05,
        "cacheWrite": 0.625,
        "tiers": [{"aboveInputTokens": 1000, "input": 1.0, "output": 15.0, "cachedInput": 0.1}],
    }
    assert recompute(shop.database, shop.tenant_id, START).differences == ()


def test_an_estimate_knows_the_tier(shop: Shop, sold: str) -> None:
    desk = shop.desk()
    desk.send("word " * 3000, model_id=sold)
    desk.send("word", model_id=sold)
    long, short = (line["estimated_cost"] for line in desk.lines())
    assert long > Decimal("0.0084")  # 3,000 tokens at 2.8, not at 1.4
    assert short < Decimal("0.0150")


def test_the_price_book_keeps_rates_in_the_form_of_the_rules(shop: Shop, sold: str) -> None:
    (row,) = shop.query(
        "SELECT rates, base_rates FROM price_book WHERE tenant_id = :tenant_id AND model_id = :id", id=sold
    )
    assert row["base_rates"] == RATES
    assert Rates.from_json(row["rates"]).cached_input == Decimal("0.14")
