"""The function itself: all tenants, whatever happens to it."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from functions.daily_reset import handler as function
from stoa.database.pool import Connection, Database, Scope, StatementFailed
from stoa.store.billing import webhook_inbox
from stoa.store.operations import counters, day_close
from stoa.store.tenancy import tenants
from stoa.workflows.operations.day_close import DayReport, close_days
from tests.integration.daily_reset.support import LONG_ENOUGH, MODEL, Town, at
from tests.integration.model_admin.support import Admin

MakeTown = Callable[[str, datetime], Town]
START = at("2026-03-01T12:00")


@pytest.fixture(autouse=True)
def only_this_tests_tenants(monkeypatch: pytest.MonkeyPatch, owner_database: Database) -> Iterator[None]:
    """Runs see only tenants made by this test: others' days are no business of its figures."""
    with owner_database.autocommit(Scope()) as connection:
        before = {row["id"] for row in connection.run("SELECT id FROM tenants")}
    original = tenants.all_tenants
    monkeypatch.setattr(
        tenants, "all_tenants", lambda connection: [one for one in original(connection) if one.id not in before]
    )
    yield


def run(town: Town, now: datetime) -> DayReport:
    return close_days(town.desk.database, now)


def differences(town: Town, since: datetime) -> list[dict[str, Any]]:
    with town.desk.database.autocommit(Scope(tenant_id=town.tenant_id)) as connection:
        found = [counters.differences(connection, town.tenant_id, kind, since.date()) for kind in counters.KINDS]
    return [row for rows in found for row in rows]


def test_one_run_does_all_there_is_and_a_second_one_nothing(town: MakeTown) -> None:
    here = town("UTC", START)
    here.send(START, model_id=MODEL, idempotency_key="old", request_hash="x")
    dead = here.send_and_die(START + timedelta(days=6), model_id="gpt-4o")
    here.rows("UPDATE idempotency_keys SET created_at = :then WHERE tenant_id = :tenant_id", then=START)
    now = START + timedelta(days=6, hours=1)
    report = run(here, now)
    assert report == DayReport(
        tenants=1, days_closed=6, reservations_expired=1, counters_removed=1, keys_removed=1, events_removed=0
    )
    assert run(here, now) == DayReport(tenants=1)
    assert here.desk.trials_used("gpt-4o") == 0
    dead.close()


def test_counters_are_removed_only_when_no_zone_can_come_back_to_their_day(town: MakeTown) -> None:
    here = town("UTC", START)
    for day in range(6):
        here.send(START + timedelta(days=day), model_id=MODEL)
    now = START + timedelta(days=5)
    assert run(here, now).counters_removed == 2
    assert list(here.counters()) == ["2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]
    assert here.rows("SELECT messages FROM member_model_totals") == [{"messages": 2}]
    assert differences(here, now - timedelta(days=3)) == []


def test_what_is_moved_is_added_to_what_was_moved_before(town: MakeTown) -> None:
    here = town("UTC", START)
    for day in range(3):
        here.send(START + timedelta(days=day), model_id=MODEL)
        run(here, START + timedelta(days=day + 4))
        assert here.rows("SELECT messages FROM member_model_totals") == [{"messages": day + 1}]
    assert differences(here, START + timedelta(days=3)) == []


def test_a_counter_of_a_day_that_is_not_closed_is_never_removed(town: MakeTown) -> None:
    here = town("UTC", START)
    here.send(START, model_id=MODEL)
    here.rows("UPDATE usage SET status = 'reserved', settled_at = NULL, expires_at = '2027-01-01' RETURNING id")
    report = run(here, START + timedelta(days=30))
    assert (report.days_closed, report.days_waiting, report.counters_removed) == (0, 1, 0)
    assert here.counters() == {"2026-03-01": 1}


def test_nothing_that_members_see_depends_on_its_having_run(town: MakeTown) -> None:
    here = town("America/New_York", START)
    dead = here.send_and_die(START, model_id=MODEL)
    for day in range(40):  # forty days without a single run
        moment = START + timedelta(days=day, hours=1) + LONG_ENOUGH
        assert [here.send(moment, model_id=MODEL)[-1].name for _ in range(2)] == ["done", "done"]
    late = run(here, START + timedelta(days=40, hours=2))
    assert (late.days_closed, late.counters_removed) == (40, 37)
    assert differences(here, START + timedelta(days=37)) == []
    dead.close()


def test_two_runs_at_once_close_each_day_once(town: MakeTown) -> None:
    here = town("UTC", START)
    for day in range(8):
        here.send(START + timedelta(days=day), model_id=MODEL)
    now = START + timedelta(days=10)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: run(here, now), range(4)))
    run(here, now)
    assert len(here.closes()) == 10
    assert sum(report.tenants_failed for report in reports) == 0
    assert sum(report.days_closed for report in reports) <= 10
    assert here.rows("SELECT sum(messages) AS messages FROM member_model_totals") == [{"messages": 7}]
    assert differences(here, now - timedelta(days=3)) == []


def test_trap_no_message_is_lost_to_a_counter_that_is_moved_meanwhile(town: MakeTown) -> None:
    here = town("UTC", START)
    here.rows("UPDATE tenant_models SET has_daily_limit = false RETURNING model_id")
    for day in range(4):
        here.send(START + timedelta(days=day), model_id=MODEL)
    now = START + timedelta(days=4)
    here.desk.clock = lambda: now

    def work(number: int) -> None:
        if number % 4:
            here.desk.send(model_id=MODEL)
        else:
            run(here, now)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(48)))
    run(here, now)
    assert differences(here, now - timedelta(days=3)) == []
    assert here.counters()["2026-03-05"] == 36


