"""Overrides with dates: to come, past, within the grace, and where clocks change. gpt-4o is 3.50 and 14.00 here."""

from datetime import UTC, datetime

import pytest

from tests.integration.pricing.support import DAY, HOUR, START, Shop, instant, iso


def test_an_override_with_dates_comes_and_goes_by_itself(shop: Shop) -> None:
    begins, ends = START + 3 * DAY, START + 10 * DAY
    assert shop.override("gpt-4o", markup=0, effectiveFrom=iso(begins), effectiveTo=iso(ends)) == begins
    assert shop.scheduled("gpt-4o") == [(begins, 2.5, 10.0), (ends, 3.5, 14.0)]
    assert shop.offered("gpt-4o")["pendingPrice"]["effectiveFrom"] == "2027-03-04T12:00:00.000Z"
    shop.clock.now = begins
    assert shop.prices("gpt-4o") == (2.5, 10.0)
    assert shop.offered("gpt-4o")["pendingPrice"]["inputPrice"] == 3.5
    shop.clock.now = ends
    assert shop.prices("gpt-4o") == (3.5, 14.0)
    assert shop.model("gpt-4o")["hasOverride"] is False


def test_a_row_to_come_that_costs_the_same_is_announced_to_admins_alone(shop: Shop) -> None:
    shop.override("gpt-4o", inputPrice=2.5, effectiveFrom=iso(START + 3 * DAY))
    assert shop.scheduled("gpt-4o") == [(START + 3 * DAY, 3.5, 14.0)]
    assert shop.offered("gpt-4o")["pendingPrice"] is None
    shop.override("gpt-4o", inputPrice=2.5, outputPrice=20, effectiveFrom=iso(START + 9 * DAY))
    assert shop.offered("gpt-4o")["pendingPrice"]["effectiveFrom"] == "2027-03-10T12:00:00.000Z"


def test_what_holds_until_a_later_override_begins_stays_until_then(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0.2)
    shop.override("gpt-4o", markup=0, effectiveFrom=iso(START + 3 * DAY))
    assert shop.prices("gpt-4o") == (3.0, 12.0)
    assert shop.scheduled("gpt-4o") == [(START + 3 * DAY, 2.5, 10.0)]
    assert [override["markup"] for override in shop.model("gpt-4o")["overrides"]] == [0.2, 0]


def test_a_date_in_the_past_means_at_once_and_changes_no_past_price(shop: Shop) -> None:
    assert shop.override("gpt-4o", markup=0, effectiveFrom=iso(START - 30 * DAY)) == START
    rows = shop.query("SELECT effective_from FROM price_book WHERE model_id = 'gpt-4o' AND cancelled_at IS NULL")
    assert {row["effective_from"] for row in rows} == {START}


@pytest.mark.parametrize(
    ("begins", "ends", "reason"),
    [
        (None, START - HOUR, "must be in the future"),
        (START - DAY, START - HOUR, "must be in the future"),
        (START + DAY, START + DAY, "must be later than effectiveFrom"),
        (START + 2 * DAY, START + DAY, "must be later than effectiveFrom"),
    ],
)
def test_an_end_that_is_over_or_before_the_beginning_is_refused(
    shop: Shop, begins: datetime | None, ends: datetime, reason: str
) -> None:
    body = {"markup": 0, "effectiveFrom": begins and iso(begins), "effectiveTo": iso(ends)}
    refused = shop.refused("PUT", "/models/gpt-4o/override", body)
    assert (refused["status"], refused["details"]) == (422, [{"path": "effectiveTo", "reason": reason}])


def test_an_increase_that_would_end_before_its_grace_is_refused(shop: Shop) -> None:
    body = {"markup": 1, "effectiveTo": iso(START + 12 * HOUR)}
    refused = shop.refused("PUT", "/models/gpt-4o/override", body)
    assert refused["status"] == 422
    assert "2027-03-02T12:00:00.000Z" in refused["details"][0]["reason"]
    assert shop.model("gpt-4o")["hasOverride"] is False
    assert shop.history("gpt-4o") == []


def test_an_increase_with_a_date_within_the_grace_waits_for_the_grace(shop: Shop) -> None:
    assert shop.override("gpt-4o", markup=1, effectiveFrom=iso(START + HOUR)) == START + DAY


def test_an_end_within_the_grace_is_an_increase_that_waits(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0, effectiveTo=iso(START + 2 * HOUR))
    assert shop.scheduled("gpt-4o") == [(START + DAY, 3.5, 14.0)]


def test_a_time_without_offset_is_the_tenants(shop: Shop) -> None:
    # Berlin is one hour ahead of UTC in March, until the 28th.
    assert shop.override("gpt-4o", markup=0, effectiveFrom="2027-03-10T00:00:00") == datetime(
        2027, 3, 9, 23, tzinfo=UTC
    )


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2027-03-28T01:59:59", "2027-03-28T00:59:59+00:00"),  # the last second of winter time
        ("2027-03-28T02:30:00", "2027-03-28T01:30:00+00:00"),  # does not exist: 03:30 of summer time
        ("2027-03-28T03:00:00", "2027-03-28T01:00:00+00:00"),  # the first second of summer time
        ("2027-10-31T02:30:00", "2027-10-31T00:30:00+00:00"),  # there are two: the earlier
        ("2027-10-31T02:30:00+01:00", "2027-10-31T01:30:00+00:00"),  # the later one, by its offset
    ],
)
def test_dates_at_the_change_of_summer_time(shop: Shop, written: str, meant: str) -> None:
    assert shop.override("gpt-4o", markup=0, effectiveFrom=written) == instant(meant)


def test_the_grace_is_counted_in_hours_that_pass_also_when_clocks_change(shop: Shop) -> None:
    shop.clock.now = datetime(2027, 3, 27, 22, tzinfo=UTC)  # 23:00 in Berlin, the night in which an hour is left out
    assert shop.override("gpt-4o", markup=1) == datetime(2027, 3, 28, 22, tzinfo=UTC)  # 00:00 of the 29th
