"""Two tenants with the same data: the database itself keeps them apart, whatever the SQL forgets."""

import re
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from uuid import UUID

import pytest

from stoa.core.errors import NotFound
from stoa.database import pool, wire
from stoa.database.dsn import parse_url
from stoa.database.pool import Database, Scope
from stoa.store.chat import conversations, ledger
from stoa.workflows.selection.member_view import load_member_view
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.chat.support import Desk, ScriptedProviders, kinds, make_member

SHARED_TABLES = {
    "announced_prices",
    "default_models",
    "model_aliases",
    "catalogue_versions",
    "providers",
    "models",
    "personas",
    "persona_documents",
    "persona_passages",
    "focus_modes",
    "domain_modes",
}


@pytest.fixture
def other_desk(runtime_database: Database) -> Desk:
    """A member of another tenant with the same subject and the same messages."""
    tenant_id = create_tenant(
        runtime_database,
        f"t-{pool.Scope.__name__.lower()}-{datetime.now(UTC):%H%M%S%f}",
        "Other",
        "UTC",
        datetime.now(UTC),
    )
    return Desk(runtime_database, make_member(runtime_database, tenant_id), ScriptedProviders())


@pytest.fixture
def without_tenant_conditions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Take every condition on tenant and user out of the SQL on its way to the server."""
    changed: list[str] = []
    original = wire.to_statement

    def careless(sql: str) -> tuple[str, object]:
        text, make_values = original(sql)
        forgetful = re.sub(
            r"\b(\w+\.(?:tenant_id|user_id|owner_id) = (?:\$\d+(?: ::uuid)?|t\.id|excluded\.\w+))",
            r"(\1 OR true)",
            text,
        )
        if forgetful != text:
            changed.append(text)
        return forgetful, make_values

    monkeypatch.setattr(wire, "to_statement", careless)
    return changed


def test_every_table_of_a_tenant_is_under_forced_row_level_security(owner_database: Database) -> None:
    with owner_database.autocommit(Scope()) as connection:
        rows = connection.run(
            """
            SELECT c.relname AS name, c.relrowsecurity AS enabled, c.relforcerowsecurity AS forced,
                EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) AS has_policy
            FROM pg_class c
            WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
                AND c.relname <> 'schema_migrations'
            """
        )
    assert len(rows) >= 17
    assert [row["name"] for row in rows if not (row["enabled"] and row["forced"] and row["has_policy"])] == []


def test_the_runtime_role_owns_nothing_and_cannot_bypass(owner_database: Database) -> None:
    with owner_database.autocommit(Scope()) as connection:
        (role,) = connection.run(
            """
            SELECT r.rolsuper, r.rolbypassrls, r.rolcreaterole, r.rolcreatedb,
                EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid) AS owns_tables,
                EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) AS is_member_of_another
            FROM pg_roles r WHERE r.rolname = 'stoa_runtime'
            """
        )
    assert set(role.values()) == {False}


def test_without_a_scope_no_tenants_row_is_seen(desk: Desk, owner_database: Database) -> None:
    desk.send()
    with owner_database.autocommit(Scope()) as connection:
        tables = [row["name"] for row in connection.run("SELECT relname AS name FROM pg_class WHERE relrowsecurity")]
    with desk.database.autocommit(Scope()) as connection:
        seen = {name: connection.run(f"SELECT count(*) AS rows FROM {name}")[0]["rows"] for name in tables}
    assert {name for name, rows in seen.items() if rows} == SHARED_TABLES


def test_chat_and_reads_stay_in_their_tenant_with_every_condition_removed(
    desk: Desk, other_desk: Desk, without_tenant_conditions: list[str]
) -> None:
    fresh = Database(desk.database._dsn, 1)  # statements prepared before would hide the change
    desk.database = other_desk.database = fresh
    theirs = UUID(other_desk.send("their secret")[-1].data["conversationId"])
    mine = UUID(desk.send("my secret")[-1].data["conversationId"])
    desk.send("again", conversation_id=mine)
    heard = [turn.content for call in desk.providers.calls for turn in call.turns]
    assert heard == ["my secret", "my secret", "Hello there.", "again"]
    with pytest.raises(NotFound):
        desk.send(conversation_id=theirs)

    me, now, their_line = desk.member, datetime.now(UTC), other_desk.lines()[0]["id"]
    with fresh.autocommit(me.scope) as connection:
        listed = conversations.newest(connection, me.tenant_id, me.user_id, before=None, rows=100)
        assert [one.id for one in listed] == [mine]
        assert conversations.get(connection, me.tenant_id, me.user_id, theirs, before=None, rows=9) is None
        assert conversations.delete(connection, me.tenant_id, me.user_id, theirs) is False
        assert len(connection.run("SELECT id FROM usage")) == 2
        ending = ledger.release_statement(me.tenant_id, their_line, error_code="X", latency_ms=0, now=now)
        assert connection.run_all([ending]) == [[{"lines": 0}]]
    assert max(offer.used_today for offer in load_member_view(fresh, me, now).offers.values()) == 2
    assert [line["status"] for line in other_desk.lines()] == ["completed"]
    assert len(without_tenant_conditions) >= 8
    fresh.close()


def test_a_member_sees_no_other_member_of_the_tenant_with_every_condition_removed(
    desk: Desk, without_tenant_conditions: list[str]
) -> None:
    fresh = Database(desk.database._dsn, 1)
    desk.database = fresh
    colleague = Desk(fresh, make_member(fresh, desk.member.tenant_id, "ben"), desk.providers)
    colleague.send("their secret")
    me = desk.member
    with fresh.autocommit(me.scope) as connection:
        assert conversations.newest(connection, me.tenant_id, me.user_id, before=None, rows=100) == []
        assert connection.run_all([ledger.recent_models_statement(me.tenant_id, me.user_id)]) == [[]]
        assert connection.run("SELECT * FROM messages") == []
    fresh.close()


def test_nothing_can_be_written_into_another_tenant(desk: Desk, other_desk: Desk) -> None:
    with (
        pytest.raises(pool.StatementFailed, match="row-level security"),
        desk.database.autocommit(desk.member.scope) as connection,
    ):
        connection.run(
            "INSERT INTO trial_counters (tenant_id, user_id, model_id) VALUES (:tenant_id, :user_id, 'gpt-4o')",
            tenant_id=other_desk.member.tenant_id,
            user_id=other_desk.member.user_id,
        )


def test_only_the_operator_writes_the_registry(desk: Desk) -> None:
    with desk.database.autocommit(Scope(tenant_id=desk.member.tenant_id)) as connection:
        changed = connection.run("UPDATE models SET enabled = false WHERE id = 'gpt-4o' RETURNING id")
    assert changed == []


def denied() -> AbstractContextManager[object]:
    return pytest.raises(pool.StatementFailed, match="permission denied")


def test_price_book_rows_are_never_edited(desk: Desk) -> None:
    scope = Scope(tenant_id=desk.member.tenant_id)
    for change in ("input_price = 0", "cancelled_at = now(), input_price = 0"):
        with (
            pytest.raises(pool.StatementFailed, match="permission denied"),
            desk.database.autocommit(scope) as connection,
        ):
            connection.run(f"UPDATE price_book SET {change}")
    with pytest.raises(pool.StatementFailed, match="permission denied"), desk.database.autocommit(scope) as connection:
        connection.run("DELETE FROM price_book")


def test_the_scope_does_not_stay_on_a_reused_connection(runtime_url: str, desk: Desk) -> None:
    single = Database(parse_url(runtime_url), 1)
    with single.autocommit(desk.member.scope) as connection:
        assert len(connection.run("SELECT id FROM users")) == 1
    with single.transaction(desk.member.scope) as connection:
        assert len(connection.run("SELECT id FROM users")) == 1
    with single.autocommit(Scope()) as connection:
        assert connection.run("SELECT id FROM users") == []
    single.close()


def test_a_chat_still_works_when_the_conditions_stand(desk: Desk) -> None:
    assert kinds(desk.send())[-1] == "done"
