"""Counters follow from the ledger: whatever happened, they agree; where one was spoilt, it is found and put right."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from dev import rebuild_counters as command
from stoa.clients.wires.types import ProviderError
from stoa.database.pool import Database, Scope
from stoa.store.operations.counters import DifferingCounter
from stoa.store.tenancy.tenants import Tenant
from stoa.workflows.operations import counters
from stoa.workflows.operations.counters import Difference, check_counters, rebuild_counters
from stoa.workflows.operations.day_close import close_days
from tests.integration.chat.support import fails, says
from tests.integration.daily_reset.support import LONG_ENOUGH, MODEL, Town

MakeTown = Callable[[str, datetime], Town]


@pytest.fixture
def here(town: MakeTown, monkeypatch: pytest.MonkeyPatch) -> Town:
    """A tenant with messages of every ending, and the only one that is looked at."""
    now = datetime.now(UTC)
    made = town("Asia/Kathmandu", now - timedelta(days=9))
    made.rows("UPDATE tenant_models SET has_daily_limit = false RETURNING model_id")
    monkeypatch.setattr(counters, "_tenants", lambda database: [Tenant(made.tenant_id, "here")])
    down = ProviderError("unavailable", provider_id="openai", reason="down")
    for day in range(9):
        moment = now - timedelta(days=day)
        made.desk.providers.default = says("Fine.")
        made.send(moment, model_id=MODEL)
        made.send(moment, model_id="gpt-4o" if day == 1 else MODEL, persona_id="lao")
        made.desk.providers.default = fails(down, "Half an ")
        made.send(moment, model_id=MODEL, persona_id="lao")
        made.desk.providers.default = says("One ", "two ", "three.")
        events = made.desk.events(model_id=MODEL, persona_id="lao")
        next(events)
        next(events)
        events.close()
    return made


def found(town: Town) -> list[tuple[str, int, int]]:
    return [
        (difference.kind, difference.counter.counted, difference.counter.on_ledger)
        for difference in check_counters(town.desk.database, datetime.now(UTC))
    ]


def test_counters_and_ledger_agree_before_and_after_the_archive(here: Town) -> None:
    assert found(here) == []
    close_days(here.desk.database, datetime.now(UTC))
    assert found(here) == []


def test_a_reservation_counts_until_it_is_swept(here: Town) -> None:
    now = datetime.now(UTC)
    dead = here.send_and_die(now, model_id="gpt-4o")
    assert found(here) == []
    here.close(now + LONG_ENOUGH)
    assert found(here) == []
    dead.close()


SPOILS = [
    (
        "daily",
        "UPDATE daily_counters SET used = used + 3 WHERE day = (SELECT max(day) FROM daily_counters) RETURNING day",
    ),
    ("daily", "UPDATE daily_counters SET used = 0 WHERE day = (SELECT max(day) FROM daily_counters) RETURNING day"),
    ("daily", "DELETE FROM daily_counters WHERE day = (SELECT max(day) FROM daily_counters) RETURNING day"),
    ("trial", "UPDATE trial_counters SET used = used + 1 RETURNING used"),
    ("trial", "UPDATE trial_counters SET used = 0 RETURNING used"),
    ("total", "UPDATE member_model_totals SET messages = messages + 5 RETURNING messages"),
    ("total", "UPDATE member_model_totals SET messages = 0 RETURNING messages"),
    ("persona", "UPDATE persona_usage SET messages = messages + 2 RETURNING messages"),
    ("persona", "UPDATE persona_usage SET persona_id = 'marcus' RETURNING messages"),
    ("persona", "DELETE FROM persona_usage RETURNING messages"),
]


@pytest.mark.parametrize(("kind", "spoil"), SPOILS)
def test_a_spoilt_counter_is_found_and_put_right(here: Town, kind: str, spoil: str) -> None:
    close_days(here.desk.database, datetime.now(UTC))
    assert here.rows(spoil) != []
    assert kind in {what for what, _, _ in found(here)}
    assert rebuild_counters(here.desk.database, datetime.now(UTC)) >= 1
    assert found(here) == []
    assert rebuild_counters(here.desk.database, datetime.now(UTC)) == 0


def test_messages_sent_while_counters_are_put_right_are_not_lost(here: Town) -> None:
    here.rows("UPDATE daily_counters SET used = used + 7 RETURNING day")
    here.desk.clock = lambda: datetime.now(UTC)
    here.desk.providers.default = says("Fine.")

    def work(number: int) -> None:
        if number % 4:
            here.desk.send(model_id=MODEL)
        else:
            rebuild_counters(here.desk.database, datetime.now(UTC))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(32)))
    rebuild_counters(here.desk.database, datetime.now(UTC))
    assert found(here) == []


def test_a_counter_that_moves_while_it_is_put_right_keeps_that_move(here: Town, owner_database: Database) -> None:
    """The repair has read the counter; before it can write, a message that was under way is counted and commits."""
    now = datetime.now(UTC)
    spoil = "UPDATE daily_counters SET used = used + 7 WHERE day = (SELECT max(day) FROM daily_counters) RETURNING used"
    (spoilt,) = here.rows(spoil)
    scope = Scope(tenant_id=here.tenant_id)
    with ThreadPoolExecutor(1) as pool:
        with here.desk.database.transaction(scope) as connection:
            connection.run(
                "UPDATE daily_counters SET used = used + 1 WHERE day = (SELECT max(day) FROM daily_counters)"
            )
            repair = pool.submit(rebuild_counters, here.desk.database, now)
            while not waits_for_a_row(owner_database):
                assert not repair.done()
        assert repair.result() == 2  # the counter of the day, and with it the whole
    (counter,) = here.rows("SELECT used FROM daily_counters ORDER BY day DESC LIMIT 1")
    assert counter["used"] == spoilt["used"] - 7 + 1


def waits_for_a_row(owner: Database) -> bool:
    with owner.autocommit(Scope()) as connection:
        return bool(
            connection.run(
                "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%difference%'"
            )
        )


def test_the_command_tells_and_repairs(
    here: Town, runtime_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STOA_DATABASE_URL", runtime_url)
    assert command.main(["--check"]) == 0
    here.rows("UPDATE trial_counters SET used = used + 1 RETURNING used")
    assert command.main(["--check"]) == 1
    assert "trial counter of member" in capsys.readouterr().out
    assert command.main([]) == 0
    assert command.main(["--check"]) == 0
    monkeypatch.delenv("STOA_DATABASE_URL")
    assert command.main(["--check"]) == 2


def test_a_difference_reads_as_a_sentence() -> None:
    counter = DifferingCounter(UUID(int=1), "o1", None, counted=2, on_ledger=1)
    assert str(Difference("demo", "trial", counter)) == (
        "demo: trial counter of member 00000000-0000-0000-0000-000000000001 for o1 says 2, the ledger 1"
    )


def test_every_tenant_is_looked_at(runtime_database: Database, tenant: UUID) -> None:
    assert tenant in [one.id for one in counters._tenants(runtime_database)]
