"""The pricing configuration and the bulk update, by literal figures. gpt-4o costs 2.50 and 10.00 at the provider."""

from decimal import Decimal

import pytest

from tests.integration.pricing.support import DAY, HOUR, PRICING, START, Shop

DEFAULTS = {
    "externalDefaultMarkup": 0.4,
    "selfHostedDefaultMarkup": 0.75,
    "minimumChargePerRequest": 0.001,
    "priceIncreaseGracePeriodHours": 24,
    "autoUpdateFromProviders": True,
    "autoUpdateFrequency": "daily",
    "lastAutoUpdate": None,
    "notifyOnPriceChange": True,
    "notifyThresholdPercent": 10,
    "syncPolicy": {
        "newModel": "review",
        "priceRise": "within_threshold",
        "priceFall": "agreed",
        "contextLarger": "apply",
        "contextSmaller": "review",
        "retirement": "review",
    },
    "noticeEmails": [],
}


def test_the_defaults_are_told_where_nothing_was_saved(shop: Shop) -> None:
    assert shop.done("GET", "/config") == {**DEFAULTS, "version": 0}


def test_trap_a_configuration_is_saved_where_no_row_exists_yet(shop: Shop) -> None:
    saved = shop.config(minimumChargePerRequest=0.002)
    assert saved == {**DEFAULTS, "minimumChargePerRequest": 0.002, "version": 1}
    assert shop.done("GET", "/config") == saved


def test_what_a_change_does_not_name_stays(shop: Shop) -> None:
    shop.config(notifyThresholdPercent=25, autoUpdateFrequency="weekly", autoUpdateFromProviders=False)
    shop.config(externalDefaultMarkup=0.3)
    assert shop.done("GET", "/config") == {
        **DEFAULTS,
        "externalDefaultMarkup": 0.3,
        "notifyThresholdPercent": 25,
        "autoUpdateFrequency": "weekly",
        "autoUpdateFromProviders": False,
        "version": 2,
    }


def test_the_whole_object_can_be_sent_back(shop: Shop) -> None:
    saved = shop.config(**{**DEFAULTS, "notifyOnPriceChange": False})
    assert shop.done("PUT", "/config", saved)["notifyOnPriceChange"] is False


def test_a_lower_markup_holds_at_once(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.2)
    assert shop.prices("gpt-4o") == (3.0, 12.0)
    assert shop.scheduled("gpt-4o") == []
    assert shop.offered("gpt-4o")["userInputPrice"] == 3.0
    assert shop.offered("gpt-4o")["pendingPrice"] is None


def test_a_higher_markup_waits_for_the_grace_period_and_is_announced_to_everybody(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.6)
    assert shop.prices("gpt-4o") == (3.5, 14.0)
    assert shop.scheduled("gpt-4o") == [(START + DAY, 4.0, 16.0)]
    pending = shop.model("gpt-4o")["pending"]
    assert (pending["inputPrice"], pending["markup"], pending["source"]) == (4.0, 0.6, "config")
    assert shop.offered("gpt-4o")["pendingPrice"] == {
        "inputPrice": 4.0,
        "outputPrice": 16.0,
        "rates": None,
        "minimumCharge": "0.001000000",
        "effectiveFrom": "2027-03-02T12:00:00.000Z",
    }
    shop.clock.pass_by(DAY - HOUR)
    assert shop.prices("gpt-4o") == (3.5, 14.0)
    shop.clock.pass_by(HOUR)
    assert shop.prices("gpt-4o") == (4.0, 16.0)
    assert shop.offered("gpt-4o")["userInputPrice"] == 4.0
    assert shop.offered("gpt-4o")["pendingPrice"] is None


def test_trap_a_markup_of_zero_is_a_markup(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0)
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert shop.model("gpt-4o")["effectiveMarkup"] == 0
    assert shop.done("GET", "/config")["externalDefaultMarkup"] == 0


def test_a_higher_minimum_charge_waits_and_a_lower_one_does_not(shop: Shop) -> None:
    shop.config(minimumChargePerRequest=0.005)
    assert shop.charged("gpt-4o-mini") == Decimal("0.001")
    assert shop.offered("gpt-4o-mini")["pendingPrice"]["minimumCharge"] == "0.005000000"
    shop.clock.pass_by(DAY)
    assert shop.charged("gpt-4o-mini") == Decimal("0.005")
    shop.config(minimumChargePerRequest=0.0005)
    assert shop.charged("gpt-4o-mini") == Decimal("0.0005")


