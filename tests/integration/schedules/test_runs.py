"""Scheduled prompts when their time has come: planned once, run once, charged once, delivered, whatever breaks."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from decimal import Decimal
from threading import Barrier
from typing import Any

import pytest

from stoa.clients.aws.run_queue import Job
from stoa.clients.wires.types import ProviderError
from stoa.database.pool import Database, RuleRefused, Scope, StatementFailed
from stoa.identity.members import Member
from stoa.store.schedules import schedule_runs, schedules
from stoa.workflows.schedules import owner
from stoa.workflows.schedules.prompt_run import RunAnswer, RunFailed, RunPrompt, TryAgain
from stoa.workflows.schedules.tick import tick
from tests.integration.chat.support import ScriptedProviders, fails, overlay
from tests.integration.schedules.support import HOOK, HOUR, MINUTE, NOON, Office


def test_what_is_due_runs_once_and_is_mailed_once(office: Office) -> None:
    schedule_id = office.schedule()
    assert office.tick().planned == 0
    assert office.tick(NOON).planned == 1
    assert office.tick(NOON).planned == 0
    (job,) = office.queue
    office.work()
    office.do(job)  # SQS delivers at least once
    (row,) = office.runs()
    assert (row["status"], row["planned_at"], row["output"], row["attempts"]) == ("succeeded", NOON, "Hello there.", 1)
    (line,) = office.desk.lines()
    assert (line["status"], line["charge"], line["model_id"]) == ("completed", row["charge"], row["model_id"])
    assert (row["input_tokens"], row["output_tokens"]) == (10, 20)
    assert (row["delivery_status"], row["delivered_at"]) == ("delivered", NOON)
    (mail,) = office.mail()
    assert (mail["recipient"], mail["subject"]) == ("ada@example.test", "Hourly")
    assert mail["body"] == 'Hello there.\n\n-- \nFrom your scheduled prompt "Hourly", Monday 3 May 2027 at 12:00 (UTC).'
    after = office.one(schedule_id)
    assert (after["next_run"], after["last_run"], after["last_status"]) == (NOON + HOUR, NOON, "succeeded")
    assert (after["run_count"], after["total_runs"], after["is_active"]) == (1, 1, True)


def test_the_next_time_keeps_to_the_rhythm_however_late_it_ran(office: Office) -> None:
    schedule_id = office.schedule(kind="interval", cron_expression=None, interval_minutes=10)
    due = office.now + timedelta(minutes=10)
    office.tick(due + timedelta(minutes=3))
    assert office.one(schedule_id)["next_run"] == due + timedelta(minutes=10)


def test_missed_runs_collapse_into_one_or_none(office: Office) -> None:
    once, none = office.schedule(), office.schedule(missed_runs="skip")
    assert office.tick(NOON + 5 * HOUR + 30 * MINUTE).planned == 1
    (row,) = office.runs()
    assert (row["schedule_id"], row["planned_at"]) == (once, NOON)
    assert [office.one(each)["next_run"] for each in (once, none)] == [NOON + 6 * HOUR] * 2
    assert [office.one(each)["run_count"] for each in (once, none)] == [1, 0]


def test_once_ends_inactive_and_so_does_the_last_of_max_runs(office: Office) -> None:
    once = office.schedule(kind="once", cron_expression=None, run_at=NOON)
    twice = office.schedule(max_runs=2)
    for hour in range(4):
        office.tick(NOON + hour * HOUR)
        office.work()
    assert sorted(row["schedule_id"] for row in office.runs()) == sorted([once, twice, twice])
    assert {row["status"] for row in office.runs()} == {"succeeded"}
    ends = [(office.one(each)["is_active"], office.one(each)["inactive_reason"]) for each in (once, twice)]
    assert ends == [(False, "completed"), (False, "max_runs")]


def test_persona_domain_mode_and_auto_go_through_the_chat(office: Office) -> None:
    office.schedule(persona_id="marcus", domain_mode="general", model_id="auto")
    office.tick(NOON)
    office.work()
    (line,) = office.desk.lines()
    assert (line["persona_id"], line["domain_mode"], line["rule"]) == ("marcus", "general", "auto")
    assert office.desk.providers.calls[0].system


def test_limits_hold_and_a_refusal_is_the_runs_own(office: Office) -> None:
    overlay(office.desk, "gpt-4o-mini", daily_limit=1)
    office.schedule()
    other = office.schedule(name="Other", model_id="gemini-2.0-flash")
    office.schedule()
    office.tick(NOON)
    office.work()
    assert sorted(row["status"] for row in office.runs()) == ["failed", "succeeded", "succeeded"]
    (failed,) = [row for row in office.runs() if row["status"] == "failed"]
    assert failed["error_code"] == "RATE_LIMIT_EXCEEDED"
    assert "limit" in failed["error_message"]
    assert office.one(other)["last_status"] == "succeeded"
    assert len(office.mail()) == 2
    assert office.desk.used("gpt-4o-mini") == 1


def test_a_provider_that_breaks_off_fails_the_run_and_gives_the_message_back(office: Office) -> None:
    office.desk.providers.default = fails(ProviderError("cut", provider_id="openai", reason="gone"), "Half an ")
    office.schedule()
    office.tick(NOON)
    office.work()
    (row,) = office.runs()
    assert (row["status"], row["output"], row["delivery_status"]) == ("failed", None, None)
    assert office.desk.used("gpt-4o-mini") == 0
    assert office.mail() == []


def test_half_an_answer_is_none_also_when_its_worker_died(office: Office) -> None:
    office.desk.providers.default = fails(ProviderError("cut", provider_id="openai", reason="gone"), "Half an ")
    office.schedule()
    office.tick(NOON)
    worker = office.worker()

    def ask_and_die(member: Member, prompt: RunPrompt) -> RunAnswer:
        with suppress(RunFailed):
            worker.ask(member, prompt)
        raise ZeroDivisionError

    office.ask = ask_and_die
    with pytest.raises(ZeroDivisionError):
        office.work()
    office.ask = None
    office.tick(NOON + 7 * MINUTE)
    office.work()
    (row,) = office.runs()
    assert (row["status"], row["attempts"], row["output"]) == ("failed", 2, None)
    assert office.mail() == []


def test_five_failures_in_row_switch_it_off_and_tell_its_owner_once(office: Office) -> None:
    overlay(office.desk, "gpt-4o-mini", daily_limit=100)
    office.desk.providers.default = fails(ProviderError("rejected", provider_id="openai", reason="no"))
    schedule_id = office.schedule(notification_email="boss@example.test")
    for hour in range(7):
        if hour == 3:  # one success begins the count anew
            office.ask = lambda member, prompt: RunAnswer("Well.", "gpt-4o-mini", schedule_id, 1, 1, 0)
        office.tick(NOON + hour * HOUR)
        office.work()
        office.ask = None
    assert office.one(schedule_id)["failures_in_row"] == 3
    for hour in range(7, 12):
        office.tick(NOON + hour * HOUR)
        office.work()
    after = office.one(schedule_id)
    assert (after["is_active"], after["inactive_reason"], after["next_run"]) == (False, "failing", None)
    assert len(office.runs()) == 9
    told = [mail for mail in office.mail() if mail["subject"].startswith("Switched off")]
    assert [(mail["recipient"], mail["subject"]) for mail in told] == [("ada@example.test", "Switched off: Hourly")]
    resumed = owner.resume(office.caller, schedule_id)
    assert (resumed.schedule.is_active, resumed.schedule.failures_in_row) == (True, 0)


def test_a_worker_that_dies_after_the_answer_does_not_charge_again(office: Office) -> None:
    office.schedule()
    office.tick(NOON)
    job = office.queue.popleft()
    worker = office.worker()

    class Died(Exception):
        """As kill -9 would, the chat being settled and the run not ended."""

    def ask_and_die(member: Member, prompt: RunPrompt) -> RunAnswer:
        worker.ask(member, prompt)
        raise Died

    office.ask = ask_and_die
    with pytest.raises(Died):
        office.do(job)
    office.ask = None
    office.do(job)  # the lease holds: nobody else begins
    assert office.runs()[0]["status"] == "running"
    assert office.tick(NOON + 6 * MINUTE).sent_again == 0
    assert office.tick(NOON + 7 * MINUTE).sent_again == 1
    office.work()
    (row,) = office.runs()
    assert (row["status"], row["attempts"], row["output"]) == ("succeeded", 2, "Hello there.")
    assert len(office.desk.providers.calls) == 1
    assert [line["status"] for line in office.desk.lines()] == ["completed"]
    assert office.desk.used("gpt-4o-mini") == 1
    assert len(office.mail()) == 1


def test_a_worker_that_dies_while_the_provider_speaks_is_repeated_when_its_reservation_is_over(office: Office) -> None:
    office.schedule()
    office.tick(NOON)
    job = office.queue.popleft()

    class Died(BaseException):
        """Not an error that anybody would handle."""

    def die(*_: Any) -> Any:
        yield from ()
        raise Died

    office.desk.providers.default = die
    with pytest.raises(Died):
        office.do(job)
    # The release in the chat's `finally` ran here; put the line back as a kill would have left it.
    office.rows(
        """
        UPDATE usage u SET status = 'reserved', settled_at = NULL, error_code = NULL
        WHERE u.tenant_id = :tenant_id RETURNING u.id
        """
    )
    office.desk.providers.default = ScriptedProviders().default
    office.tick(NOON + 5 * MINUTE)
    office.work()
    assert office.runs()[0]["status"] == "running"
    office.tick(NOON + 7 * MINUTE)
    office.work()
    (row,) = office.runs()
    assert (row["status"], row["attempts"]) == ("succeeded", 2)
    assert sorted(line["status"] for line in office.desk.lines()) == ["completed", "expired"]


def test_a_worker_that_was_too_slow_writes_over_nobody(office: Office) -> None:
    office.schedule()
    office.tick(NOON)
    job = office.queue.popleft()

    def slow(member: Member, prompt: RunPrompt) -> RunAnswer:
        office.ask = None
        office.tick(NOON + 8 * MINUTE)  # the lease is over while it still waits
        office.work()
        return RunAnswer("Too late.", "gpt-4o-mini", member.user_id, 1, 1, 0)

    office.ask = slow
    office.do(job)
    (row,) = office.runs()
    assert (row["output"], row["attempts"], row["status"]) == ("Hello there.", 2, "succeeded")
    assert len(office.mail()) == 1


def test_nor_while_another_is_at_it(office: Office) -> None:
    office.schedule()
    office.tick(NOON)
    job = office.queue.popleft()
    later = NOON + 8 * MINUTE

    def slow(member: Member, prompt: RunPrompt) -> RunAnswer:
        with office.desk.database.autocommit(Scope(tenant_id=office.tenant_id)) as connection:
            schedule_runs.start(connection, office.tenant_id, job.run_id, later, later + 7 * MINUTE)
        return RunAnswer("Too late.", "gpt-4o-mini", member.user_id, 1, 1, 0)

    office.ask = slow
    office.do(job)
    (row,) = office.runs()
    assert (row["output"], row["attempts"], row["status"]) == (None, 2, "running")
    assert office.mail() == []


def test_a_worker_that_is_faster_than_the_tick_is_not_sent_for_again(office: Office) -> None:
    office.schedule()
    office.takes = lambda job: office.do(job) is None
    assert office.tick(NOON).tenants_failed == 0
    (row,) = office.runs()
    assert (row["status"], row["lease_until"]) == ("succeeded", None)
    office.queue.clear()
    assert office.tick(NOON + 20 * MINUTE).sent_again == 0


def test_a_run_repeated_while_its_first_worker_still_listens_is_charged_and_told_once(office: Office) -> None:
    office.schedule()
    office.tick(NOON)
    job = office.queue.popleft()
    answer = office.desk.providers.default

    def speaks_too_long(call: Any, cancel: Any) -> Any:
        office.desk.providers.default = answer
        office.tick(NOON + 8 * MINUTE)
        office.work()
        yield from answer(call, cancel)

    office.desk.providers.default = speaks_too_long
    with pytest.raises(RuleRefused):  # its message comes back from the queue, to a run that has ended
        office.do(job)
    office.do(job)
    (row,) = office.runs()
    assert (row["status"], row["attempts"]) == ("succeeded", 2)
    lines = [(line["status"], line["charge"]) for line in office.desk.lines()]
    assert lines == [("expired", None), ("completed", row["charge"])]
    assert (office.desk.used("gpt-4o-mini"), len(office.mail())) == (1, 1)


def test_what_never_ends_is_given_up_and_counts_as_a_failure(office: Office) -> None:
    schedule_id = office.schedule()
    office.tick(NOON)

    def never(member: Member, prompt: RunPrompt) -> RunAnswer:
        raise TryAgain

    office.ask = never
    for minute in range(0, 30, 2):
        office.tick(NOON + minute * MINUTE)
        office.work()
    (row,) = office.runs()
    assert (row["status"], row["error_code"], row["attempts"]) == ("failed", "GIVEN_UP", 6)
    assert office.one(schedule_id)["failures_in_row"] == 1


def test_a_queue_that_takes_nothing_is_asked_again_the_next_minute(office: Office) -> None:
    office.schedule()
    office.takes = lambda job: False
    report = office.tick(NOON)
    assert (report.planned, report.unsent) == (1, 1)
    office.takes = lambda job: True
    assert office.tick(NOON + MINUTE).sent_again == 1
    # What lies in the queue is left alone for a quarter of an hour.
    assert office.tick(NOON + 15 * MINUTE).sent_again == 0
    assert office.tick(NOON + 16 * MINUTE).sent_again == 1
    office.work()
    assert [row["status"] for row in office.runs()] == ["succeeded"]
    assert len(office.desk.lines()) == 1


def test_an_owner_who_is_blocked_has_no_runs(office: Office) -> None:
    first, second = office.schedule(), office.schedule(cron_expression="30 * * * *")
    office.tick(NOON)
    office.rows("UPDATE users u SET status = 'blocked' WHERE u.tenant_id = :tenant_id RETURNING u.id")
    office.work()  # planned before, taken up after
    office.tick(NOON + 30 * MINUTE)
    assert [(row["status"], row["error_code"]) for row in office.runs()] == [("failed", "ACCOUNT_BLOCKED")]
    for each in (first, second):
        assert office.one(each)["inactive_reason"] == "owner_blocked"
    assert office.desk.lines() == []


def test_a_run_of_a_schedule_that_was_deleted_comes_to_nothing(office: Office) -> None:
    schedule_id = office.schedule()
    office.tick(NOON)
    owner.delete_schedule(office.caller, schedule_id)
    office.work()
    assert office.runs() == []
    assert office.desk.lines() == []


def test_deleting_and_ending_at_the_same_moment_wait_for_each_other_in_one_order(
    office: Office, owner_database: Database
) -> None:
    schedule_id = office.schedule()
    office.tick(NOON)
    (job,) = office.queue
    member, database = office.desk.member, office.desk.database
    with ThreadPoolExecutor(1) as pool:

        def ask(_member: Member, _prompt: RunPrompt) -> RunAnswer:
            schedules.lock(connection, member.tenant_id, member.user_id, schedule_id)
            return RunAnswer("Well.", "gpt-4o-mini", schedule_id, 1, 1, Decimal(0))

        office.ask = ask
        with database.transaction(member.scope) as connection:
            running = pool.submit(office.do, job)
            while not waits_for_a_lock(owner_database, "schedules s"):
                assert not running.done()
            assert schedules.delete(connection, member.tenant_id, member.user_id, schedule_id)
        running.result()
    assert office.runs() == office.mail() == []


def waits_for_a_lock(owner: Database, words: str) -> bool:
    with owner.autocommit(Scope()) as connection:
        waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%' || :words || '%'"
        return bool(connection.run(f"SELECT EXISTS ({waiting}) AS waiting", words=words)[0]["waiting"])


def test_a_schedule_that_cannot_be_read_any_more_is_switched_off_and_holds_up_no_other(office: Office) -> None:
    lost, sound = office.schedule(name="Lost", notification_email="boss@example.test"), office.schedule()
    set_zone = (
        "UPDATE schedules s SET time_zone = 'US/Gone' WHERE s.tenant_id = :tenant_id AND s.id = :id RETURNING s.id"
    )
    assert office.rows(set_zone, id=lost)

    report = office.tick(NOON)
    assert (report.planned, report.tenants_failed, report.unreadable) == (1, 0, 1)
    assert [row["schedule_id"] for row in office.runs()] == [sound]
    assert [office.one(lost)[name] for name in ("is_active", "inactive_reason", "next_run")] == [False, "failing", None]
    (mail,) = office.mail()
    assert (mail["recipient"], mail["subject"]) == ("ada@example.test", "Switched off: Lost")
    assert "US/Gone" in mail["body"]

    told = {each.schedule.id: each.description for each in owner.list_schedules(office.caller)}
    assert told[lost] == "Never: its times cannot be reckoned any more"
    owner.change_schedule(office.caller, lost, {"time_zone": "UTC"})
    assert owner.resume(office.caller, lost).schedule.next_run == NOON + HOUR


def test_a_tenant_that_fails_holds_up_no_other(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    office.schedule()
    real = schedule_runs.has_work
    failed: list[Any] = []

    def sometimes(connection: Any, tenant_id: Any, now: Any) -> bool:
        if tenant_id != office.tenant_id and not failed:
            failed.append(tenant_id)
            raise StatementFailed("22P02", None, 'invalid input syntax: "what a member wrote"')
        return real(connection, tenant_id, now)

    monkeypatch.setattr(schedule_runs, "has_work", sometimes)
    report = office.tick(NOON)
    assert (report.planned, report.tenants_failed) == (1, len(failed))
    told = [vars(record) for record in caplog.records if record.msg == "the schedules of a tenant were not planned"]
    assert [one["sqlstate"] for one in told] == ["22P02"] * len(failed)
    assert "what a member wrote" not in str(told)


def test_a_tick_whose_time_is_up_leaves_the_rest_to_the_next(office: Office) -> None:
    office.schedule()
    office.now = NOON
    report = tick(office.desk.database, list, lambda: NOON, NOON)
    assert (report.planned, report.complete) == (0, False)
    assert office.tick(NOON).planned == 1


def test_eight_ticks_at_once_plan_each_run_once(office: Office) -> None:
    office.bulk(400, NOON)
    office.now = NOON
    together = Barrier(8)
    sent: list[Job] = []

    def send(jobs: Sequence[Job]) -> list[Job]:
        sent.extend(jobs)
        return list(jobs)

    def one(_: int) -> int:
        together.wait()
        return tick(office.desk.database, send, lambda: NOON, NOON + HOUR).planned

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(one, range(8))) == 400
    assert len(sent) == len({job.run_id for job in sent}) == len(office.runs()) == 400
    counted = office.rows("SELECT DISTINCT s.run_count, s.total_runs FROM schedules s WHERE s.tenant_id = :tenant_id")
    assert counted == [{"run_count": 1, "total_runs": 1}]


def test_eight_workers_with_the_same_message_run_it_once(office: Office) -> None:
    office.schedule(**HOOK)
    office.tick(NOON)
    (job,) = office.queue
    together = Barrier(8)

    def one(_: int) -> None:
        together.wait()
        office.do(job)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(one, range(8)))
    assert [row["status"] for row in office.runs()] == ["succeeded"]
    assert len(office.desk.providers.calls) == len(office.desk.lines()) == len(office.posted) == 1
