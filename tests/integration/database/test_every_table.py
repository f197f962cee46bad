"""Each table by itself, with no condition in the SQL at all: what the database alone keeps apart.

A row of every table for three people, two of them of one tenant, made in a transaction that is undone: with the checks
and references dropped, it takes no more than a tenant, a user and whatever a column may not be without.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest

from stoa.database.pool import Connection, Database, Row, Scope, StatementFailed

# Of these a transaction that is bound to a user sees that user's rows alone; of all others the tenant's.
A_MEMBERS_OWN = {
    "conversations",
    "daily_counters",
    "entitlements",
    "idempotency_keys",
    "member_model_totals",
    "messages",
    "persona_documents",
    "persona_passages",
    "persona_usage",
    "personas",
    "purchases",
    "schedule_runs",
    "schedules",
    "team_member_periods",
    "team_members",
    "team_periods",
    "teams",
    "trial_counters",
    "usage",
    "user_preferences",
    "users",
}
# Of these nothing, not even what is about that user.
NO_MEMBERS = {"audit_log", "mail_outbox", "tenant_provider_keys", "webhook_inbox"}
# Of these the operator's scope sees what is a tenant's: to list the tenants, to send mail, to take in Stripe's events.
AN_OPERATORS = {"mail_outbox", "tenants", "webhook_inbox"}
AN_OPERATORS_ALONE = {"webhook_inbox"}

VALUES = {
    "uuid": "gen_random_uuid()",
    "text": "gen_random_uuid()::text",
    "text[]": "'{}'",
    "jsonb": "'{}'",
    "bytea": "''",
    "tsvector": "''",
    "boolean": "false",
    "date": "current_date",
    "timestamp with time zone": "now()",
}  # everything else is a number
ROOTS = {"tenants": "tenant_id", "users": "user_id", "teams": "team_id", "personas": "persona_id"}


class Undone(Exception):
    """Takes a transaction back."""


@dataclass
class Person:
    """A row's owner, by the names that such columns have."""

    tenant_id: UUID
    columns: dict[str, UUID] = field(default_factory=dict)

    def __post_init__(self) -> None:
        user_id = uuid4()
        own = {"user_id": user_id, "owner_id": user_id, "team_id": uuid4(), "persona_id": uuid4()}
        self.columns = {"tenant_id": self.tenant_id, **own}


@dataclass
class Tables:
    """All tables that hold what is a tenant's, with `ada`'s, `ben`'s and, of another tenant, `cleo`'s row in each."""

    connection: Connection
    columns: dict[str, list[Row]]
    people: dict[str, Person]
    rows: dict[tuple[str, str], str] = field(default_factory=dict)  # (table, whose) → the row's place

    def enter(self, tenant_id: UUID | None = None, user_id: UUID | None = None, kind: str = "") -> None:
        """Go on as functions do: by their role, in a scope."""
        self.connection.run("SET LOCAL ROLE stoa_runtime")
        self.connection.run(
            "SELECT set_config('stoa.tenant_id', :tenant, true), set_config('stoa.user_id', :user, true),"
            " set_config('stoa.scope', :kind, true)",
            tenant=str(tenant_id or ""),
            user=str(user_id or ""),
            kind=kind,
        )

    def seen(self, table: str) -> set[str]:
        """Returns the owners of the rows that are seen."""
        places = {row["place"] for row in self.connection.run(f"SELECT ctid::text AS place FROM {table}")}
        return {whose for whose in self.people if self.rows.get((table, whose)) in places}

    def of_ours(self, table: str) -> set[str]:
        """Returns those of one tenant's two people who have a row. Some tables have one a tenant."""
        return {whose for whose in ("ada", "ben") if (table, whose) in self.rows}

    def untouched(self, sql: str, table: str, whose: str) -> bool:
        """Whether the row is as it was after a statement, which may be refused."""
        self.connection.run("SAVEPOINT before")
        try:
            self.connection.run(sql)
        except StatementFailed as error:
            assert error.sqlstate == "42501", (sql, error)  # no privilege, or row-level security
        else:
            self.connection.run("RESET ROLE")
            place = self.rows[table, whose]
            if not self.connection.run(f"SELECT FROM {table} WHERE ctid = '{place}'"):
                return False
        finally:
            self.connection.run("ROLLBACK TO SAVEPOINT before")
        return True

    def insert(self, table: str, person: Person) -> str:
        """The statement that writes a row of that person's."""
        values = {}
        for column in self.columns[table]:
            name = column["name"]
            known = ROOTS[table] if name == "id" and table in ROOTS else name
            if known in person.columns:
                values[name] = f"'{person.columns[known]}'"
            elif column["is_needed"]:
                values[name] = VALUES.get(column["type"], "1")
        return f"INSERT INTO {table} ({', '.join(values)}) VALUES ({', '.join(values.values())})"


