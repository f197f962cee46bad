"""Messages that a team pays for: what they take, when they are refused, and that every book tells the same."""

from datetime import timedelta
from typing import Any

import pytest

from stoa.clients.wires.types import ProviderError
from stoa.database.pool import Database
from stoa.http.answers import status_of
from stoa.workflows.chat import answer
from stoa.workflows.operations.sweep import sweep_all
from tests.door import shown
from tests.integration.chat.support import Desk, ScriptedProviders, fails, make_member, overlay, says
from tests.integration.teams.support import DAY, MODEL, Team, make_team, metadata, refusal


def test_a_message_to_a_covered_model_is_taken_from_the_pool(team: Team, ada: Desk) -> None:
    assert metadata(ada.send(model_id=MODEL))["access"] == "team"

    (line,) = ada.lines()
    assert (line["access"], line["team_id"], line["team_tokens"]) == ("team", team.id, 30)
    assert line["team_period"].isoformat() == "2026-03-05"
    assert ada.trials_used(MODEL) == 0
    assert team.pool_used() == 30
    assert team.agree()


def test_while_it_is_answered_an_estimate_is_held(team: Team, ada: Desk) -> None:
    events = ada.events(model_id=MODEL)
    next(events)

    held = team.pool_used()
    assert held > 500  # the expected answer alone
    assert team.agree()
    list(events)
    assert team.pool_used() == 30


def test_a_free_model_is_free_also_when_the_plan_lists_it(team: Team, ada: Desk) -> None:
    team.set(models="{gpt-4o-mini,gpt-4o}")

    assert metadata(ada.send(model_id="gpt-4o-mini"))["access"] == "free"
    assert team.pool_used() == 0
    assert ada.lines()[0]["team_id"] is None


def test_what_the_member_bought_comes_before_the_team(team: Team, ada: Desk) -> None:
    ada.change(
        "INSERT INTO entitlements (id, tenant_id, user_id, model_id, source)"
        " VALUES (gen_random_uuid(), :tenant_id, :user_id, :model_id, 'purchase')",
        user_id=ada.member.user_id,
        model_id=MODEL,
    )

    assert metadata(ada.send(model_id=MODEL))["access"] == "entitled"
    assert team.pool_used() == 0


def test_a_model_that_the_plan_does_not_cover_is_a_trial(team: Team, ada: Desk) -> None:
    team.set(models="{}")

    assert metadata(ada.send(model_id=MODEL))["access"] == "trial"


@pytest.mark.parametrize("status", ["incomplete", "suspended", "canceled", "closed"])
def test_only_an_active_team_gives_access(team: Team, ada: Desk, status: str) -> None:
    team.set(status=status)

    assert metadata(ada.send(model_id=MODEL))["access"] == "trial"


def test_a_team_whose_payment_is_late_gives_access_until_its_day(team: Team, ada: Desk) -> None:
    team.set(status="past_due", access_until=DAY + timedelta(seconds=1))
    assert metadata(ada.send(model_id=MODEL))["access"] == "team"

    team.set(access_until=DAY)
    assert metadata(ada.send(model_id=MODEL))["access"] == "trial"


def test_trap_the_shared_pool_is_checked(team: Team, ada: Desk) -> None:
    overlay(ada, MODEL, trial_messages=0)
    team.set(total_tokens_monthly=30)
    ada.send(model_id=MODEL)

    refused = refusal(ada)
    assert (status_of(refused), refused.code) == (402, "TEAM_POOL_EXHAUSTED")
    assert shown(refused)[1]["reason"] == "POOL_USED_UP"
    assert shown(refused)[1]["resetAt"] == "2026-04-05T00:00:00Z"
    assert shown(refused)[1]["teamId"] == str(team.id)
    assert shown(refused)[1]["purchase"]["body"]["modelId"] == MODEL
    assert team.pool_used() == 30


def test_an_exhausted_team_leaves_the_member_their_trial_messages(team: Team, ada: Desk) -> None:
    team.set(total_tokens_monthly=1)
    assert metadata(ada.send(model_id=MODEL))["access"] == "team"
    assert [metadata(ada.send(model_id=MODEL))["access"] for _ in range(2)] == ["trial", "trial"]
    assert refusal(ada).code == "TEAM_POOL_EXHAUSTED"


