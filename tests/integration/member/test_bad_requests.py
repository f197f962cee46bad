"""Whatever is sent, the answer is the right 4xx in the one error shape, and never a 5xx."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.integration.member.support import HANDLERS, Client, api_event

BODIES = [
    ("PATCH", "/api/profile/model-preferences"),
    ("PUT", "/api/thinktank/preferences/models"),
    ("POST", "/api/thinktank/preferences/models/favorite"),
    ("POST", "/api/models/select"),
]
MODEL_IDS = st.sampled_from(
    ["gpt-4o", "gpt-4o-mini", "codestral-latest", "auto", "no-such", "", "\x00", "\ud800", "a" * 201]
)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | MODEL_IDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | MODEL_IDS, inner, max_size=4),
    max_leaves=8,
)
FIELDS = st.sampled_from(
    [
        "defaultModelId",
        "personaOverrides",
        "favoriteModels",
        "domainModeModelOverrides",
        "maxCostPerMessage",
        "selectionMode",
        "showNovelModels",
        "recentModels",
        "modelId",
        "content",
        "personaId",
        "domainMode",
        "focusMode",
    ]
)
PLAUSIBLE = st.dictionaries(
    FIELDS,
    JSON | st.dictionaries(st.sampled_from(["lao", "marcus", "code", "legal"]), MODEL_IDS | st.none(), max_size=3),
    max_size=5,
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(target=st.sampled_from(BODIES), body=PLAUSIBLE | JSON)
def test_any_json_is_answered_or_refused(ada: Client, target: tuple[str, str], body: Any) -> None:
    reply = ada.send(*target, body)
    assert reply.status in (200, 400, 402, 404, 413, 422), reply.body


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.text(max_size=40), target=st.sampled_from(BODIES))
def test_any_text_is_answered_or_refused(ada: Client, target: tuple[str, str], raw: str) -> None:
    assert ada.send(*target, raw=raw).status in (200, 400, 422)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(["/api/conversations", "/api/usage", "/api/personas"]),
    query=st.dictionaries(st.sampled_from(["limit", "cursor", "days", "x"]), st.text(max_size=30)),
)
def test_any_query_is_answered_or_refused(ada: Client, path: str, query: dict[str, str]) -> None:
    assert ada.get(path, **query).status in (200, 400, 422)


@pytest.mark.parametrize(
    ("name", "text", "status"),
    [
        ("limit", "200", 200),
        ("limit", "201", 422),
        ("limit", "0000000019999", 422),  # nine digits of it are within the bounds
        ("limit", "0000000019" + "9" * 20, 422),
        ("limit", "1" * 5000, 422),
        ("limit", "２", 422),
        ("cursor", urlsafe_b64encode(b"[" * 5000).decode(), 400),
        ("cursor", urlsafe_b64encode(b"[" + b"9" * 5000 + b"]").decode(), 400),
    ],
)
def test_a_page_is_asked_for_by_what_we_gave_and_no_more(ada: Client, name: str, text: str, status: int) -> None:
    assert ada.get("/api/conversations", **{name: text}).status == status


@pytest.mark.parametrize("name", ["\x00", "\ud800", "a" * 5000])
def test_what_cannot_be_a_name_is_nothings_name(ada: Client, name: str) -> None:
    assert ada.get(f"/api/personas/{name}").status == 404


@pytest.mark.parametrize(("method", "path"), BODIES)
class TestBodies:
    @pytest.mark.parametrize("raw", ["{", "", "nonsense", '{"a": 1,}', "\x00"])
    def test_bad_json_is_400_and_what_is_missing_is_named(self, ada: Client, method: str, path: str, raw: str) -> None:
        reply = ada.send(method, path, raw=raw)
        if raw:
            assert (reply.status, reply.error["code"]) == (400, "MALFORMED_REQUEST")
        else:  # no body is an empty object: nothing to change, or a field that is missing
            assert reply.status in (200, 422)

    @pytest.mark.parametrize("body", [[], "text", 7, None])
    def test_json_that_is_no_object_is_422(self, ada: Client, method: str, path: str, body: Any) -> None:
        assert ada.send(method, path, raw=json.dumps(body)).status == 422

    def test_an_unknown_field_is_named(self, ada: Client, method: str, path: str) -> None:
        reply = ada.send(method, path, {"content": "x", "modelId": "gpt-4o", "surprise": 1})
        assert reply.problems["surprise"] == "this field is not known here"

    def test_two_megabytes_are_413(self, ada: Client, method: str, path: str) -> None:
        reply = ada.send(method, path, {"content": "x" * 2_000_000})
        assert (reply.status, reply.error["code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "0.0000000001"])
def test_what_is_no_amount_of_money_is_named(ada: Client, number: str) -> None:
    raw = f'{{"maxCostPerMessage": {number}}}'
    assert "maxCostPerMessage" in ada.send("PUT", "/api/thinktank/preferences/models", raw=raw).problems


def test_a_tenant_that_is_not_there_is_403(ada: Client) -> None:
    ada.claims = {"custom:tenant_id": str(UUID(int=7))}
    assert ada.get("/api/models").error["code"] == "NO_TENANT"


def test_a_blocked_member_is_403(ada: Client) -> None:
    ada.as_admin("UPDATE users SET status = 'blocked' WHERE id = :id", id=ada.member.user_id)
    assert ada.get("/api/models").error["code"] == "ACCOUNT_BLOCKED"


def test_an_unknown_route_is_404_in_the_one_shape(ada: Client) -> None:
    for module in HANDLERS:
        answer = module.handler(api_event("GET", "/api/nothing", None, None, None), None)
        assert answer["statusCode"] == 404
        assert json.loads(answer["body"])["error"]["code"] == "NOT_FOUND"
