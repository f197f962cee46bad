"""Two tenants price the same models: row-level security alone keeps them apart, whatever the SQL forgets."""

import re

import pytest

from stoa.database import wire
from stoa.database.pool import Database
from tests.integration.pricing.support import DAY, START, Shop


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take every condition on the tenant out of the SQL on its way to the server."""
    changed: list[str] = []
    original = wire.to_statement

    def careless(sql: str) -> tuple[str, object]:
        text, make_values = original(sql)
        without = re.sub(r"\b((?:\w+\.tenant_id|t\.id) = \$\d+(?: ::uuid)?)", r"(\1 OR true)", text)
        if without != text:
            changed.append(text)
        return without, make_values

    monkeypatch.setattr(wire, "to_statement", careless)
    return changed


def test_prices_stay_in_their_tenant_with_every_condition_removed(
    shop: Shop, other: Shop, forgetful: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Database(shop.database._dsn, 2)  # statements prepared before would hide the change
    monkeypatch.setattr("stoa.http.dependencies.database", lambda: fresh)
    shop.database = other.database = fresh
    other.override("gpt-4o", markup=1)
    other.config(priceIncreaseGracePeriodHours=1)

    assert shop.config(externalDefaultMarkup=0.3)["version"] == 1
    assert shop.bulk(20) == 36
    assert shop.override("gpt-4o", markup=0.1, version=0) == START
    assert shop.prices("gpt-4o") == (2.75, 11.0)
    assert len(shop.history("gpt-4o")) == 3
    assert shop.remove_override("gpt-4o") == START + DAY
    assert [line.split(",")[0] for line in str(shop.done("GET", "/overrides.csv")).splitlines()] == ["modelId"]

    assert other.done("GET", "/config")["externalDefaultMarkup"] == 0.4
    assert other.prices("gpt-4o") == (3.5, 14.0)
    assert other.scheduled("gpt-4o") == [(START + DAY, 5.0, 20.0)]
    assert len(other.done("GET", "/history")) == 1
    assert len(forgetful) >= 8
    fresh.close()
