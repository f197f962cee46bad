"""A failing model is left alone, one message at a time tries it again, and it closes by itself."""

import dataclasses
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import replace

from stoa.clients.wires.types import Call, Cancel, FailureKind, Finish, ProviderError, Text
from stoa.database.pool import Database
from stoa.domain.providers.circuit import opening
from stoa.store.providers import circuits as store
from stoa.workflows.chat import ChatMessage, Failure, Selection, chat
from stoa.workflows.chat.prepare import prepare
from stoa.workflows.operations.sweep import sweep_all
from stoa.workflows.providers.provider_health import ProviderHealth, provider_health
from tests.integration.chat.support import Desk, fails, make_member, says
from tests.integration.health.support import DOWN, Clock, asked, circuits, down, open_circuits, selection


class Crashing(ProviderHealth):
    """A process ends before it tells anybody how its call ended."""

    def run(self, *_: Any) -> Any:
        raise KeyboardInterrupt


def fail(desk: Desk, times: int, model_id: str = DOWN) -> None:
    for _ in range(times):
        desk.send(model_id=model_id)


def test_five_failures_open_the_models_circuit_and_the_next_message_goes_elsewhere(
    desk: Desk, owner_database: Database
) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 4)
    assert open_circuits(owner_database) == set()
    fail(desk, 1)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}
    assert circuits(owner_database)[f"model:{DOWN}"]["reason"] == "of 5 calls: 5 failed"
    told = selection(desk)
    assert asked(desk) == 5
    assert told["requestedModelId"] == DOWN != told["modelId"]
    assert "GPT-4o Mini was asked for and is not answering at the moment." in told["reason"]


def test_two_time_outs_are_enough(desk: Desk, owner_database: Database) -> None:
    desk.providers.by_model[DOWN] = down("timeout")
    fail(desk, 2)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}


@pytest.mark.parametrize("kind", ["rejected", "auth"])
def test_what_is_not_the_providers_fault_opens_nothing(desk: Desk, owner_database: Database, kind: FailureKind) -> None:
    desk.providers.by_model[DOWN] = down(kind)
    fail(desk, 8)
    assert asked(desk) == 8
    assert circuits(owner_database) == {}


def test_nor_does_a_tenants_own_key_or_a_client_that_leaves(desk: Desk, owner_database: Database) -> None:
    desk.own_key = True
    desk.providers.by_model[DOWN] = down()
    fail(desk, 8)
    desk.own_key = False
    desk.providers.by_model[DOWN] = says("one", "two")
    for _ in range(8):
        events = desk.events(model_id=DOWN)
        next(events)
        events.close()
    assert asked(desk) == 8  # those who left did so before the call
    assert circuits(owner_database) == {}


def test_answers_that_break_off_count(desk: Desk, owner_database: Database) -> None:
    desk.providers.by_model[DOWN] = fails(ProviderError("unavailable", provider_id="openai"), "Half an")
    fail(desk, 5)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}


def test_many_answers_outweigh_few_failures(desk: Desk, clock: Clock, owner_database: Database) -> None:
    fail(desk, 6)
    clock.passes(6)  # sums of successes are told every five seconds
    fail(desk, 1)
    desk.providers.by_model[DOWN] = down()
    for _ in range(6):
        provider_health.cache_clear()  # each in a process of its own: none meets five in a row
        fail(desk, 1)
    assert open_circuits(owner_database) == set()
    provider_health.cache_clear()
    fail(desk, 1)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}


def test_five_in_a_row_in_one_process_open_however_many_succeeded_before(
    desk: Desk, clock: Clock, owner_database: Database
) -> None:
    fail(desk, 30)
    clock.passes(6)
    fail(desk, 1)
    desk.providers.by_model[DOWN] = down()
    fail(desk, 4)
    del desk.providers.by_model[DOWN]
    fail(desk, 1)
    desk.providers.by_model[DOWN] = down()
    fail(desk, 4)
    assert open_circuits(owner_database) == set()  # an answer came in between
    fail(desk, 1)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}


