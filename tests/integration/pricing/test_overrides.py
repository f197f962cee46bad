"""Overrides of one model's price, by literal figures. gpt-4o is 2.50 and 10.00 at the provider, 3.50 and 14.00 here."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from stoa.database.pool import StatementFailed
from tests.integration.pricing.support import DAY, HOUR, PRICING, START, Clock, Shop, iso


def test_a_cheaper_override_holds_at_once(shop: Shop) -> None:
    assert shop.override("gpt-4o", markup=0.1) == START
    assert shop.prices("gpt-4o") == (2.75, 11.0)
    model = shop.model("gpt-4o")
    assert (model["hasOverride"], model["effectiveMarkup"], "pending" in model) == (True, 0.1, False)
    assert shop.model("gpt-4o-mini")["hasOverride"] is False


def test_a_dearer_override_waits_and_the_answer_says_until_when(shop: Shop) -> None:
    assert shop.override("gpt-4o", markup=1) == START + DAY
    assert shop.prices("gpt-4o") == (3.5, 14.0)
    assert shop.scheduled("gpt-4o") == [(START + DAY, 5.0, 20.0)]


def test_trap_an_override_markup_of_zero_is_a_markup(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0)
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert shop.model("gpt-4o")["effectiveMarkup"] == 0
    assert shop.model("gpt-4o")["hasOverride"] is True


def test_a_price_of_zero_still_charges_the_minimum(shop: Shop) -> None:
    shop.override("gpt-4o-mini", inputPrice=0, outputPrice=0)
    assert shop.prices("gpt-4o-mini") == (0, 0)
    assert shop.charged("gpt-4o-mini") == Decimal("0.001")
    shop.config(minimumChargePerRequest=0)
    assert shop.charged("gpt-4o-mini") == 0


def test_an_override_of_one_dimension_keeps_the_other_and_the_default_markup(shop: Shop) -> None:
    shop.override("gpt-4o", inputPrice=2)
    assert shop.prices("gpt-4o") == (2.8, 14.0)
    shop.bulk(20)
    assert shop.prices("gpt-4o") == (2.4, 12.0)


def test_one_price_up_and_one_down_is_two_rows(shop: Shop) -> None:
    assert shop.override("gpt-4o", inputPrice=2, outputPrice=20) == START + DAY
    assert shop.prices("gpt-4o") == (2.8, 14.0)
    assert shop.scheduled("gpt-4o") == [(START + DAY, 2.8, 28.0)]


def test_removing_a_cheap_override_is_an_increase_like_any_other(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0)
    shop.clock.pass_by(HOUR)
    assert shop.remove_override("gpt-4o") == START + HOUR + DAY
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert shop.scheduled("gpt-4o") == [(START + HOUR + DAY, 3.5, 14.0)]
    assert shop.model("gpt-4o")["hasOverride"] is False
    assert shop.offered("gpt-4o")["pendingPrice"]["inputPrice"] == 3.5
    assert [row["changeSource"] for row in shop.history("gpt-4o")] == ["override_end", "override"]


def test_removing_a_dear_override_is_a_decrease(shop: Shop) -> None:
    shop.override("gpt-4o", markup=1)
    shop.clock.pass_by(2 * DAY)
    assert shop.prices("gpt-4o") == (5.0, 20.0)
    assert shop.remove_override("gpt-4o") == START + 2 * DAY
    assert shop.prices("gpt-4o") == (3.5, 14.0)


def test_what_is_not_there_cannot_be_removed(shop: Shop) -> None:
    assert shop.refused("DELETE", "/models/gpt-4o/override")["status"] == 404
    assert shop.refused("DELETE", "/models/no-such-model/override")["status"] == 404
    assert shop.refused("PUT", "/models/no-such-model/override", {"markup": 0.1})["status"] == 404


def test_a_bulk_update_while_an_override_is_pending(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0, effectiveFrom=iso(START + 3 * DAY))
    assert shop.bulk(60) == 36
    assert shop.prices("gpt-4o") == (3.5, 14.0)
    assert shop.scheduled("gpt-4o") == [(START + DAY, 4.0, 16.0), (START + 3 * DAY, 2.5, 10.0)]


def test_a_bulk_update_does_not_touch_a_markup_of_its_own_but_what_comes_after_it(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0, effectiveTo=iso(START + 5 * DAY))
    shop.override("claude-3-opus", markup=0)
    assert shop.bulk(20) == 35
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert shop.scheduled("gpt-4o") == [(START + 5 * DAY, 3.0, 12.0)]
    assert [row["changeSource"] for row in shop.history("claude-3-opus")] == ["override"]


def test_a_message_is_charged_by_the_row_it_was_reserved_under(shop: Shop) -> None:
    desk = shop.desk()
    events = desk.events(model_id="gpt-4o-mini")
    next(events)
    shop.override("gpt-4o-mini", inputPrice=1000, markup=0)
    shop.config(priceIncreaseGracePeriodHours=0)
    shop.override("gpt-4o-mini", inputPrice=2000, markup=0)
    assert shop.prices("gpt-4o-mini")[0] == 2000
    charge = next(event.data["charge"] for event in events if "charge" in getattr(event, "data", {}))
    assert Decimal(charge) == Decimal("0.001")
    assert shop.charged("gpt-4o-mini") == Decimal("0.020012")  # 10 x 2000 + 20 x 0.60, per million


def test_the_same_override_again_changes_nothing(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0.1)
    assert shop.override("gpt-4o", markup=0.1) == START
    assert shop.model("gpt-4o")["overrideVersion"] == 1
    assert len(shop.history("gpt-4o")) == 1
    assert shop.audited() == [("price_override.set", "gpt-4o")]


def test_a_stale_override_is_refused(shop: Shop) -> None:
    shop.done("PUT", "/models/gpt-4o/override", {"markup": 0.1, "version": 0})
    refused = shop.refused("PUT", "/models/gpt-4o/override", {"markup": 0.3, "version": 0})
    assert (refused["status"], refused["details"]) == (409, {"version": 1})
    assert shop.refused("DELETE", "/models/gpt-4o/override", headers={"if-match": '"0"'})["status"] == 409
    assert shop.prices("gpt-4o") == (2.75, 11.0)
    removed = shop.send("DELETE", f"{PRICING}/models/gpt-4o/override", headers={"if-match": '"1"'})
    assert (removed.status, removed.headers["ETag"]) == (200, '"2"')
    # One model's edits make no other model's edit stale.
    shop.done("PUT", "/models/gpt-4o-mini/override", {"markup": 0.1, "version": 0})


@pytest.mark.parametrize(
    ("body", "path", "hint"),
    [
        ({"markup": 40}, "markup", "40 looks like a percentage: send the fraction 0.40 for 40 %."),
        ({"markup": -0.1}, "markup", "a fraction from 0 to 10"),
        ({"inputPrice": -1}, "inputPrice", "greater than or equal to 0"),
        ({"inputPrice": "2"}, "inputPrice", "number"),
        ({"inputPrice": 0.0000001}, "inputPrice", "decimal places"),
        ({}, "markup", "at least one"),
        ({"markup": None, "inputPrice": None}, "markup", "at least one"),
        ({"markup": 0, "effectiveFrom": "tomorrow"}, "effectiveFrom", "send a time such as"),
        ({"markup": 0, "effectiveFrom": "0001-01-01T00:00:00"}, "effectiveFrom", "send a year from"),
        ({"markup": 0, "effectiveTo": 7}, "effectiveTo", "send a time such as"),
        ({"markup": 0, "until": "2027-01-01"}, "until", "not known here"),
    ],
)
def test_what_looks_wrong_is_refused_with_a_hint(shop: Shop, body: dict[str, Any], path: str, hint: str) -> None:
    refused = shop.refused("PUT", "/models/gpt-4o/override", body)
    assert refused["status"] == 422
    assert refused["details"][0]["path"] == path
    assert hint in refused["details"][0]["reason"]


def test_a_model_whose_provider_price_is_unknown_is_listed_and_cannot_be_overridden(shop: Shop) -> None:
    shop.query(
        "INSERT INTO models (id, tenant_id, provider_id, provider_model, display_name, context_window,"
        " max_output_tokens) VALUES (:model_id, :tenant_id, 'self_hosted', 'x', 'Ours', 8000, 1000)",
        model_id=f"own-{shop.tenant_id}",
    )
    model = shop.model(f"own-{shop.tenant_id}")
    assert (model["baseInputPrice"], model["userInputPrice"]) == (None, None)
    refused = shop.refused("PUT", f"/models/own-{shop.tenant_id}/override", {"inputPrice": 1, "outputPrice": 1})
    assert (refused["status"], refused["code"]) == (409, "PRICE_UNKNOWN")
    assert shop.bulk(20) == 36


def test_trap_two_open_overrides_for_one_model_are_refused_by_the_database(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0.1)
    with pytest.raises(StatementFailed) as refused:
        shop.query(
            "INSERT INTO price_overrides (id, tenant_id, model_id, version, effective_from, markup, created_at)"
            " VALUES (gen_random_uuid(), :tenant_id, 'gpt-4o', 9, :now, 0.5, :now)",
            now=START,
        )
    assert refused.value.constraint == "price_overrides_in_force"
    rows = shop.query("SELECT markup FROM price_overrides WHERE tenant_id = :tenant_id AND cancelled_at IS NULL")
    assert [row["markup"] for row in rows] == [Decimal("0.1")]


def test_trap_another_tenants_override_changes_nothing_here(shop: Shop, other: Shop) -> None:
    shop.override("gpt-4o", markup=0)
    assert other.prices("gpt-4o") == (3.5, 14.0)
    assert other.model("gpt-4o")["hasOverride"] is False
    assert other.model("gpt-4o")["overrideVersion"] == 0
    other.bulk(20)
    assert other.prices("gpt-4o") == (3.0, 12.0)
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert len(shop.history("gpt-4o")) == 1


def test_a_clock_that_is_a_moment_behind_takes_a_price_for_begun(shop: Shop, clock: Clock) -> None:
    clock.pass_by(HOUR)
    shop.override("gpt-4o", markup=0)
    clock.pass_by(-timedelta(seconds=1))  # another machine, another second hand
    assert shop.remove_override("gpt-4o") == START + HOUR + DAY
    clock.pass_by(timedelta(seconds=1))
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert shop.scheduled("gpt-4o") == [(START + HOUR + DAY, 3.5, 14.0)]


def test_an_override_to_come_does_not_count_as_begun_however_near_it_is(shop: Shop, clock: Clock) -> None:
    shop.override("gpt-4o", markup=0, effectiveFrom=iso(START + timedelta(seconds=2)))
    shop.remove_override("gpt-4o")
    assert shop.scheduled("gpt-4o") == []
    clock.pass_by(HOUR)
    assert shop.prices("gpt-4o") == (3.5, 14.0)


def test_override_rows_are_never_edited(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0)
    for change in ("UPDATE price_overrides SET markup = 1", "DELETE FROM price_overrides", "DELETE FROM price_changes"):
        with pytest.raises(StatementFailed, match="permission denied"):
            shop.query(change)
