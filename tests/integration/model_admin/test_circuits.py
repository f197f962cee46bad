"""Operators see circuits and close one by hand; admins name the models that stand in."""

from datetime import UTC, datetime, timedelta

import pytest

from stoa.domain.providers.circuit import MODEL, PROVIDER, opening
from stoa.store.providers import circuits as store
from stoa.workflows.operations.sweep import sweep_all
from stoa.workflows.selection.member_view import load_member_view
from tests.integration.model_admin.support import NEW_MODEL, Admin, created

NAMED = "/api/admin/models/phi-4"


def open_one(admin: Admin, kind: str, subject_id: str, at: datetime | None = None) -> None:
    with admin.database.autocommit(admin.member.scope) as connection:
        assert store.open_circuit(
            connection, opening(kind, subject_id, None, at or datetime.now(UTC)), "of 5 calls: 5 failed"
        )


def healthy(admin: Admin, model_id: str) -> bool:
    return load_member_view(admin.database, admin.member, datetime.now(UTC)).offers[model_id].healthy


def test_an_operator_sees_what_is_left_alone_and_has_it_used_again(operator: Admin) -> None:
    assert operator.get("/api/operator/circuits").data == []
    open_one(operator, PROVIDER, "groq", datetime.now(UTC) - timedelta(minutes=1))
    open_one(operator, MODEL, "gpt-4o-mini")
    first, second = operator.get("/api/operator/circuits").data
    assert (first["id"], first["state"], first["reason"]) == ("model:gpt-4o-mini", "open", "of 5 calls: 5 failed")
    assert (second["id"], second["state"], second["opens"]) == ("provider:groq", "half_open", 1)
    assert not healthy(operator, "gpt-4o-mini")
    path = "/api/operator/circuits/model:gpt-4o-mini/reset"
    assert operator.post(path, None).data == {"reset": True}
    assert healthy(operator, "gpt-4o-mini")
    assert operator.post(path, None).data == {"reset": False}
    closed = {circuit["id"]: circuit for circuit in operator.get("/api/operator/circuits").data}["model:gpt-4o-mini"]
    assert (closed["state"], closed["openUntil"], closed["reason"]) == ("closed", None, "closed by an operator")


def test_a_reset_is_in_the_audit_log_of_the_operators_tenant(operator: Admin, admin: Admin) -> None:
    open_one(operator, MODEL, "gpt-4o-mini")
    operator.post("/api/operator/circuits/model:gpt-4o-mini/reset", None)
    operator.post("/api/operator/circuits/model:gpt-4o-mini/reset", None)
    assert admin.audited(action="circuit.reset") == [("circuit.reset", "model:gpt-4o-mini")]


@pytest.mark.parametrize("circuit_id", ["model:phi-4", "nonsense", "provider:gpt-4o-mini"])
def test_what_never_opened_is_not_found(operator: Admin, circuit_id: str) -> None:
    open_one(operator, MODEL, "gpt-4o-mini")
    assert operator.post(f"/api/operator/circuits/{circuit_id}/reset", None).status == 404


def test_admins_and_members_are_no_operators(admin: Admin, ada: Admin) -> None:
    for client in (admin, ada):
        assert client.get("/api/operator/circuits").error["code"] == "OPERATOR_ONLY"
        assert client.post("/api/operator/circuits/model:x/reset", None).error["code"] == "OPERATOR_ONLY"


def test_the_sweep_forgets_what_is_long_over(operator: Admin) -> None:
    now = datetime.now(UTC)
    open_one(operator, MODEL, "gpt-4o-mini", now - timedelta(days=8))
    open_one(operator, MODEL, "phi-4", now - timedelta(days=6))
    operator.post("/api/operator/circuits/model:phi-4/reset", None)
    sweep_all(operator.database, now)
    assert [circuit["id"] for circuit in operator.get("/api/operator/circuits").data] == ["model:phi-4"]
    sweep_all(operator.database, now + timedelta(days=7, minutes=1))
    assert operator.get("/api/operator/circuits").data == []


def test_an_admin_names_who_stands_in_and_takes_it_back(admin: Admin, other_admin: Admin) -> None:
    assert admin.model("phi-4")["fallbackModelIds"] == []
    named = ["deepseek-v3", "gpt-4o-mini"]
    assert admin.change("phi-4", fallbackModelIds=named)["fallbackModelIds"] == named
    assert load_member_view(admin.database, admin.member, datetime.now(UTC)).offers["phi-4"].fallback_ids == tuple(
        named
    )
    assert other_admin.model("phi-4")["fallbackModelIds"] == []
    assert admin.change("phi-4", displayOrder=7)["fallbackModelIds"] == named
    assert admin.change("phi-4", fallbackModelIds=None)["fallbackModelIds"] == []
    assert admin.audited(target="phi-4") == [("model.change", "phi-4")] * 3


@pytest.mark.parametrize(
    ("named", "path"),
    [
        (["gpt-4o-mini", "phi-4"], "fallbackModelIds[1]"),
        (["gpt-4o-mini", "gpt-4o-mini"], "fallbackModelIds[1]"),
        (["no-such"], "fallbackModelIds[0]"),
        (["gpt-4o", "gpt-4o-mini", "deepseek-v3", "deepseek-r1", "codestral-latest", "o1"], "fallbackModelIds"),
        ([""], "fallbackModelIds[0]"),
        ("gpt-4o", "fallbackModelIds"),
    ],
)
def test_a_list_that_cannot_be_is_refused(admin: Admin, named: object, path: str) -> None:
    refused = admin.patch(NAMED, {"fallbackModelIds": named})
    assert refused.status == 422
    assert set(refused.problems) == {path}
    assert admin.model("phi-4")["fallbackModelIds"] == []


def test_another_tenants_own_model_cannot_be_named(admin: Admin, other_admin: Admin) -> None:
    theirs = created(other_admin.post("/api/admin/models", NEW_MODEL))["id"]
    assert set(admin.patch(NAMED, {"fallbackModelIds": [theirs]}).problems) == {"fallbackModelIds[0]"}
