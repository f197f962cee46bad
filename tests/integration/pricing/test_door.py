"""The door of the function: methods, query parameters, and the parts of answers that are there only at times."""

import json

import pytest

from functions.pricing_admin import handler as pricing_admin
from tests.integration.member.support import api_event
from tests.integration.pricing.support import DAY, PRICING, START, Shop, iso


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/config", "GET, PUT"),
        ("PATCH", "/models/gpt-4o/override", "DELETE, PUT"),
        ("GET", "/overrides/import", "POST"),
    ],
)
def test_another_method_of_a_known_path_is_refused_with_those_it_takes(
    shop: Shop, method: str, path: str, allowed: str
) -> None:
    answered = pricing_admin.app(api_event(method, PRICING + path, None, None, shop.claims()), None)
    assert (answered["statusCode"], answered["headers"]["Allow"]) == (405, allowed)
    assert json.loads(answered["body"])["error"]["code"] == "METHOD_NOT_ALLOWED"


def test_an_unknown_query_parameter_is_named(shop: Shop) -> None:
    reply = shop.send("GET", f"{PRICING}/history", model="gpt-4o")
    assert list(reply.problems) == ["model"]
    assert "cursor, limit, modelId" in reply.problems["model"]
    assert list(shop.send("GET", f"{PRICING}/overrides.csv", limit=1).problems) == ["limit"]


def test_prices_to_come_are_absent_where_none_are(shop: Shop) -> None:
    shop.override("gpt-4o", markup=0, effectiveFrom=iso(START + DAY))
    coming, settled = shop.model("gpt-4o"), shop.model("gpt-4o-mini")
    assert coming["pending"] == coming["scheduled"][0]
    assert settled.keys() == coming.keys() - {"pending", "scheduled"}
    assert (settled["rates"], settled["baseRates"]) == (None, None)


def test_a_dry_run_of_an_override_heeds_the_version_in_the_header(shop: Shop) -> None:
    change = {"override": {"modelId": "gpt-4o", "markup": 0.1}}
    for tag, status in (('"0"', 200), ('"1"', 409)):
        assert shop.send("POST", f"{PRICING}/preview", change, headers={"If-Match": tag}).status == status
