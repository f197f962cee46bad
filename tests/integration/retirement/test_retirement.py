"""Members who chose a model that ends are told, and moved on the date. Answers before the date say so, too."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from stoa.database.pool import Database, Scope
from stoa.identity.caller import Caller
from stoa.store.operations import mail_outbox
from stoa.store.tenancy.audit import Actor
from stoa.store.tenancy.tenants import Tenant
from stoa.workflows.catalogue import retire_models as retire_module
from stoa.workflows.catalogue.retire_models import RetirementReport, retire_models
from stoa.workflows.members.preferences import patch_model_preferences, put_preferences, read_preferences
from tests.integration.chat.support import Desk, make_member
from tests.integration.health.support import Clock

OLD, NEW = "phi-4", "codestral-latest"  # both free; neither ends in the registry


@pytest.fixture(autouse=True)
def no_other_tenants(monkeypatch: pytest.MonkeyPatch, tenant: UUID) -> None:
    """Hides tenants of other tests, which have members, too."""
    monkeypatch.setattr("stoa.store.tenancy.tenants.all_tenants", lambda _: [Tenant(tenant, "test")])


def ends(desk: Desk, at: datetime, successor_id: str | None = NEW) -> None:
    """Accepts the provider's announcement for the tenant."""
    desk.change(
        """
        INSERT INTO tenant_models (tenant_id, model_id, deprecated_at, successor_id)
        VALUES (:tenant_id, :model_id, :at, :successor_id)
        """,
        model_id=OLD,
        at=at,
        successor_id=successor_id,
    )


LONG_BEFORE = timedelta(days=1000)


def caller(desk: Desk, now: datetime) -> Caller:
    """Returns the member at the desk as the caller of a use case, long before `now`: nobody chooses what has ended."""
    return Caller(desk.database, desk.member, Actor(desk.member.user_id), now - LONG_BEFORE)


def chooses(desk: Desk, now: datetime) -> None:
    put_preferences(caller(desk, now), {"default_model_id": OLD, "favorite_models": ["gpt-4o-mini", OLD]})
    patch_model_preferences(caller(desk, now), {"persona_overrides": {"lao": OLD}})


def mails(desk: Desk) -> list[dict[str, Any]]:
    with desk.database.autocommit(Scope(tenant_id=desk.member.tenant_id)) as connection:
        return connection.run("SELECT recipient, subject, body FROM mail_outbox ORDER BY created_at, id")


def moves(desk: Desk) -> list[dict[str, Any]]:
    with desk.database.autocommit(Scope(tenant_id=desk.member.tenant_id)) as connection:
        return connection.run(
            "SELECT actor_id, target, before, after FROM audit_log WHERE action = 'preferences.move_to_successor'"
        )


def test_members_are_warned_thirty_and_seven_days_before_once_each(desk: Desk, clock: Clock) -> None:
    ends(desk, clock.now + timedelta(days=31))
    chooses(desk, clock.now)
    told = []
    for days in (0, 2, 0, 20, 3, 0, 2):
        clock.passes(days * 86400)
        told.append(retire_models(desk.database, clock.now).members_warned)
    assert told == [0, 1, 0, 0, 1, 0, 0]
    assert [mail["recipient"] for mail in mails(desk)] == ["ada@example.test"] * 2
    assert mails(desk)[0]["subject"].startswith("Phi-4 ends on ")
    assert "Codestral then takes its place in your choices." in mails(desk)[0]["body"]


@pytest.mark.parametrize(
    "choice",
    [
        {"default_model_id": OLD},
        {"favorite_models": [OLD]},
        {"persona_overrides": {"lao": OLD}},
        {"domain_overrides": {"legal": OLD}},
    ],
)
def test_every_kind_of_choice_is_found_by_itself(desk: Desk, clock: Clock, choice: dict[str, Any]) -> None:
    ends(desk, clock.now)
    put_preferences(caller(desk, clock.now), choice)
    assert retire_models(desk.database, clock.now).members_moved == 1


