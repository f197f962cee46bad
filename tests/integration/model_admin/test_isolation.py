"""Two tenants under every admin query with the tenant taken out of its conditions: the database keeps them apart."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from stoa.database import wire
from stoa.database.pool import Database, Scope
from stoa.store.catalogue import model_usage, own_models, tenant_models
from stoa.store.members import grants
from stoa.store.operations import counters, day_close
from stoa.store.tenancy import audit, tenant_settings
from tests.integration.chat.support import make_member
from tests.integration.model_admin.support import NEW_MODEL, Admin, created


@pytest.fixture
def careless_sql(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Makes every condition on a tenant true on its way to the server. Returns the statements that were changed."""
    changed: list[str] = []
    original = wire.to_statement

    def careless(sql: str) -> tuple[str, object]:
        text, make_values = original(sql)
        forgetful = re.sub(r"\b(\w+\.tenant_id = (?:\$\d+(?: ::uuid)?|\w+\.(?:id|tenant_id)))", r"(\1 OR true)", text)
        forgetful = re.sub(r"\b(t\.id = \$\d+(?: ::uuid)?)", r"(\1 OR true)", forgetful)
        if forgetful != text:
            changed.append(text)
        return forgetful, make_values

    monkeypatch.setattr(wire, "to_statement", careless)
    return changed


def test_no_admin_query_depends_on_its_own_conditions(
    admin: Admin, other_admin: Admin, careless_sql: list[str]
) -> None:
    theirs = created(other_admin.post("/api/admin/models", NEW_MODEL))["id"]
    other_admin.change("gpt-4o", displayName="Theirs")
    member = str(make_member(admin.database, other_admin.tenant_id, "eve").user_id)
    granted = created(other_admin.post("/api/admin/entitlements/grant-model", {"userId": member, "modelId": "gpt-4o"}))
    Admin(admin.database, other_admin.tenant_id, "eve").desk().send()

    now, mine = datetime.now(UTC), admin.tenant_id
    fresh = Database(admin.database._dsn, 1)  # statements prepared before would hide the change
    with fresh.transaction(Scope(tenant_id=mine)) as connection:
        models = {model.id: model for model in tenant_models.offered(connection, mine, now)}
        assert theirs not in models
        assert models["gpt-4o"].overlay.display_name is None
        assert tenant_models.has_model(connection, mine, theirs) is False
        own_models.save_own_model(connection, mine, theirs, {"category": "stolen"})
        assert grants.page(connection, mine, now, grants.Filter(), before=None, rows=9) == []
        assert grants.members_by_email(connection, mine, "eve@example.test") == []
        assert grants.revoke(connection, mine, UUID(granted["id"]), mine, now) is False
        assert audit.page(connection, mine, audit.Filter(), before=None, rows=9) == []
        assert model_usage.stats(connection, mine, "gpt-4o-mini", now, top=9).total_users == 0
        assert tenant_settings.get(connection, mine).slug == admin.get("/api/admin/settings").data["slug"]
        later = now + timedelta(days=30)
        assert len(day_close.due_days(connection, mine, later)) == 30
        assert day_close.remove_counters(connection, mine, later) == 0
        assert day_close.forget_keys(connection, mine, later) == 0
        assert [counters.differences(connection, mine, kind, now.date()) for kind in counters.KINDS] == [
            [] for _ in counters.KINDS
        ]
    fresh.close()
    assert other_admin.model(theirs)["category"] == "general"
    assert other_admin.get("/api/admin/entitlements").data[0]["active"] is True
    assert len(careless_sql) >= 12