def test_auto_takes_no_model_of_a_team_that_has_nothing_left(team: Team, ada: Desk) -> None:
    team.set(total_tokens_monthly=1)
    ada.send(model_id=MODEL)

    assert metadata(ada.send(model_id="auto"))["access"] == "free"


def test_without_a_shared_pool_the_allotment_is_the_limit(team: Team) -> None:
    team.set(shared_pool=False)
    rich, poor = team.join("rich", allotment=40), team.join("poor")
    for desk in (rich, poor):
        overlay(desk, MODEL, trial_messages=0)

    rich.send(model_id=MODEL)
    rich.send(model_id=MODEL)
    assert shown(refusal(rich))[1]["reason"] == "ALLOTMENT_USED_UP"
    assert shown(refusal(rich))[1]["limit"] == 40
    assert shown(refusal(poor))[1]["limit"] == 0
    assert team.agree()


def test_a_shared_pool_and_an_allotment_hold_both(team: Team) -> None:
    ben, cleo = team.join("ben", allotment=30), team.join("cleo")
    overlay(ben, MODEL, trial_messages=0)
    ben.send(model_id=MODEL)
    assert shown(refusal(ben))[1]["reason"] == "ALLOTMENT_USED_UP"

    team.set(total_tokens_monthly=60)
    cleo.send(model_id=MODEL)
    assert shown(refusal(cleo))[1]["reason"] == "POOL_USED_UP"
    assert team.pool_used() == 60
    assert team.agree()


def test_without_a_shared_pool_the_pool_still_holds(team: Team) -> None:
    team.set(shared_pool=False, total_tokens_monthly=30)
    ben, cleo = team.join("ben", allotment=1000), team.join("cleo", allotment=1000)
    overlay(ben, MODEL, trial_messages=0)
    ben.send(model_id=MODEL)

    assert shown(refusal(cleo))[1]["reason"] == "POOL_USED_UP"


def test_an_allotment_given_later_counts_what_was_used_before(team: Team, ada: Desk) -> None:
    overlay(ada, MODEL, trial_messages=0)
    ada.send(model_id=MODEL)
    team.rows("UPDATE team_members SET allotment = 30 RETURNING id")

    assert shown(refusal(ada))[1]["reason"] == "ALLOTMENT_USED_UP"


def test_a_provider_that_fails_takes_nothing(team: Team, ada: Desk) -> None:
    ada.providers.default = fails(ProviderError("unavailable", provider_id="openai", reason="down"))
    list(ada.events(model_id=MODEL))

    assert team.pool_used() == 0
    assert team.agree()


@pytest.mark.parametrize(
    ("covered", "stand_in", "access", "taken"),
    [
        ((MODEL,), "gpt-4o-mini", "free", 0),
        ((MODEL, "grok-3"), "grok-3", "team", 30),
    ],
)
def test_a_stand_in_takes_of_the_team_only_where_the_team_covers_it(
    team: Team, ada: Desk, covered: tuple[str, ...], stand_in: str, access: str, taken: int
) -> None:
    team.set(models="{" + ",".join(covered) + "}")
    ada.change(
        "INSERT INTO tenant_models (tenant_id, model_id, fallback_model_ids) VALUES (:tenant_id, :model_id, :named)",
        model_id=MODEL,
        named="{" + stand_in + "}",
    )
    ada.providers.by_model[MODEL] = fails(ProviderError("unavailable", provider_id="openai"))

    told = metadata(ada.send(model_id=MODEL))
    assert (told["modelId"], told["access"], told["failedModels"]) == (stand_in, access, [MODEL])
    failed, answered = ada.lines()
    assert (failed["status"], failed["team_id"]) == ("failed", team.id)
    assert (answered["team_id"], answered["charge"] > 0) == (team.id if taken else None, True)
    assert (team.pool_used(), team.agree()) == (taken, True)