@pytest.fixture
def tables(owner_database: Database, runtime_url: str) -> Iterator[Tables]:
    with pytest.raises(Undone), owner_database.transaction(Scope()) as connection:
        for row in connection.run(
            "SELECT conrelid::regclass::text AS name, quote_ident(conname) AS rule FROM pg_constraint"
            " WHERE contype IN ('f', 'c', 'x') AND conrelid > 0 AND connamespace = 'public'::regnamespace"
        ):
            connection.run(f"ALTER TABLE {row['name']} DROP CONSTRAINT {row['rule']}")
        columns: dict[str, list[Row]] = {}
        for row in connection.run(
            """
            SELECT c.relname AS table, a.attname AS name, format_type(a.atttypid, NULL) AS type,
                a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AS is_needed,
                (a.atthasdef OR NOT a.attnotnull)
                    AND has_column_privilege('stoa_runtime', c.oid, a.attnum, 'UPDATE') AS is_changed
            FROM pg_attribute a
            JOIN pg_class c ON c.oid = a.attrelid
            WHERE c.relrowsecurity AND a.attnum > 0 AND NOT a.attisdropped
            ORDER BY c.relname, a.attnum
            """
        ):
            columns.setdefault(row["table"], []).append(row)
        owned = {
            table: described
            for table, described in columns.items()
            if table == "tenants" or any(column["name"] == "tenant_id" for column in described)
        }
        ours, theirs = uuid4(), uuid4()
        made = Tables(connection, owned, {"ada": Person(ours), "ben": Person(ours), "cleo": Person(theirs)})
        for table in owned:
            for whose, person in made.people.items():
                sql = f"{made.insert(table, person)} ON CONFLICT DO NOTHING RETURNING ctid::text AS place"
                for row in connection.run(sql):
                    made.rows[table, whose] = row["place"]
        yield made
        raise Undone


def test_no_tenant_sees_or_touches_another_tenants_rows(tables: Tables) -> None:
    ada, cleo = tables.people["ada"], tables.people["cleo"]
    assert {"registry_changes", "team_plans", "tenant_provider_keys", "persona_days"} <= tables.columns.keys()
    for table, columns in tables.columns.items():
        tables.enter(ada.tenant_id)
        assert tables.seen(table) == (set() if table in AN_OPERATORS_ALONE else tables.of_ours(table)), table
        careless = [f"DELETE FROM {table}"]
        careless += [f"UPDATE {table} SET {each['name']} = DEFAULT" for each in columns if each["is_changed"]][-1:]
        for statement in careless:
            assert tables.untouched(statement, table, "cleo"), statement
        with pytest.raises(StatementFailed) as refused:
            tables.connection.run("SAVEPOINT before")
            tables.connection.run(tables.insert(table, Person(cleo.tenant_id)))
        assert refused.value.sqlstate == "42501", table
        tables.connection.run("ROLLBACK TO SAVEPOINT before")


def test_whom_a_members_transaction_sees(tables: Tables) -> None:
    ada = tables.people["ada"]
    tables.enter(ada.tenant_id, ada.columns["user_id"])
    seen = {table: tables.seen(table) for table in tables.columns}
    assert {table for table, whose in seen.items() if "cleo" in whose} == set()
    assert {table for table, whose in seen.items() if "ada" not in whose} == NO_MEMBERS
    partly = {table for table, whose in seen.items() if whose < tables.of_ours(table)}
    assert partly == A_MEMBERS_OWN | NO_MEMBERS


def test_what_of_the_tenants_an_operator_sees(tables: Tables) -> None:
    tables.enter(kind="operator")
    assert {table for table in tables.columns if tables.seen(table)} == AN_OPERATORS
    tables.enter()
    assert {table for table in tables.columns if tables.seen(table)} == set()