class Killed(BaseException):
    """The process is gone."""


def test_killed_after_any_statement_the_next_run_completes_it(town: MakeTown) -> None:
    def figures(here: Town) -> tuple[Any, ...]:
        archive = "SELECT day::text, model_id, members, messages FROM daily_totals ORDER BY day, model_id"
        totals = "SELECT model_id, messages FROM member_model_totals ORDER BY model_id"
        return here.closes(), here.counters(), here.rows(archive), here.rows(totals)

    def prepared() -> Town:
        here = town("Asia/Kathmandu", START)
        for day in range(3):
            here.send(START + timedelta(days=day), model_id=MODEL)
            if day:  # there are two trial messages
                here.send(START + timedelta(days=day), model_id="gpt-4o")
        return here

    now = START + timedelta(days=7)
    whole = prepared()
    with CountedStatements() as counted:
        run(whole, now)
    expected = figures(whole)
    assert counted.number > 10
    for statements in range(1, counted.number + 1):
        here = prepared()
        with CountedStatements(kill_after=statements), pytest.raises(Killed):
            run(here, now)
        run(here, now)
        assert figures(here) == expected
        assert differences(here, now - timedelta(days=3)) == []


class CountedStatements:
    """Counts what one thread sends to the database, and ends it after so many."""

    def __init__(self, kill_after: int | None = None) -> None:
        self.number = 0
        self._kill_after = kill_after

    def __enter__(self) -> "CountedStatements":
        original = Connection.run

        def run_one(connection: Connection, sql: str, **parameters: Any) -> Any:
            rows = original(connection, sql, **parameters)
            self.number += 1
            if self.number == self._kill_after:
                raise Killed
            return rows

        self._patch = patch.object(Connection, "run", run_one)
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()


def test_a_tenant_that_fails_holds_up_no_other_and_is_reported(
    town: MakeTown, function_environment: None, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = town("UTC", START), town("Asia/Kathmandu", START)
    original = day_close.close

    def close(connection: Connection, tenant_id: Any, day: Any, now: datetime) -> bool:
        if tenant_id == bad.tenant_id:
            raise StatementFailed("53100", None, "disk full")
        return original(connection, tenant_id, day, now)

    with patch.object(day_close, "close", close), pytest.raises(function.DaysNotClosed, match="1 of 2 tenants"):
        function.handler({}, None)
    assert bad.closes() == []
    assert len(good.closes()) > 0
    (told,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert (vars(told)["error"], vars(told)["sqlstate"]) == ("StatementFailed", "53100")


def test_the_function_reports_what_it_did_as_metrics(
    town: MakeTown, function_environment: None, capsys: pytest.CaptureFixture[str]
) -> None:
    town("UTC", datetime.now(UTC) - timedelta(days=2))
    event = json.loads((Path(__file__).parents[3] / "events/daily_reset.json").read_text())
    done = function.handler(event, None)
    assert done["days_closed"] in (1, 2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    metrics = {
        metric["Name"]: line[metric["Name"]]
        for line in lines
        if "_aws" in line
        for metric in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    }
    assert metrics["DaysClosed"] == [float(done["days_closed"])]
    assert {"Tenants", "DaysWaiting", "ReservationsExpired", "CountersRemoved", "TenantsFailed"} <= set(metrics)


def test_old_events_of_the_inbox_are_forgotten_and_those_given_up_are_kept(
    town: MakeTown, runtime_database: Database
) -> None:
    here = town("UTC", START)
    with runtime_database.autocommit(Scope(operator=True)) as connection:
        for number, status in enumerate((webhook_inbox.APPLIED, webhook_inbox.DEAD, webhook_inbox.APPLIED)):
            event_id = f"evt_{here.tenant_id}_{number}"
            webhook_inbox.add(connection, {"id": event_id, "type": "x"}, START, START)
            settled = START if number < 2 else START + timedelta(days=20)
            connection.run(
                "UPDATE webhook_inbox SET status = :status, settled_at = :settled WHERE event_id = :event_id",
                status=status,
                settled=settled,
                event_id=event_id,
            )
    run(here, START + timedelta(days=31))
    with runtime_database.autocommit(Scope(operator=True)) as connection:
        left = connection.run(
            "SELECT event_id FROM webhook_inbox WHERE event_id LIKE :mine", mine=f"evt_{here.tenant_id}%"
        )
    assert sorted(row["event_id"][-1] for row in left) == ["1", "2"]


def test_usage_stats_stay_the_same_through_the_archive(town: MakeTown, function_environment: None) -> None:
    now = datetime.now(UTC)
    here = town("UTC", now - timedelta(days=30))
    here.rows("UPDATE tenant_models SET has_daily_limit = false RETURNING model_id")
    for days in (20, 10, 6.98, 1.02, 0.98, 0.1):
        here.send(now - timedelta(days=days), model_id=MODEL)
    admin = Admin(here.desk.database, here.tenant_id, "admin")
    path = f"/api/admin/models/{MODEL}/usage-stats"
    before = admin.get(path).data
    assert before == {
        "totalUsers": 1,
        "messagesLast24h": 2,
        "messagesLast7d": 4,
        "averageMessagesPerUser": 6,
        "topUsers": [{"userId": str(here.desk.member.user_id), "messageCount": 6}],
    }
    assert run(here, now).counters_removed >= 3
    assert admin.get(path).data == before
