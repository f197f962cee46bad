"""The registry's rows: an operator's, for all tenants at once, and nobody else's."""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from stoa.database.pool import Database, Scope
from stoa.domain.pricing.rates import Rates
from stoa.workflows.selection.member_view import load_member_view
from tests.integration.model_admin.support import NEW_MODEL, Admin, created

MODEL = "phi-4"
PATH = f"/api/operator/models/{MODEL}"


@pytest.fixture(autouse=True)
def as_it_was(owner_database: Database) -> Iterator[None]:
    """The registry is everybody's: leave it as it was."""
    with owner_database.autocommit(Scope()) as connection:
        (row,) = connection.run("SELECT * FROM models WHERE id = :id", id=MODEL)
    yield
    with owner_database.autocommit(Scope()) as connection:
        connection.run(
            """
            UPDATE models SET enabled = :enabled, is_available = :is_available, deprecated_at = :deprecated_at,
                successor_id = :successor_id, base_rates = '{}'
            WHERE id = :id
            """,
            **{name: row[name] for name in ("id", "enabled", "is_available", "deprecated_at", "successor_id")},
        )


def test_a_change_of_the_registry_is_seen_by_every_tenants_next_request(
    operator: Admin, ada: Admin, other_admin: Admin
) -> None:
    def healthy(client: Admin) -> bool:
        return load_member_view(client.database, client.member, datetime.now(UTC)).offers[MODEL].healthy

    assert healthy(ada) and healthy(other_admin)
    assert operator.patch(PATH, {"isAvailable": False}).data["isAvailable"] is False
    assert not healthy(ada) and not healthy(other_admin)
    operator.patch(PATH, {"isAvailable": True})
    assert healthy(ada) and healthy(other_admin)


def test_what_a_provider_asks_for_cached_input_comes_into_every_tenants_prices(
    operator: Admin, ada: Admin, other_admin: Admin
) -> None:
    def rates(client: Admin) -> Rates:
        prices = load_member_view(client.database, client.member, datetime.now(UTC)).offers[MODEL].prices
        assert prices is not None
        return prices.rates

    changed = operator.patch(PATH, {"baseRates": {"cachedInput": 0.01}}).data
    assert changed["baseRates"] == {"cachedInput": 0.01}
    assert rates(ada) == rates(other_admin) == Rates(cached_input=Decimal("0.014"))
    # A rise waits for the grace.
    assert operator.patch(PATH, {"baseRates": {"cachedInput": 0.02}}).data["baseRates"] == {"cachedInput": 0.02}
    assert rates(ada) == Rates(cached_input=Decimal("0.014"))
    assert operator.patch(PATH, {"baseRates": {}}).data["baseRates"] is None


@pytest.mark.parametrize(
    ("rates", "path"),
    [
        ({"cachedInput": -1}, "baseRates.cachedInput"),
        ({"cachedInput": "0.3"}, "baseRates.cachedInput"),
        ({"cachedInput": 10_000}, "baseRates.cachedInput"),
        ({"cachedInput": 0.0000001}, "baseRates.cachedInput"),
        ({"cachedInput": None}, "baseRates.cachedInput"),
        ({"cached": 1}, "baseRates.cached"),
        ({"input": 1}, "baseRates.input"),
        ({"tiers": [{"aboveInputTokens": 0, "input": 1}]}, "baseRates.tiers[0].aboveInputTokens"),
        ({"tiers": [{"aboveInputTokens": 5}]}, "baseRates"),
        ({"tiers": [{"aboveInputTokens": 5, "input": 1}, {"aboveInputTokens": 5, "input": 2}]}, "baseRates"),
        (None, "baseRates"),
    ],
)
def test_what_is_no_rate_is_refused_by_name(operator: Admin, rates: object, path: str) -> None:
    assert set(operator.patch(PATH, {"baseRates": rates}).problems) == {path}


def test_null_clears_and_absent_keeps(operator: Admin) -> None:
    fields = {"deprecatedAt": "2027-01-01T00:00:00Z", "successorId": "gpt-4o-mini"}
    assert operator.patch(PATH, fields).data["deprecatedAt"] == "2027-01-01T00:00:00.000Z"
    assert operator.patch(PATH, {"enabled": False}).data["successorId"] == "gpt-4o-mini"
    cleared = operator.patch(PATH, {"deprecatedAt": None, "successorId": None}).data
    assert (cleared["deprecatedAt"], cleared["successorId"], cleared["enabled"]) == (None, None, False)
    assert operator.patch(PATH, {"enabled": None}).status == 422


def test_a_moment_is_the_same_in_any_offset(operator: Admin) -> None:
    # PostgreSQL knows no offset of sixteen hours or more.
    changed = operator.patch(PATH, {"deprecatedAt": "2031-05-01T00:00:00-23:59"}).data
    assert changed["deprecatedAt"] == "2031-05-01T23:59:00.000Z"


def test_what_a_tenant_decided_stays(operator: Admin, admin: Admin) -> None:
    admin.post(f"/api/admin/models/{MODEL}/enable", None)
    operator.patch(PATH, {"enabled": False})
    model = admin.model(MODEL)
    assert (model["enabled"], model["registry"]["enabled"], model["overlay"]["enabled"]) == (True, False, True)


def test_a_successor_is_another_model_of_the_registry(operator: Admin, admin: Admin) -> None:
    own = created(admin.post("/api/admin/models", NEW_MODEL))["id"]
    for successor in (MODEL, own, "no-such"):
        assert set(operator.patch(PATH, {"successorId": successor}).problems) == {"successorId"}


def test_a_tenants_own_model_is_not_in_the_registry(operator: Admin, admin: Admin) -> None:
    own = created(admin.post("/api/admin/models", NEW_MODEL))["id"]
    assert operator.patch(f"/api/operator/models/{own}", {"enabled": False}).status == 404
    assert operator.patch("/api/operator/models/no-such", {"enabled": False}).status == 404


def test_an_admin_is_no_operator_and_an_operator_no_admin(operator: Admin, admin: Admin, ada: Admin) -> None:
    for client in (admin, ada):
        reply = client.patch(PATH, {"enabled": False})
        assert (reply.status, reply.error["code"]) == (403, "OPERATOR_ONLY")
    assert operator.get("/api/admin/models").error["code"] == "ADMIN_ONLY"


def test_it_is_in_the_audit_log_of_the_operators_tenant(operator: Admin, admin: Admin, other_admin: Admin) -> None:
    operator.patch(PATH, {"isAvailable": False})
    (row,) = admin.get("/api/admin/audit").data
    assert (row["action"], row["target"]) == ("registry_model.change", MODEL)
    assert (row["before"], row["after"]) == ({"isAvailable": True}, {"isAvailable": False})
    assert row["actorEmail"] == "olga@example.test"
    assert other_admin.get("/api/admin/audit").data == []