def test_what_was_in_a_row_before_another_process_closed_it_counts_no_more(
    desk: Desk, clock: Clock, owner_database: Database
) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    clock.passes(10)
    del desk.providers.by_model[DOWN]
    another = replace(desk.tools(), health=ProviderHealth())
    list(chat(another, desk.member, ChatMessage("Hello", model_id=DOWN), Cancel()))
    assert open_circuits(owner_database) == set()
    clock.passes(10)
    desk.providers.by_model[DOWN] = down()
    fail(desk, 1)
    assert open_circuits(owner_database) == set()


def test_failures_that_lie_far_apart_are_not_in_a_row(desk: Desk, clock: Clock, owner_database: Database) -> None:
    desk.providers.by_model[DOWN] = down()
    for _ in range(8):
        fail(desk, 1)
        clock.passes(60)
    assert open_circuits(owner_database) == set()


def test_processes_open_a_circuit_together_and_all_of_them_see_it(desk: Desk, owner_database: Database) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 3)
    provider_health.cache_clear()  # what another process would begin with
    fail(desk, 2)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}


def test_a_probe_closes_it(desk: Desk, clock: Clock, owner_database: Database) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    del desk.providers.by_model[DOWN]
    clock.passes(9)
    assert selection(desk)["modelId"] != DOWN
    clock.passes(1)
    assert selection(desk)["modelId"] == DOWN
    assert open_circuits(owner_database) == set()
    assert selection(desk)["modelId"] == DOWN
    assert desk.providers.calls[-1].first_token_timeout == 30


def test_a_probe_that_fails_opens_it_for_longer_and_its_message_is_answered_by_another(
    desk: Desk, clock: Clock, owner_database: Database
) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    for calls, cool_down in ((6, 20), (7, 40), (8, 80)):
        before = circuits(owner_database)[f"model:{DOWN}"]
        clock.now = before["open_until"]
        told = selection(desk)
        assert (told["rule"], asked(desk)) == ("fallback", calls)
        probe = [call for call in desk.providers.calls if call.model == DOWN][-1]
        assert probe.first_token_timeout == 10  # nobody waits long for what is in trouble
        circuit = circuits(owner_database)[f"model:{DOWN}"]
        assert (circuit["open_until"] - clock.now).total_seconds() == cool_down
    del desk.providers.by_model[DOWN]
    clock.passes(80)
    assert selection(desk)["modelId"] == DOWN
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    circuit = circuits(owner_database)[f"model:{DOWN}"]
    assert (circuit["opens"], (circuit["open_until"] - clock.now).total_seconds()) == (5, 160)  # it relapsed


def test_old_failures_do_not_open_what_has_just_closed(desk: Desk, clock: Clock, owner_database: Database) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    clock.passes(10)
    desk.providers.by_model[DOWN] = says("Well again")
    fail(desk, 1)
    clock.passes(10)
    desk.providers.by_model[DOWN] = down()
    fail(desk, 4)
    assert open_circuits(owner_database) == set()


def test_one_message_probes_and_all_others_are_answered_elsewhere(
    desk: Desk, clock: Clock, owner_database: Database
) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    clock.passes(10)
    arrived, go_on = threading.Event(), threading.Event()

    def held(call: Call, cancel: Cancel) -> Generator[Text | Finish, None, None]:
        arrived.set()
        assert go_on.wait(30)
        yield from says("Well again")(call, cancel)

    desk.providers.by_model[DOWN] = held
    everybody = [
        dataclasses.replace(desk, member=make_member(desk.database, desk.member.tenant_id, f"m{number}"))
        for number in range(20)
    ]
    with ThreadPoolExecutor(20) as pool:
        sent = [pool.submit(selection, one) for one in everybody]
        assert arrived.wait(30)
        others = []
        for future in sent:
            while not future.done() and len(others) < 19 and sum(one.done() for one in sent) < 19:
                arrived.wait(0.01)
        others = [future.result()["modelId"] for future in sent if future.done()]
        go_on.set()
        answered = [future.result()["modelId"] for future in sent]
    assert len(others) == 19
    assert DOWN not in others
    assert answered.count(DOWN) == 1
    assert asked(desk) == 6
    assert open_circuits(owner_database) == set()


