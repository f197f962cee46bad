"""Dry runs write nothing and say what would be. The history says what was."""

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from stoa.database.pool import Scope
from stoa.workflows.pricing.price_planning import replan
from tests.integration.pricing.support import DAY, HOUR, PRICING, START, Shop

TABLES = ("pricing_configs", "price_book", "price_overrides", "price_changes", "audit_log")


def everything(shop: Shop) -> list[Any]:
    return [shop.query(f"SELECT to_jsonb(t) AS row FROM {table} t ORDER BY t::text") for table in TABLES]


def row(effective_from: str, input_price: float, output_price: float, markup: float, source: str) -> dict[str, Any]:
    return {
        "effectiveFrom": effective_from,
        "inputPrice": input_price,
        "outputPrice": output_price,
        "rates": None,
        "minimumCharge": 0.001,
        "markup": markup,
        "source": source,
    }


FIRST = row("2027-03-01T12:00:00.000Z", 3.5, 14.0, 0.4, "initial")


def test_a_preview_of_an_override_tells_the_rows_before_and_after(shop: Shop) -> None:
    shop.clock.pass_by(HOUR)
    told = shop.done("POST", "/preview", {"override": {"modelId": "gpt-4o", "markup": 1}})
    assert told == {
        "modelsUpdated": 1,
        "changes": [
            {
                "modelId": "gpt-4o",
                "effectiveFrom": "2027-03-02T13:00:00.000Z",
                "before": [FIRST],
                "after": [FIRST, row("2027-03-02T13:00:00.000Z", 5.0, 20.0, 1.0, "override")],
            }
        ],
    }


@pytest.mark.parametrize(
    ("change", "updated"),
    [
        ({"config": {"externalDefaultMarkup": 0.3}}, 35),
        ({"config": {"minimumChargePerRequest": 0.1}}, 36),
        ({"config": {"notifyThresholdPercent": 20}}, 0),
        ({"bulkUpdate": {"type": "external", "markup": 60}}, 35),
        ({"bulkUpdate": {"type": "self_hosted", "markup": 60}}, 0),
        ({"override": {"modelId": "phi-4", "inputPrice": 3}}, 1),
        ({"removeOverride": {"modelId": "gpt-4o"}}, 1),
        ({"overridesImport": {"csv": "modelId,markup\nphi-4,0.1\ngpt-4o,0.3\n"}}, 2),
    ],
)
def test_a_preview_of_any_change_writes_nothing_and_says_what_the_change_then_does(
    shop: Shop, change: dict[str, Any], updated: int
) -> None:
    shop.override("gpt-4o", markup=0.1)
    shop.clock.pass_by(HOUR)
    before = everything(shop)
    told = shop.done("POST", "/preview", change)
    assert everything(shop) == before
    assert told["modelsUpdated"] == len(told["changes"]) == updated

    ((kind, body),) = change.items()
    calls = {
        "config": ("PUT", "/config"),
        "bulkUpdate": ("POST", "/bulk-update"),
        "override": ("PUT", "/models/phi-4/override"),
        "removeOverride": ("DELETE", "/models/gpt-4o/override"),
        "overridesImport": ("POST", "/overrides/import"),
    }
    own = {key: value for key, value in body.items() if key != "modelId"} or None
    shop.done(*calls[kind], own)
    for one in told["changes"]:
        now_and_later = one["after"]
        model = shop.model(one["modelId"])
        assert (model["userInputPrice"], model["userOutputPrice"], model["minimumCharge"]) == (
            now_and_later[0]["inputPrice"],
            now_and_later[0]["outputPrice"],
            now_and_later[0]["minimumCharge"],
        )
        assert model.get("scheduled", []) == now_and_later[1:]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"config": None}, 422),
        ({"config": {}, "removeOverride": {"modelId": "gpt-4o"}}, 422),
        ({"override": {"modelId": "gpt-4o", "markup": 40}}, 422),
        ({"bulkUpdate": {"type": "external", "markup": 0.4}}, 422),
        ({"override": {"modelId": "nothing", "markup": 0}}, 404),
        ({"removeOverride": {"modelId": "gpt-4o"}}, 404),
        ({"config": {"externalDefaultMarkup": 0.1, "version": 7}}, 409),
        ({"overridesImport": {"csv": "modelId,markup\nnothing,0.1\n"}}, 422),
    ],
)
def test_a_preview_is_refused_as_the_change_would_be(shop: Shop, body: dict[str, Any], status: int) -> None:
    assert shop.refused("POST", "/preview", body)["status"] == status


