"""Two tenants' schedules side by side: the database keeps them apart, whatever the SQL forgets."""

import re
from uuid import UUID

import pytest

from stoa.database import wire
from stoa.database.pool import Database, Scope
from stoa.store.schedules import own_runs, schedule_runs, schedules
from tests.integration.chat.support import Desk, ScriptedProviders, make_member
from tests.integration.member.conftest import ada, stranger
from tests.integration.member.support import Client
from tests.integration.schedules.support import NOON, Office

__all__ = ["ada", "stranger"]


@pytest.fixture
def offices(ada: Client, stranger: Client) -> tuple[Office, Office]:
    made = []
    for client in (ada, stranger):
        desk = Desk(client.database, make_member(client.database, client.tenant_id), ScriptedProviders())
        made.append(Office(desk))
        made[-1].schedule()
        made[-1].tick(NOON)
    return made[0], made[1]


def test_with_every_condition_removed_only_ones_own_rows_are_there(
    offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    changed: list[str] = []
    original = wire.to_statement

    def careless(sql: str) -> tuple[str, object]:
        text, make_values = original(sql)
        forgetful = re.sub(r"\b(\w+\.(?:tenant_id|user_id) = \$\d+(?: ::uuid)?)", r"(\1 OR true)", text)
        changed.extend([text] if forgetful != text else [])
        return forgetful, make_values

    monkeypatch.setattr(wire, "to_statement", careless)
    mine, theirs = offices
    fresh = Database(mine.desk.database._dsn, 1)
    member = mine.desk.member
    their_schedule, their_run = theirs.runs()[0]["schedule_id"], theirs.runs()[0]["id"]
    own = (member.tenant_id, member.user_id)
    with fresh.autocommit(member.scope) as connection:
        assert len(schedules.of_member(connection, *own)) == 1
        assert schedules.get(connection, *own, their_schedule) is None
        assert schedules.delete(connection, *own, their_schedule) is False
        assert own_runs.get(connection, *own, their_schedule, their_run) is None
    later = NOON.replace(hour=20)
    with fresh.transaction(Scope(tenant_id=member.tenant_id)) as connection:
        due = schedules.take_due(connection, member.tenant_id, later, 100)
        assert {schedule.tenant_id for schedule in due} == {own[0]}
        assert not hasattr(due[0], "prompt")  # ticks take them by the hundred, and only workers read them
        lease = {"lease_until": later, "rows": 100}
        assert their_run not in schedule_runs.take_left(connection, member.tenant_id, later, **lease)
        assert schedule_runs.start(connection, member.tenant_id, their_run, later, later) is None
    assert len(changed) >= 7
    assert theirs.runs()[0]["status"] == "queued"
    fresh.close()


def test_the_operator_sees_no_schedule(offices: tuple[Office, Office]) -> None:
    with offices[0].desk.database.autocommit(Scope(operator=True)) as connection:
        for table in ("schedules", "schedule_runs"):
            assert connection.run(f"SELECT count(*) AS rows FROM {table}") == [{"rows": 0}]


def test_a_colleague_sees_none_either(offices: tuple[Office, Office]) -> None:
    office = offices[0]
    colleague = make_member(office.desk.database, office.tenant_id, "bob")
    with office.desk.database.autocommit(colleague.scope) as connection:
        assert connection.run("SELECT id FROM schedules") == []
        assert connection.run("SELECT id FROM schedule_runs") == []
    assert isinstance(office.one(UUID(str(office.runs()[0]["schedule_id"])))["id"], UUID)