def test_of_those_who_all_saw_it_half_open_one_probes(
    desk: Desk, clock: Clock, owner_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    clock.passes(10)
    together, first_look = threading.Barrier(12), threading.local()

    def prepared_together(*given: Any) -> Any:
        prepared = prepare(*given)
        if not hasattr(first_look, "is_over"):
            first_look.is_over = True
            together.wait(30)  # nobody reserves before all have looked
        return prepared

    everybody = [
        dataclasses.replace(desk, member=make_member(desk.database, desk.member.tenant_id, f"m{number}"))
        for number in range(12)
    ]
    monkeypatch.setattr("stoa.workflows.chat.answer.prepare", prepared_together)
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(selection, everybody))
    assert asked(desk) == 6  # the probe failed, and was the only one
    assert circuits(owner_database)[f"model:{DOWN}"]["opens"] == 2
    lines = [line for one in everybody for line in one.lines()]
    assert sorted(line["status"] for line in lines) == ["completed"] * 12 + ["failed"]


def test_who_comes_second_opens_nothing(desk: Desk, clock: Clock, owner_database: Database) -> None:
    with desk.database.autocommit(desk.member.scope) as connection:
        assert store.open_circuit(connection, opening("model", DOWN, None, clock.now), "first") is True
        clock.passes(5)
        assert store.open_circuit(connection, opening("model", DOWN, None, clock.now), "second") is False
    assert circuits(owner_database)[f"model:{DOWN}"]["reason"] == "first"


def test_what_closed_long_ago_is_forgotten_unless_it_is_open_again(
    desk: Desk, clock: Clock, owner_database: Database
) -> None:
    name, weeks = f"model:{DOWN}", 14 * 24 * 3600
    with desk.database.autocommit(desk.member.scope) as connection:
        store.open_circuit(connection, opening("model", DOWN, None, clock.now), "first")
        store.reset(connection, "model", DOWN, "by hand", clock.now)
    clock.passes(weeks)
    with desk.database.autocommit(desk.member.scope) as connection:
        store.open_circuit(connection, opening("model", DOWN, None, clock.now), "again")
    sweep_all(desk.database, clock.now)
    assert circuits(owner_database)[name]["reason"] == "again"
    clock.passes(weeks)
    sweep_all(desk.database, clock.now)
    assert name not in circuits(owner_database)


def test_a_prober_who_crashed_is_replaced_when_its_claim_lapses(desk: Desk, clock: Clock) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    clock.passes(10)
    forgetful = replace(desk.tools(), health=Crashing())
    desk.providers.by_model[DOWN] = says("Well again")
    with pytest.raises(KeyboardInterrupt):
        list(chat(forgetful, desk.member, ChatMessage("Hello", model_id=DOWN), Cancel()))
    clock.passes(44)
    assert selection(desk)["modelId"] != DOWN
    clock.passes(1)
    assert selection(desk)["modelId"] == DOWN


@pytest.mark.parametrize("kind", ["rejected", "auth"])
def test_a_probe_that_found_out_nothing_leaves_it_to_the_next(
    desk: Desk, clock: Clock, owner_database: Database, kind: FailureKind
) -> None:
    desk.providers.by_model[DOWN] = down()
    fail(desk, 5)
    clock.passes(10)
    desk.providers.by_model[DOWN] = down(kind)
    fail(desk, 1)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}
    desk.providers.by_model[DOWN] = says("Well again")
    assert selection(desk)["modelId"] == DOWN
    assert open_circuits(owner_database) == set()


def test_an_answer_under_a_tenants_own_key_does_not_say_that_the_installations_is_served_again(
    desk: Desk, clock: Clock, owner_database: Database
) -> None:
    desk.providers.by_model[DOWN] = down("rate_limited")
    fail(desk, 10)
    assert open_circuits(owner_database) == {f"model:{DOWN}"}
    clock.passes(10)
    desk.providers.by_model[DOWN] = says("Yours is served")
    desk.own_key = True
    assert selection(desk)["modelId"] == DOWN
    assert open_circuits(owner_database) == {f"model:{DOWN}"}
    desk.own_key = False
    assert selection(desk)["modelId"] == DOWN  # the next one may try at once
    assert open_circuits(owner_database) == set()


