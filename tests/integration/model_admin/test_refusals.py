"""Things that do not exist for an admin are 404, and no request whatever is answered with a 5xx."""

import json
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.model_admin import handler as model_admin
from tests.integration.model_admin.support import NEW_MODEL, Admin, created

ROUTES = [
    (route.method, route.openapi_path.replace("{modelId}", "gpt-4o").replace("{entitlementId}", str(UUID(int=7))))
    for route in model_admin.app.routes
]
WITHOUT_A_BODY = ("able", "/reset")
BODIES = [
    (method, path) for method, path in ROUTES if method in ("POST", "PATCH") and not path.endswith(WITHOUT_A_BODY)
]
LISTS = ["/api/admin/models", "/api/admin/entitlements", "/api/admin/audit"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/api/admin/models/{id}", {"trialMessages": 1}),
        ("PATCH", "/api/admin/models/{id}", {}),
        ("POST", "/api/admin/models/{id}/enable", None),
        ("POST", "/api/admin/models/{id}/disable", None),
        ("GET", "/api/admin/models/{id}/usage-stats", None),
        ("DELETE", "/api/admin/entitlements/{id}", None),
    ],
)
@pytest.mark.parametrize("thing", ["no-such", "\x00", str(UUID(int=7)), "a" * 300, "gpt-4o'--", "theirs"])
def test_what_is_not_the_tenants_does_not_exist(
    admin: Admin, other_admin: Admin, method: str, path: str, body: Any, thing: str
) -> None:
    if thing == "theirs" and path.startswith("/api/admin/models"):
        thing = created(other_admin.post("/api/admin/models", NEW_MODEL))["id"]
    reply = admin.send(method, path.replace("{id}", thing), body)
    assert (reply.status, reply.error["code"]) == (404, "NOT_FOUND")


def test_a_known_path_tells_the_methods_it_takes(admin: Admin) -> None:
    answered = admin.raw("PUT", "/api/admin/models/gpt-4o")
    assert (answered.status, answered.error["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert answered.headers["Allow"] == "GET, PATCH"


def test_an_unknown_query_parameter_is_refused_by_name(admin: Admin) -> None:
    refused = admin.get("/api/admin/entitlements", user="ada", active="true")
    assert set(refused.problems) == {"user"}
    assert "userId" in refused.problems["user"]


WORDS = ["gpt-4o", "o1", "no-such", "", "\x00", "\ud800", "a" * 400, "unlimited", "premium", "free", "trial"]
DATES = ["2030-01-01T00:00:00Z", "2030-01-01", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
NUMBERS = [-1, 0, 1, 2**31, 2**63, 10**30, 0.5, 1e300]
OTHERS = ["self_hosted", "UTC", "eur", str(uuid4()), "admin@example.test", True, False, None]
VALUES = st.sampled_from([*WORDS, *DATES, *NUMBERS, *OTHERS])
JSON = st.recursive(
    VALUES | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    sorted(
        {"displayName", "description", "accessTier", "unlockPriceCents", "dailyLimit", "trialMessages", "displayOrder"}
        | {"enabled", "successorId", "deprecatedAt", "version", "isAvailable", "timeZone", "currency", "userId"}
        | {"email", "modelId", "source", "notes", "expiresAt", "extraTrialMessages", "forceSystemDefault"}
        | set(NEW_MODEL)
    )
)
COMPLETE = st.fixed_dictionaries({}, optional={name: VALUES | st.just(value) for name, value in NEW_MODEL.items()}).map(
    lambda changed: {**NEW_MODEL, "name": f"m-{uuid4()}", **changed}
)


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "1999-12-31T23:59:59Z"])
def test_the_ends_of_the_calendar_are_refused(admin: Admin, moment: str) -> None:
    admin.groups = "[admin operator]"
    model_id = created(admin.post("/api/admin/models", NEW_MODEL))["id"]
    assert set(admin.patch(f"/api/admin/models/{model_id}", {"deprecatedAt": moment}).problems) == {"deprecatedAt"}
    assert set(admin.patch("/api/operator/models/gpt-4o", {"deprecatedAt": moment}).problems) == {"deprecatedAt"}
    grant = {"userId": str(admin.member.user_id), "modelId": "gpt-4o", "expiresAt": moment}
    assert set(admin.post("/api/admin/entitlements/grant-model", grant).problems) == {"expiresAt"}


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    target=st.sampled_from(BODIES),
    body=st.dictionaries(FIELDS, VALUES, max_size=3) | st.dictionaries(FIELDS, JSON, max_size=4) | COMPLETE | JSON,
)
def test_any_json_is_answered_or_refused(admin: Admin, target: tuple[str, str], body: Any) -> None:
    admin.groups = "[admin]"  # not an operator: the registry is everybody's
    reply = admin.send(*target, body)
    assert reply.status in (200, 201, 400, 403, 404, 409, 422), reply.body


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(LISTS),
    query=st.dictionaries(
        st.sampled_from(["limit", "cursor", "enabled", "active", "userId", "modelId", "actor", "action", "target"]),
        st.text(max_size=12) | st.sampled_from(["true", "1", str(uuid4()), "W10=", "WyJhIiwiYiJd", "\x00", "\ud800"]),
        max_size=3,
    ),
)
def test_any_query_is_answered_or_refused(admin: Admin, path: str, query: dict[str, str]) -> None:
    assert admin.get(path, **query).status in (200, 400, 422)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tag=st.text(max_size=12))
def test_any_if_match_is_answered_or_refused(admin: Admin, tag: str) -> None:
    reply = admin.send("PATCH", "/api/admin/models/gpt-4o", {"trialMessages": 1}, headers={"if-match": tag})
    assert reply.status in (200, 409, 422)


@pytest.mark.parametrize(("method", "path"), BODIES)
@pytest.mark.parametrize("raw", ["{", "nonsense", '{"a": 1,}', "[]", '"x"', json.dumps({"surprise": 1}), "\x00"])
def test_bad_bodies_are_refused_in_the_one_shape(admin: Admin, method: str, path: str, raw: str) -> None:
    admin.groups = "[admin operator]"
    assert admin.send(method, path, raw=raw).status in (400, 422)