def test_the_history_tells_cause_author_and_both_prices_newest_first(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0.1)
    shop.clock.pass_by(HOUR)
    shop.config(minimumChargePerRequest=0.002)
    newest, oldest = shop.history("gpt-4o")
    assert oldest == {
        "id": oldest["id"],
        "createdAt": "2027-03-01T12:00:00.000Z",
        "modelId": "gpt-4o",
        "changeSource": "override",
        "previousInputPrice": 3.5,
        "previousOutputPrice": 14.0,
        "previousMarkup": 0.4,
        "previousMinimumCharge": 0.001,
        "previousRates": None,
        "newInputPrice": 2.75,
        "newOutputPrice": 11.0,
        "newMarkup": 0.1,
        "newMinimumCharge": 0.001,
        "newRates": None,
        "effectiveFrom": "2027-03-01T12:00:00.000Z",
        "changedByEmail": "boss@example.test",
    }
    assert (newest["changeSource"], newest["newMinimumCharge"]) == ("config", 0.002)
    assert newest["effectiveFrom"] == "2027-03-02T13:00:00.000Z"


def test_the_history_comes_in_pages(shop: Shop) -> None:
    shop.bulk(20)
    seen: list[str] = []
    query: dict[str, Any] = {"limit": 15}
    sizes = []
    while True:
        reply = shop.send("GET", f"{PRICING}/history", **query)
        sizes.append(len(reply.body))
        seen += [change["modelId"] for change in reply.body]
        if "X-Next-Cursor" not in reply.headers:
            break
        query["cursor"] = reply.headers["X-Next-Cursor"]
    assert sizes == [15, 15, 6]
    assert len(set(seen)) == 36
    assert shop.refused("GET", "/history", limit=201)["status"] == 422
    assert shop.refused("GET", "/history", cursor="nonsense")["status"] == 400
    assert shop.refused("GET", "/history", modelId="\x00")["status"] == 422


def test_a_base_price_that_moves_goes_through_the_same_planner(shop: Shop) -> None:
    model_id = f"own-{shop.tenant_id}"
    shop.query(
        "INSERT INTO models (id, tenant_id, provider_id, provider_model, display_name, context_window,"
        " max_output_tokens, base_input_price, base_output_price)"
        " VALUES (:model_id, :tenant_id, 'self_hosted', 'x', 'Ours', 8000, 1000, 1, 2)",
        model_id=model_id,
    )

    def planned(source: str) -> int:
        with shop.database.transaction(Scope(tenant_id=shop.tenant_id)) as connection:
            changes = replan(connection, shop.tenant_id, [model_id], source=source, actor_id=None, now=shop.clock.now)
        return len(changes)

    assert planned("initial") == 1
    assert shop.prices(model_id) == (1.75, 3.5)
    assert shop.history(model_id)[0]["previousInputPrice"] is None
    assert planned("sync") == 0
    shop.query("UPDATE models SET base_input_price = 2, base_output_price = 1 WHERE id = :model_id", model_id=model_id)
    assert planned("base") == 1
    assert shop.prices(model_id) == (1.75, 1.75)
    assert shop.scheduled(model_id) == [(START + DAY, 3.5, 1.75)]
    assert {change["changedByEmail"] for change in shop.history(model_id)} == {None}
    assert shop.bulk(100, "self_hosted") == 1
    assert shop.scheduled(model_id) == [(START + DAY, 4.0, 2.0)]


def test_ten_admins_at_once_with_the_same_version_make_one_edit(shop: Shop) -> None:
    together = Barrier(10)

    def edit(number: int) -> int:
        together.wait()
        body = {"externalDefaultMarkup": number / 100, "version": 0}
        return shop.send("PUT", f"{PRICING}/config", body).status

    with ThreadPoolExecutor(10) as pool:
        statuses = sorted(pool.map(edit, range(10)))
    assert statuses == [200] + [409] * 9
    assert shop.done("GET", "/config")["version"] == 1
    assert len(shop.history("gpt-4o")) == 1


def test_ten_edits_at_once_leave_one_price_and_no_row_twice(shop: Shop) -> None:
    together = Barrier(10)

    def edit(number: int) -> int:
        together.wait()
        if number % 2:
            return shop.send("POST", f"{PRICING}/bulk-update", {"type": "external", "markup": number}).status
        return shop.send("PUT", f"{PRICING}/models/gpt-4o/override", {"markup": number / 100}).status

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(edit, range(10))) == {200}
    assert shop.done("GET", "/config")["version"] == 5
    assert shop.model("gpt-4o")["overrideVersion"] == 5
    rows = shop.query("SELECT effective_from FROM price_book WHERE model_id = 'gpt-4o' AND cancelled_at IS NULL")
    assert len(rows) == len({entry["effective_from"] for entry in rows})
    # Whoever came last, nothing that was shown became dearer at once.
    assert Decimal(str(shop.prices("gpt-4o")[0])) <= Decimal("2.7")