@pytest.mark.parametrize("days", [20, 0])
def test_who_was_told_is_not_looked_at_again_each_hour(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """They may be millions. A run that began with them again each time would never reach the others."""
    looked_at: list[UUID] = []
    load = retire_module.load_view_of

    def noting(database: Database, tenant_id: UUID, user_id: UUID, now: datetime) -> Any:
        looked_at.append(user_id)
        return load(database, tenant_id, user_id, now)

    monkeypatch.setattr(retire_module, "load_view_of", noting)
    noon = clock.now.replace(hour=12)
    ends(desk, noon + timedelta(days=days), None)
    chooses(desk, noon)
    silent = replace(desk, member=make_member(desk.database, desk.member.tenant_id, f"silent-{days}"))
    chooses(silent, noon)
    desk.change("UPDATE users SET email = NULL WHERE id = :id", id=silent.member.user_id)
    for hour in range(3):
        retire_models(desk.database, noon + timedelta(hours=hour))
    assert looked_at.count(desk.member.user_id) == 1
    assert looked_at.count(silent.member.user_id) == (0 if days else 3)
    assert len(mails(desk)) == 1


def schedules_prompt(desk: Desk, *, is_active: bool) -> None:
    desk.change(
        """
        INSERT INTO schedules (
            id, tenant_id, user_id, name, prompt, model_id, kind, interval_minutes, anchor, time_zone,
            output_destination, is_active, inactive_reason, next_run, created_at, updated_at
        )
        VALUES (
            gen_random_uuid(), :tenant_id, :user_id, 'Daily', 'Hello', :model_id, 'interval', 60, now(), 'UTC',
            'email', :is_active, CASE WHEN NOT :is_active ::boolean THEN 'paused' END,
            CASE WHEN :is_active THEN now() END, now(), now()
        )
        """,
        user_id=desk.member.user_id,
        model_id=OLD,
        is_active=is_active,
    )


def test_owners_of_scheduled_prompts_are_told_and_their_schedules_move(
    desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retire_module, "STRETCH", 1)
    ends(desk, clock.now + timedelta(days=5))
    other = replace(desk, member=make_member(desk.database, desk.member.tenant_id, "other"))
    for owner in (desk, other):
        for is_active in (True, True, False):
            schedules_prompt(owner, is_active=is_active)
    assert retire_models(desk.database, clock.now) == RetirementReport(members_warned=2)
    assert "or a scheduled prompt." in mails(desk)[0]["body"]
    clock.passes(6 * 86400)
    assert retire_models(desk.database, clock.now) == RetirementReport(members_moved=2)
    assert retire_models(desk.database, clock.now) == RetirementReport()
    with desk.database.autocommit(Scope(tenant_id=desk.member.tenant_id)) as connection:
        rows = connection.run("SELECT is_active, array_agg(DISTINCT model_id) AS models FROM schedules GROUP BY 1")
    # A paused one plans nothing; its next message finds the successor.
    assert {row["is_active"]: row["models"] for row in rows} == {True: [NEW], False: [OLD]}
    assert [mail["subject"] for mail in mails(desk)][2:] == ["Phi-4 has ended: Codestral answers now"] * 2


def test_nobody_else_is_told(desk: Desk, clock: Clock) -> None:
    ends(desk, clock.now + timedelta(days=5))
    put_preferences(caller(desk, clock.now), {"default_model_id": NEW})
    assert retire_models(desk.database, clock.now) == RetirementReport()
    assert mails(desk) == []


def test_on_the_date_their_choices_move_once_and_they_are_told_once(desk: Desk, clock: Clock) -> None:
    ends(desk, clock.now + timedelta(hours=1))
    chooses(desk, clock.now)
    assert desk.send()[0].data["modelId"] == OLD
    clock.passes(3600)
    assert desk.send()[0].data["modelId"] == NEW  # at the instant, whether anything has run or not
    assert read_preferences(caller(desk, clock.now + LONG_BEFORE)).default_model_id == OLD
    assert retire_models(desk.database, clock.now) == RetirementReport(members_moved=1)
    assert retire_models(desk.database, clock.now) == RetirementReport()
    moved = read_preferences(caller(desk, clock.now + LONG_BEFORE))
    assert (moved.default_model_id, moved.favorite_models, moved.notices) == (NEW, ["gpt-4o-mini", NEW], [])
    assert desk.send(persona_id="lao")[0].data["modelId"] == NEW
    (line,) = moves(desk)
    assert (line["actor_id"], line["target"]) == (None, str(desk.member.user_id))
    assert line["before"]["default_model_id"] == OLD
    assert line["after"]["persona_overrides"] == {"lao": NEW}
    assert [mail["subject"] for mail in mails(desk)] == ["Phi-4 has ended: Codestral answers now"]


def test_runs_at_once_move_once(desk: Desk, clock: Clock) -> None:
    ends(desk, clock.now)
    chooses(desk, clock.now)
    with ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda _: retire_models(desk.database, clock.now), range(8)))
    assert sum(run.members_moved for run in runs) == 1
    assert (len(moves(desk)), len(mails(desk))) == (1, 1)


