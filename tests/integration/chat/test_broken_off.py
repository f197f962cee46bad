"""Messages that do not go well: nobody loses a message or a trial, and nothing stays reserved."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from stoa.clients.wires.types import ProviderError
from stoa.core.errors import StoaError, Unavailable
from stoa.core.ids import new_id
from stoa.database.wire import StatementFailed, Wire
from stoa.http.answers import status_of
from stoa.store.chat import ledger
from stoa.workflows.chat.books import RESERVATION_LIFETIME
from stoa.workflows.operations.sweep import sweep_all
from stoa.workflows.tenancy.registry import create_tenant
from tests.integration.chat.support import Desk, fails, kinds, make_member, overlay, says


def down() -> ProviderError:
    return ProviderError("unavailable", provider_id="openai")


def test_a_fallback_answers_when_the_provider_fails_before_the_first_piece(desk: Desk) -> None:
    desk.providers.by_model["gpt-4o-mini"] = fails(down())
    events = desk.send(model_id="gpt-4o-mini")
    assert kinds(events) == ["selection", "selection", "content", "content", "metadata", "done"]
    second = events[1]
    assert second.name == "selection"
    assert second.data["rule"] == "fallback"
    metadata = events[-2].data
    assert metadata["failedModels"] == ["gpt-4o-mini"]
    assert metadata["access"] != "trial"
    assert [line["status"] for line in desk.lines()] == ["failed", "completed"]
    assert desk.used("gpt-4o-mini") == 0
    assert desk.used(metadata["modelId"]) == 1


def test_trap_no_trial_is_spent_when_the_provider_fails(desk: Desk) -> None:
    desk.providers.default = fails(down())
    events = desk.send(model_id="gpt-4o")
    assert events[-1].name == "error"
    assert status_of(events[-1].error) == 502
    assert desk.trials_used("gpt-4o") == 0
    assert {line["status"] for line in desk.lines()} == {"failed"}
    assert all(desk.used(line["model_id"]) == 0 for line in desk.lines())
    assert desk.query("SELECT id FROM conversations WHERE user_id = :user_id") == []


def test_what_came_before_the_break_is_saved_and_charged_and_the_message_given_back(desk: Desk) -> None:
    desk.providers.default = fails(down(), "Half an ")
    events = desk.send()
    assert kinds(events) == ["selection", "content", "metadata", "failure"]
    assert events[2].data["isPartial"] is True
    line = desk.lines()[0]
    assert (line["status"], line["stop_reason"], line["charge"]) == ("partial", "error", Decimal("0.001"))
    assert desk.used("gpt-4o-mini") == 0
    saved = desk.query("SELECT content, is_partial FROM messages WHERE user_id = :user_id AND role = 'assistant'")
    assert saved == [{"content": "Half an ", "is_partial": True}]


def test_a_trial_that_breaks_off_in_the_middle_is_given_back(desk: Desk) -> None:
    desk.providers.default = fails(down(), "Half an ")
    metadata = desk.send(model_id="gpt-4o")[-2]
    assert metadata.data["trialMessagesRemaining"] == 2
    assert desk.trials_used("gpt-4o") == 0


def test_a_client_that_leaves_in_the_middle_pays_for_what_it_saw(desk: Desk) -> None:
    desk.providers.default = says("One ", "two ", "three.")
    events = desk.events()
    assert [next(events) for _ in range(2)][1].text == "One "
    events.close()
    line = desk.lines()[0]
    assert (line["status"], line["stop_reason"]) == ("partial", "cancelled")
    assert line["tokens_estimated"] is True
    assert desk.used("gpt-4o-mini") == 1


def test_a_client_that_leaves_before_the_first_piece_pays_nothing(desk: Desk) -> None:
    events = desk.events(model_id="gpt-4o")
    next(events)
    events.close()
    assert desk.lines()[0]["status"] == "failed"
    assert desk.trials_used("gpt-4o") == 0


def test_an_error_of_our_own_is_nobodys_charge(desk: Desk) -> None:
    desk.providers.default = fails(ZeroDivisionError("ours"))
    with pytest.raises(ZeroDivisionError):
        desk.send()
    assert desk.lines()[0]["status"] == "failed"
    assert desk.used("gpt-4o-mini") == 0


@pytest.mark.parametrize("written", [False, True])
def test_an_answer_is_charged_once_although_the_connection_breaks_while_it_is_settled(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, written: bool
) -> None:
    execute = Wire.execute
    lost: list[bool] = []

    def losing(wire: Wire, statements: Any) -> Any:
        settles = any("'settled_already'" in sql for sql, _ in statements)
        if not settles or lost:
            return execute(wire, statements)
        lost.append(True)
        if written:  # and only its answer is lost
            execute(wire, statements)
        wire.broken = True
        raise Unavailable("The connection to the database was lost. Try again.")

    monkeypatch.setattr(Wire, "execute", losing)
    assert kinds(desk.send())[-1] == "done"
    (line,) = desk.lines()
    assert (line["status"], line["charge"] > 0, desk.used("gpt-4o-mini")) == ("completed", True, 1)
    assert len(desk.query("SELECT id FROM messages WHERE user_id = :user_id AND role = 'assistant'")) == 1
    assert lost


def killed_function(desk: Desk, **message: object) -> None:
    """Reserve as a function does that is killed while it waits for the provider."""
    events = desk.events(**message)
    next(events)
    # A killed process runs no `finally`: keep the generator alive and undisturbed until the test ends.
    _abandoned.append(events)


_abandoned: list[object] = []


def test_a_killed_function_gives_the_trial_back_when_its_reservation_expires(desk: Desk) -> None:
    overlay(desk, "gpt-4o", trial_messages=1)
    killed_function(desk, model_id="gpt-4o")
    with pytest.raises(StoaError) as refused:
        desk.send(model_id="gpt-4o")
    assert refused.value.code == "MODEL_LOCKED"
    later = datetime.now(UTC) + RESERVATION_LIFETIME + timedelta(seconds=1)
    desk.clock = lambda: later
    assert kinds(desk.send(model_id="gpt-4o"))[-1] == "done"
    assert [line["status"] for line in desk.lines()] == ["expired", "completed"]
    assert desk.trials_used("gpt-4o") == 1


def test_the_sweep_frees_what_expired_also_of_members_who_never_return(desk: Desk) -> None:
    killed_function(desk)
    assert sweep_all(desk.database, datetime.now(UTC)) == 0
    later = datetime.now(UTC) + RESERVATION_LIFETIME + timedelta(seconds=1)
    assert sweep_all(desk.database, later) >= 1
    assert desk.lines()[0]["status"] == "expired"
    assert desk.used("gpt-4o-mini") == 0
    sweep_all(desk.database, later)
    assert desk.used("gpt-4o-mini") == 0


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    _abandoned.clear()


def test_a_tenant_whose_sweep_fails_holds_up_no_other(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant_id = create_tenant(desk.database, f"t-{new_id()}", "Another", "UTC", datetime.now(UTC))
    other = replace(desk, member=make_member(desk.database, tenant_id))
    killed_function(other)
    later = datetime.now(UTC) + RESERVATION_LIFETIME + timedelta(seconds=1)
    sweep = ledger.sweep

    def stuck(connection: Any, tenant_id: Any, user_id: Any, now: datetime) -> int:
        if tenant_id == desk.member.tenant_id:
            raise StatementFailed("57014", None, "canceling statement due to statement timeout")
        return sweep(connection, tenant_id, user_id, now)

    monkeypatch.setattr(ledger, "sweep", stuck)
    with pytest.raises(StatementFailed):  # for the alarm, after everything else is done
        sweep_all(desk.database, later)
    assert other.lines()[0]["status"] == "expired"
