"""Periods begun by the daily function, counters that are spoilt and put right, what the database itself keeps apart."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stoa.database.pool import Database, StatementFailed
from stoa.database.wire import Wire
from stoa.store.tenancy.tenants import Tenant
from stoa.workflows.operations import counters, day_close
from stoa.workflows.operations.counters import check_counters, rebuild_counters
from tests.integration.chat.support import Desk
from tests.integration.teams.support import DAY, MODEL, Team, make_team


@pytest.fixture
def only_this_tenant(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scheduled work looks at the team's tenant alone."""
    here = [Tenant(team.tenant_id, "here")]
    monkeypatch.setattr(counters, "_tenants", lambda database: here)
    monkeypatch.setattr(day_close.tenants, "all_tenants", lambda connection: here)


def periods(team: Team) -> list[tuple[str, str, int]]:
    rows = team.rows("SELECT starts_on, ends_on, tokens_used FROM team_periods ORDER BY starts_on")
    return [(str(row["starts_on"]), str(row["ends_on"]), row["tokens_used"]) for row in rows]


def test_the_daily_function_begins_a_period_once(team: Team, ada: Desk, only_this_tenant: None) -> None:
    april = datetime(2026, 4, 5, 0, 30, tzinfo=UTC)
    ada.send(model_id=MODEL)

    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: day_close.close_days(team.database, april), range(4)))
    assert sum(report.periods_opened for report in reports) == 1
    assert periods(team) == [("2026-03-05", "2026-04-05", 30), ("2026-04-05", "2026-05-05", 0)]

    ada.clock = lambda: april
    ada.send(model_id=MODEL)
    assert day_close.close_days(team.database, april).periods_opened == 0
    assert periods(team)[1] == ("2026-04-05", "2026-05-05", 30)


def test_a_team_that_is_not_switched_on_begins_no_period(team: Team, only_this_tenant: None) -> None:
    team.set(status="suspended")
    never = make_team(team.database, team.tenant_id, status="incomplete")
    never.rows("UPDATE teams SET anchor_day = NULL WHERE status = 'incomplete' RETURNING id")

    assert day_close.close_days(team.database, DAY).periods_opened == 0
    assert periods(team) == []


def found(team: Team) -> set[tuple[str, int, int]]:
    return {
        (difference.kind, difference.counter.counted, difference.counter.on_ledger)
        for difference in check_counters(team.database, datetime.now(UTC))
        if difference.kind in ("share", "pool")
    }


SPOILS: list[tuple[str, set[tuple[str, int, int]]]] = [
    ("UPDATE team_periods SET tokens_used = tokens_used + 7 RETURNING team_id", {("pool", 67, 60)}),
    ("UPDATE team_periods SET tokens_used = 0 RETURNING team_id", {("pool", 0, 60)}),
    ("UPDATE team_member_periods SET tokens_used = 1 RETURNING team_id", {("share", 1, 60)}),
    ("UPDATE usage SET team_tokens = 31 RETURNING id", {("share", 60, 62), ("pool", 60, 62)}),
]


@pytest.mark.parametrize(("spoil", "differences"), SPOILS)
def test_a_spoilt_counter_is_found_and_put_right(
    team: Team, ada: Desk, only_this_tenant: None, spoil: str, differences: set[tuple[str, int, int]]
) -> None:
    ada.send(model_id=MODEL)
    ada.send(model_id=MODEL)
    assert found(team) == set()
    team.rows(spoil)

    assert found(team) == differences
    assert rebuild_counters(team.database, datetime.now(UTC)) == len(differences)
    assert found(team) == set()
    assert team.agree()


def test_a_members_row_that_is_missing_is_made_again(
    team: Team, ada: Desk, only_this_tenant: None, owner_database: Database
) -> None:
    ada.send(model_id=MODEL)
    with owner_database.autocommit(ada.member.scope) as connection:
        connection.run("DELETE FROM team_member_periods m WHERE m.team_id = :team_id", team_id=team.id)

    (difference,) = (one for one in check_counters(team.database, datetime.now(UTC)) if one.kind == "share")
    assert str(difference) == (
        f"here: tokens of member {ada.member.user_id} from team {team.id} in the period of 2026-03-05 "
        "are counted as 0, the ledger says 30"
    )
    rebuild_counters(team.database, datetime.now(UTC))
    assert team.agree()


def test_bound_to_a_user_the_database_shows_that_users_teams_alone(team: Team, ada: Desk) -> None:
    other = make_team(team.database, team.tenant_id)
    ben = other.join("ben")
    ada.send(model_id=MODEL)
    ben.send(model_id=MODEL)

    for desk, own in ((ada, team), (ben, other)):
        for table in ("team_members", "team_periods", "team_member_periods"):
            assert {row["team_id"] for row in desk.query(f"SELECT team_id FROM {table}")} == {own.id}, table
        assert [row["id"] for row in desk.query("SELECT id FROM teams")] == [own.id]


@pytest.mark.parametrize(
    "careless",
    [
        "UPDATE teams SET total_tokens_monthly = 1000000 RETURNING id",
        "INSERT INTO team_periods (tenant_id, team_id, starts_on, ends_on)"
        " SELECT tenant_id, :other ::uuid, starts_on, ends_on FROM team_periods RETURNING team_id",
    ],
)
def test_bound_to_a_user_no_team_is_changed_but_by_its_messages(team: Team, ada: Desk, careless: str) -> None:
    other = make_team(team.database, team.tenant_id)
    ada.send(model_id=MODEL)

    with pytest.raises(StatementFailed, match="row-level security"):
        ada.query(careless, **({"other": other.id} if ":other" in careless else {}))


def test_a_message_of_a_team_costs_no_further_round_trip(
    team: Team, ada: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.send(model_id=MODEL)
    trips: list[list[str]] = []
    execute: Callable[..., Any] = Wire.execute

    def counted(wire: Wire, statements: Any) -> Any:
        trips.append([sql for sql, _ in statements])
        return execute(wire, statements)

    monkeypatch.setattr(Wire, "execute", counted)
    ada.clock = lambda: DAY + timedelta(seconds=10)  # what was seen of the provider is told along with it
    ada.send(model_id=MODEL)
    assert len(trips) == 3
    assert any("call_outcomes" in sql for sql in trips[2])
    # The pool's row comes last, as everybody who takes it does: held for a moment, and nobody waits in a circle.
    assert all("team_periods" in trip[-1] for trip in trips[1:])