def test_the_grace_period_is_the_tenants_own(shop: Shop) -> None:
    shop.config(priceIncreaseGracePeriodHours=72)
    shop.config(externalDefaultMarkup=0.6)
    assert shop.scheduled("gpt-4o") == [(START + 3 * DAY, 4.0, 16.0)]


def test_without_a_grace_period_an_increase_holds_at_once(shop: Shop) -> None:
    shop.config(priceIncreaseGracePeriodHours=0)
    shop.config(externalDefaultMarkup=0.6)
    assert shop.prices("gpt-4o") == (4.0, 16.0)


def test_a_shorter_grace_period_does_not_hurry_the_increase_it_is_saved_with(shop: Shop) -> None:
    shop.config(priceIncreaseGracePeriodHours=0, externalDefaultMarkup=0.6)
    assert shop.scheduled("gpt-4o") == [(START + DAY, 4.0, 16.0)]


def test_an_announced_increase_that_is_taken_back_never_comes(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.6)
    shop.clock.pass_by(HOUR)
    shop.config(externalDefaultMarkup=0.4)
    assert shop.scheduled("gpt-4o") == []
    withdrawn, announced = shop.history("gpt-4o")
    assert (announced["previousInputPrice"], announced["newInputPrice"]) == (3.5, 4.0)
    assert (withdrawn["previousInputPrice"], withdrawn["newInputPrice"]) == (4.0, 3.5)
    assert withdrawn["effectiveFrom"] == announced["effectiveFrom"] == "2027-03-02T12:00:00.000Z"


def test_a_superseded_row_is_cancelled_and_not_edited(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.6)
    shop.config(externalDefaultMarkup=0.8)
    rows = shop.query(
        "SELECT input_price, cancelled_at IS NOT NULL AS cancelled FROM price_book"
        " WHERE tenant_id = :tenant_id AND model_id = 'gpt-4o' ORDER BY id"
    )
    assert [(row["input_price"], row["cancelled"]) for row in rows] == [
        (Decimal("3.5"), False),
        (Decimal("4.0"), True),
        (Decimal("4.5"), False),
    ]


def test_trap_two_edits_in_one_instant_leave_the_later_one(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.2)
    shop.config(externalDefaultMarkup=0.1)
    assert shop.prices("gpt-4o") == (2.75, 11.0)
    assert len(shop.history("gpt-4o")) == 2


def test_two_edits_in_one_second_leave_the_later_one(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.2)
    shop.clock.pass_by(HOUR / 7200)
    shop.config(externalDefaultMarkup=0.1)
    assert shop.prices("gpt-4o") == (2.75, 11.0)
    # Taking it back is an increase now: members have been shown the lower price.
    shop.clock.pass_by(HOUR / 7200)
    shop.config(externalDefaultMarkup=0.4)
    assert shop.prices("gpt-4o") == (2.75, 11.0)
    assert shop.scheduled("gpt-4o") == [(START + HOUR / 3600 + DAY, 3.5, 14.0)]


def test_the_same_configuration_again_changes_no_price(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.2)
    assert shop.config(externalDefaultMarkup=0.2)["version"] == 1
    assert len(shop.history("gpt-4o")) == 1
    assert len(shop.audited()) == 1


@pytest.mark.parametrize(
    ("changes", "path", "hint"),
    [
        ({"externalDefaultMarkup": 40}, "externalDefaultMarkup", "send the fraction 0.40 for 40 %"),
        ({"selfHostedDefaultMarkup": 75}, "selfHostedDefaultMarkup", "send the fraction 0.75 for 75 %"),
        ({"externalDefaultMarkup": -0.1}, "externalDefaultMarkup", "a fraction from 0 to 10"),
        ({"notifyThresholdPercent": 0.1}, "notifyThresholdPercent", "send 10 for 10 %"),
        ({"autoUpdateFrequency": "sometimes"}, "autoUpdateFrequency", "daily"),
        ({"priceIncreaseGracePeriodHours": -1}, "priceIncreaseGracePeriodHours", "greater than"),
        ({"minimumChargePerRequest": None}, "minimumChargePerRequest", "number"),
        ({"markup": 0.4}, "markup", "not known here"),
    ],
)
def test_what_looks_wrong_is_refused_with_a_hint(shop: Shop, changes: dict[str, object], path: str, hint: str) -> None:
    refused = shop.refused("PUT", "/config", changes)
    assert refused["status"] == 422
    assert refused["details"][0]["path"] == path
    assert hint in refused["details"][0]["reason"]
    assert shop.done("GET", "/config")["version"] == 0