def test_a_stand_in_for_which_the_pool_has_nothing_left_is_passed_over(team: Team, ada: Desk) -> None:
    team.set(models="{" + MODEL + ",grok-3}", total_tokens_monthly=30)
    fail = fails(ProviderError("unavailable", provider_id="openai"))

    def others_take_the_rest(call: Any, cancel: Any) -> Any:
        team.rows("UPDATE team_periods SET tokens_used = tokens_used + 30 RETURNING tokens_used")
        return fail(call, cancel)

    ada.providers.by_model[MODEL] = others_take_the_rest
    assert metadata(ada.send(model_id=MODEL))["access"] == "free"
    assert team.pool_used() == 30


def test_an_answer_that_breaks_off_gives_its_tokens_back(team: Team, ada: Desk) -> None:
    ada.providers.default = fails(ProviderError("unavailable", provider_id="openai", reason="down"), "Half an ")
    list(ada.events(model_id=MODEL))

    assert ada.lines()[0]["status"] == "partial"
    assert team.pool_used() == 0
    assert team.agree()


def test_a_member_who_leaves_midway_pays_for_what_they_were_shown(team: Team, ada: Desk) -> None:
    ada.providers.default = says("One ", "two ", "three.")
    events = ada.events(model_id=MODEL)
    next(events)
    next(events)
    events.close()

    assert ada.lines()[0]["status"] == "partial"
    assert 0 < team.pool_used() < 100
    assert team.agree()


def test_a_crash_holds_tokens_until_it_is_swept(team: Team, ada: Desk) -> None:
    team.join("ben").send(model_id=MODEL)
    dead = ada.events(model_id=MODEL)
    next(dead)
    assert team.pool_used() > 30

    sweep_all(team.database, DAY + timedelta(minutes=7))
    assert team.pool_used() == 30  # ben's
    assert team.shares_used() == 30
    assert team.agree()
    dead.close()
    assert team.pool_used() == 30


def test_a_removed_member_loses_access_on_the_next_message(team: Team, ada: Desk) -> None:
    assert metadata(ada.send(model_id=MODEL))["access"] == "team"
    team.rows("UPDATE team_members SET status = 'removed' RETURNING id")

    assert metadata(ada.send(model_id=MODEL))["access"] == "trial"


def test_who_is_removed_between_the_snapshot_and_the_reservation_takes_nothing(
    team: Team, ada: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = answer.prepare

    def then_removed(*asked: Any) -> Any:
        prepared = prepare(*asked)
        team.rows("UPDATE team_members SET status = 'removed' RETURNING id")
        return prepared

    monkeypatch.setattr(answer, "prepare", then_removed)
    assert metadata(ada.send(model_id=MODEL))["access"] == "trial"
    assert team.pool_used() == 0


def test_a_pool_that_is_used_up_between_the_snapshot_and_the_reservation_gives_nothing(
    team: Team, ada: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    team.set(total_tokens_monthly=60)
    ada.send(model_id=MODEL)
    prepare = answer.prepare

    def then_used_up(*asked: Any) -> Any:
        prepared = prepare(*asked)
        team.rows("UPDATE team_periods SET tokens_used = 60 RETURNING tokens_used")
        return prepared

    monkeypatch.setattr(answer, "prepare", then_used_up)
    assert metadata(ada.send(model_id=MODEL))["access"] == "trial"
    assert team.pool_used() == 60


def test_who_is_removed_while_they_are_answered_gives_back_what_was_not_taken(team: Team, ada: Desk) -> None:
    events = ada.events(model_id=MODEL)
    next(events)
    team.rows("UPDATE team_members SET status = 'removed' RETURNING id")
    list(events)

    assert team.pool_used() == 30
    assert team.agree()


def test_of_two_teams_the_one_with_more_left_pays(team: Team, ada: Desk, runtime_database: Database) -> None:
    richer = make_team(runtime_database, team.tenant_id, pool=2_000_000)
    richer.join("ada")

    ada.send(model_id=MODEL)
    assert ada.lines()[0]["team_id"] == richer.id


def test_who_is_in_no_team_sees_none(team: Team, ada: Desk, runtime_database: Database) -> None:
    stranger = Desk(runtime_database, make_member(runtime_database, team.tenant_id, "zoe"), ScriptedProviders())
    assert metadata(stranger.send(model_id=MODEL))["access"] == "trial"
    assert stranger.query("SELECT id FROM teams") == []
    assert stranger.query("SELECT team_id FROM team_periods") == []