def test_a_provider_is_left_alone_when_two_of_its_models_fail(
    desk: Desk, clock: Clock, owner_database: Database
) -> None:
    for model_id in ("gpt-4o", "o1"):
        desk.change(
            """
            INSERT INTO tenant_models (tenant_id, model_id, access_tier, deprecated_at)
            VALUES (:tenant_id, :model_id, 'free', '2100-01-01')
            """,
            model_id=model_id,
        )
    desk.providers.by_model |= {DOWN: down(), "gpt-4o": down()}
    fail(desk, 4)
    assert open_circuits(owner_database) == set()
    fail(desk, 1, "gpt-4o")
    assert open_circuits(owner_database) == {"provider:openai"}
    assert selection(desk, "o1")["providerId"] != "openai"
    clock.passes(10)
    told = selection(desk, "o1")
    assert told["modelId"] == "o1", told
    assert open_circuits(owner_database) == set()


def test_a_tenants_own_models_never_shut_a_provider_for_others(desk: Desk, owner_database: Database) -> None:
    for name in ("one", "two"):
        own_model(desk, f"own~{name}{desk.member.tenant_id}")
        desk.providers.by_model[f"own~{name}{desk.member.tenant_id}"] = down()
        fail(desk, 5, f"own~{name}{desk.member.tenant_id}")
    opened = open_circuits(owner_database)
    assert len(opened) == 2
    assert all(name.startswith("model:own~") for name in opened)


def test_another_tenant_sees_no_circuit_of_an_own_model(
    desk: Desk, owner_database: Database, runtime_database: Database, other_tenant: UUID
) -> None:
    model_id = f"own~{desk.member.tenant_id}"
    own_model(desk, model_id)
    desk.providers.by_model |= {model_id: down(), DOWN: down()}
    fail(desk, 5, model_id)
    fail(desk, 5)
    theirs = make_member(runtime_database, other_tenant)
    with runtime_database.autocommit(theirs.scope) as connection:
        assert [row["subject_id"] for row in connection.run("SELECT subject_id FROM circuits")] == [DOWN]
        assert model_id not in {row["model_id"] for row in connection.run("SELECT model_id FROM call_outcomes")}
        assert connection.run("UPDATE circuits SET open_until = NULL RETURNING subject_id") == [{"subject_id": DOWN}]


def test_with_the_retry_budget_spent_the_failure_is_told_at_once(desk: Desk, clock: Clock) -> None:
    desk.providers.default = down("auth")  # fails everywhere and opens nothing
    health = ProviderHealth()
    tools = replace(desk.tools(), health=health)
    while health.may_fail_over("openai"):
        pass
    (told, failure) = list(chat(tools, desk.member, ChatMessage("Hello", model_id=DOWN), Cancel()))
    assert isinstance(told, Selection)
    assert told.model_id == DOWN
    assert isinstance(failure, Failure)
    assert len(desk.providers.calls) == 1


def test_an_outage_of_everything_is_not_multiplied(desk: Desk) -> None:
    desk.providers.default = down("auth")
    for _ in range(60):
        desk.send(model_id=DOWN)
    # Ten failovers saved up for each of the few providers, a tenth of the calls, and what seconds of time allow.
    assert len(desk.providers.calls) < 60 + 4 * 10 + 6 + 30


def own_model(desk: Desk, model_id: str) -> None:
    desk.change(
        """
        INSERT INTO models (id, tenant_id, provider_id, provider_model, display_name, context_window, max_output_tokens)
        VALUES (:id, :tenant_id, 'openai', :id, 'Own', 8000, 1000)
        """,
        id=model_id,
    )
    desk.change(
        """
        INSERT INTO price_book (
            id, tenant_id, model_id, effective_from, input_price, output_price, base_input_price, base_output_price,
            markup, minimum_charge, source
        )
        VALUES (gen_random_uuid(), :tenant_id, :id, now() - interval '1 day', 1, 1, 1, 1, 0, 0, 'initial')
        """,
        id=model_id,
    )


@pytest.fixture
def other_tenant(runtime_database: Database) -> Any:
    from datetime import UTC, datetime

    from stoa.core.ids import new_id
    from stoa.workflows.tenancy.registry import create_tenant

    return create_tenant(runtime_database, f"t-{new_id()}", "Other", "UTC", datetime.now(UTC))