def test_a_bulk_update_takes_percent_and_tells_each_model_it_changed(shop: Shop) -> None:
    assert shop.bulk(20) == 36
    assert shop.prices("gpt-4o") == (3.0, 12.0)
    assert shop.done("GET", "/config")["externalDefaultMarkup"] == 0.2
    history = shop.done("GET", "/history", limit=200)
    assert len(history) == 36
    assert {row["changeSource"] for row in history} == {"bulk"}
    assert {row["changedByEmail"] for row in history} == {"boss@example.test"}


def test_trap_a_bulk_update_writes_what_the_catalogue_reads(shop: Shop) -> None:
    shop.bulk(60)
    shop.clock.pass_by(DAY)
    assert shop.offered("gpt-4o-mini")["userInputPrice"] == 0.24
    assert shop.offered("gpt-4o-mini")["userOutputPrice"] == 0.96


def test_a_bulk_update_of_self_hosted_models_leaves_the_others(shop: Shop) -> None:
    assert shop.bulk(100, "self_hosted") == 0
    assert shop.prices("gpt-4o") == (3.5, 14.0)
    assert shop.done("GET", "/config")["selfHostedDefaultMarkup"] == 1.0


def test_a_bulk_update_to_what_holds_changes_nothing(shop: Shop) -> None:
    assert shop.bulk(40) == 0
    assert shop.history("gpt-4o") == []


@pytest.mark.parametrize(("markup", "hint"), [(0.4, "send 40 for 40 %"), (0.075, "7.5"), (-1, "0 to 1000"), (1001, "")])
def test_a_bulk_update_in_the_other_unit_is_refused_with_a_hint(shop: Shop, markup: float, hint: str) -> None:
    refused = shop.refused("POST", "/bulk-update", {"type": "external", "markup": markup})
    assert refused["status"] == 422
    assert refused["details"][0]["path"] == "markup"
    assert hint in refused["details"][0]["reason"]


def test_a_bulk_update_of_zero_percent_sells_at_the_providers_price(shop: Shop) -> None:
    assert shop.bulk(0) == 36
    assert shop.prices("gpt-4o") == (2.5, 10.0)


def test_a_stale_edit_is_refused_and_overwrites_nothing(shop: Shop) -> None:
    seen = shop.done("GET", "/config")["version"]
    shop.done("PUT", "/config", {"externalDefaultMarkup": 0.3, "version": seen})
    refused = shop.refused("PUT", "/config", {"externalDefaultMarkup": 0.5, "version": seen})
    assert (refused["status"], refused["code"], refused["details"]) == (409, "STALE_EDIT", {"version": 1})
    refused = shop.refused("POST", "/bulk-update", {"type": "external", "markup": 50, "version": seen})
    assert refused["status"] == 409
    assert shop.done("GET", "/config")["externalDefaultMarkup"] == 0.3


def test_the_version_may_travel_as_an_etag(shop: Shop) -> None:
    tag = shop.send("GET", f"{PRICING}/config").headers["ETag"]
    assert tag == '"0"'
    saved = shop.send("PUT", f"{PRICING}/config", {"externalDefaultMarkup": 0.3}, headers={"if-match": tag})
    assert (saved.status, saved.headers["ETag"]) == (200, '"1"')
    for stale in (tag, 'W/"0"', '"nonsense"'):
        refused = shop.refused("PUT", "/config", {"externalDefaultMarkup": 0.5}, headers={"If-Match": stale})
        assert refused["status"] == 409
    assert shop.send("PUT", f"{PRICING}/config", {}, headers={"if-match": "*"}).status == 200


def test_only_admins_see_and_set_prices(shop: Shop) -> None:
    for method, path, body in (
        ("GET", "/config", None),
        ("PUT", "/config", {}),
        ("GET", "/models", None),
        ("POST", "/bulk-update", {"type": "external", "markup": 40}),
        ("PUT", "/models/gpt-4o/override", {"markup": 0.1}),
        ("DELETE", "/models/gpt-4o/override", None),
        ("POST", "/preview", {"config": {}}),
        ("GET", "/history", None),
        ("GET", "/overrides.csv", None),
        ("POST", "/overrides/import", {"csv": "modelId,markup\n"}),
    ):
        assert shop.member().refused(method, path, body)["status"] == 403


def test_each_change_is_on_the_audit_log_before_and_after(shop: Shop) -> None:
    shop.config(externalDefaultMarkup=0.3)
    shop.bulk(20)
    assert shop.audited() == [("pricing_config.update", "config"), ("pricing.bulk_update", "config")]
    (_, bulk) = shop.query("SELECT before, after FROM audit_log WHERE tenant_id = :tenant_id ORDER BY id")
    assert Decimal(bulk["before"]["external_default_markup"]) == Decimal("0.3")
    assert Decimal(bulk["after"]["external_default_markup"]) == Decimal("0.2")