def test_killed_before_it_is_told_nothing_has_moved(desk: Desk, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    ends(desk, clock.now)
    chooses(desk, clock.now)

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(mail_outbox, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            retire_models(desk.database, clock.now)
    assert moves(desk) == []
    assert read_preferences(caller(desk, clock.now + LONG_BEFORE)).default_model_id == OLD
    assert retire_models(desk.database, clock.now).members_moved == 1
    assert (len(moves(desk)), len(mails(desk))) == (1, 1)


def test_nobody_is_moved_to_a_model_that_is_locked_for_them(desk: Desk, clock: Clock) -> None:
    ends(desk, clock.now, "gpt-4o")  # premium, with trials
    chooses(desk, clock.now)
    assert retire_models(desk.database, clock.now).members_moved == 0
    assert read_preferences(caller(desk, clock.now + LONG_BEFORE)).default_model_id == OLD
    assert desk.send()[0].data["modelId"] == "gpt-4o-mini"
    assert retire_models(desk.database, clock.now).members_moved == 0
    assert moves(desk) == []
    (mail,) = mails(desk)
    assert "Choose another model in your preferences." in mail["body"]


def test_what_ended_long_ago_is_looked_at_once_a_day(desk: Desk, clock: Clock) -> None:
    ends(desk, clock.now - timedelta(days=40))
    chooses(desk, clock.now)
    tomorrow = (clock.now + timedelta(days=1)).replace(hour=0)
    moved = [retire_models(desk.database, tomorrow.replace(hour=hour)).members_moved for hour in range(6)]
    assert moved == [0, 0, 0, 1, 0, 0]
    assert mails(desk) == []  # it is no news


def test_one_whose_address_nobody_knows_is_moved_all_the_same(desk: Desk, clock: Clock) -> None:
    desk.change("UPDATE users SET email = NULL WHERE tenant_id = :tenant_id")
    ends(desk, clock.now)
    chooses(desk, clock.now)
    assert retire_models(desk.database, clock.now).members_moved == 1
    assert mails(desk) == []


def test_preferences_tell_the_client_beforehand(desk: Desk, clock: Clock) -> None:
    at = (clock.now + timedelta(days=60)).replace(microsecond=0)
    ends(desk, at)
    chooses(desk, clock.now)
    (notice,) = read_preferences(caller(desk, clock.now + LONG_BEFORE)).notices
    assert (notice.kind, notice.model_id, notice.successor_id) == ("model_retiring", OLD, NEW)
    assert notice.retires_at == at
    assert notice.message == (
        f"Phi-4 will be withdrawn by its provider on {at:%d %B %Y}. Codestral then takes its place in your choices."
    )
    (after,) = read_preferences(caller(desk, at + LONG_BEFORE)).notices
    assert after.kind == "model_retired"


def test_answers_of_a_model_that_will_end_say_so(desk: Desk, clock: Clock) -> None:
    ends(desk, clock.now.replace(microsecond=0) + timedelta(days=60))
    selection, *_, metadata, _ = desk.send(model_id=OLD)
    at = clock.now.replace(microsecond=0) + timedelta(days=60)
    assert selection.headers["Deprecation"] == f"@{int(at.timestamp())}"
    assert selection.headers["Sunset"] == f"{at:%a, %d %b %Y %H:%M:%S} GMT"
    assert metadata.data["deprecation"]["successorId"] == NEW
    assert datetime.fromisoformat(metadata.data["deprecation"]["sunsetAt"]) == at
    selection, *_, metadata, _ = desk.send(model_id=NEW)
    assert "Sunset" not in selection.headers and metadata.data["deprecation"] is None


def test_a_stretch_at_a_time_reaches_everybody(
    desk: Desk, clock: Clock, runtime_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stoa.workflows.catalogue.retire_models.STRETCH", 2)
    ends(desk, clock.now)
    for number in range(5):
        chooses(replace(desk, member=make_member(runtime_database, desk.member.tenant_id, f"m{number}")), clock.now)
    assert retire_models(desk.database, clock.now).members_moved == 5
