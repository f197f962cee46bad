"""A member's schedules over HTTP: made, changed, paused, resumed, run by hand, deleted; refused by the field's name."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from msgspec.structs import asdict

from functions.schedules.models import LONGEST_PROMPT
from stoa.clients.aws.run_queue import Job
from stoa.core.ids import new_id
from stoa.core.text import to_json
from stoa.database.pool import Scope
from stoa.store.schedules import own_runs
from tests.integration.chat.support import overlay
from tests.integration.member.support import Client, Reply

WEEKDAYS = {
    "name": "Morning thoughts",
    "prompt": "One thought for the day.",
    "model": "gpt-4o-mini",
    "type": "cron",
    "cronExpression": "0 9 * * MON-FRI",
    "timezone": "America/New_York",
    "outputDestination": "email",
}
HOOK = {"outputDestination": "webhook", "webhookUrl": "https://example.org/hook"}


def create(client: Client, **changes: Any) -> Reply:
    body = {name: value for name, value in (WEEKDAYS | changes).items() if value is not ...}
    return client.post("/api/schedules", body)


def created(client: Client, **changes: Any) -> dict[str, Any]:
    reply = create(client, **changes)
    assert reply.status == 201, reply.body
    found: dict[str, Any] = reply.body["data"]
    return found


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def test_a_schedule_is_made_as_it_was_sent(ada: Client) -> None:
    made = created(ada, personaId="marcus", domainMode="general", maxRuns=3, notificationEmail="bob@example.test")
    assert made["description"] == "Every weekday at 09:00 (New York time)"
    assert {name: made[name] for name in WEEKDAYS} == WEEKDAYS
    assert made["isActive"] is True
    assert moment(made["nextRun"]) > datetime.now(UTC)
    assert (made["personaId"], made["domainMode"], made["maxRuns"]) == ("marcus", "general", 3)
    assert (made["lastRun"], made["lastStatus"], made["runCount"], made["totalRuns"]) == (None, None, 0, 0)
    assert made.pop("webhookSecret") is None
    assert ada.get(f"/api/schedules/{made['id']}").data == made
    assert ada.get("/api/schedules").data == [made]


def test_the_defaults_are_utc_and_one_run_for_all_missed(ada: Client) -> None:
    made = created(ada, timezone=..., model="auto")
    assert (made["timezone"], made["missedRuns"], made["maxRuns"]) == ("UTC", "run_once", None)
    assert made["description"] == "Every weekday at 09:00 (UTC)"


def test_a_preview_saves_nothing(ada: Client) -> None:
    rhythm = {name: WEEKDAYS[name] for name in ("type", "cronExpression", "timezone")}
    preview = ada.post("/api/schedules/preview", rhythm).data
    assert preview["description"] == "Every weekday at 09:00 (New York time)"
    times = [moment(one["at"]) for one in preview["nextRuns"]]
    assert len(times) == 5
    assert times == sorted(times)
    assert {moment(one["local"]).strftime("%H:%M") for one in preview["nextRuns"]} == {"09:00"}
    words = f"{times[0]:%A} {times[0].day} {times[0]:%B} {times[0].year} at 09:00"
    assert preview["nextRuns"][0]["words"] == words
    assert [moment(one["local"]) for one in preview["nextRuns"]] == times
    assert ada.get("/api/schedules").data == []


@pytest.mark.parametrize(
    ("changes", "path", "reason"),
    [
        ({"cronExpression": "61 * * * *"}, "cronExpression", "minute: 61 is not between 0 and 59"),
        ({"cronExpression": "0 0 9 * * *"}, "cronExpression", "no field for seconds"),
        ({"cronExpression": "0 0 30 2 *"}, "cronExpression", "never comes"),
        ({"cronExpression": ...}, "cronExpression", 'a schedule of type "cron" needs it'),
        ({"type": "interval"}, "cronExpression", 'it belongs to type "cron"'),
        ({"timezone": "Mars/Olympus"}, "timezone", "no IANA time zone"),
        ({"timezone": "right/UTC"}, "timezone", "no IANA time zone"),
        ({"timezone": "posix/Europe/Berlin"}, "timezone", "no IANA time zone"),
        ({"timezone": "../etc/passwd"}, "timezone", "no IANA time zone"),
        ({"type": "interval", "cronExpression": ..., "intervalMinutes": 4}, "intervalMinutes", "5 to"),
        ({"type": "once", "cronExpression": ..., "runAt": "2020-01-01T00:00:00Z"}, "runAt", "must lie in the future"),
        ({"type": "once", "cronExpression": ..., "runAt": 1893456000}, "runAt", "date and time as text"),
        ({"type": "once", "cronExpression": ..., "runAt": "tomorrow"}, "runAt", "such as 2026-07-03T09:00:00Z"),
        ({"type": "once", "cronExpression": ..., "runAt": "9999-12-31T23:59:00-14:00"}, "runAt", "between the years"),
        ({"type": "hourly"}, "type", "'once', 'cron' or 'interval'"),
        ({"model": "no-such-model"}, "model", "There is no model 'no-such-model'"),
        ({"model": "text-embedding-3-small"}, "model", "There is no model"),
        ({"domainMode": "no-such-mode"}, "domainMode", "no such domain mode"),
        ({"maxRuns": 0}, "maxRuns", "greater than or equal to 1"),
        ({"name": " "}, "name", "at least 1 character"),
        ({"prompt": ""}, "prompt", "at least 1 character"),
        ({"notificationEmail": "nobody"}, "notificationEmail", "an e-mail address"),
        ({"outputDestination": "fax"}, "outputDestination", "'email', 'webhook' or 'storage'"),
        ({"outputDestination": "webhook"}, "webhookUrl", "a webhook needs it"),
        (HOOK | {"webhookUrl": "http://example.org/hook"}, "webhookUrl", "https://"),
        (HOOK | {"webhookUrl": "https://127.0.0.1/"}, "webhookUrl", "not on the internet"),
        (HOOK | {"webhookUrl": "https://169.254.169.254/latest"}, "webhookUrl", "not on the internet"),
        (HOOK | {"webhookUrl": "https://[::1]/"}, "webhookUrl", "not on the internet"),
        ({"webhookUrl": "https://example.org/hook"}, "webhookUrl", 'it belongs to the destination "webhook"'),
        ({"isActive": True}, "isActive", "not known here"),
    ],
)
def test_a_refusal_names_the_field(ada: Client, changes: dict[str, Any], path: str, reason: str) -> None:
    problems = create(ada, **changes).problems
    assert path in problems
    assert reason in problems[path]
    assert ada.get("/api/schedules").data == []


def test_a_locked_model_is_refused_as_chat_would(ada: Client) -> None:
    desk = ada.desk()
    overlay(desk, "gpt-4o", trial_messages=0)
    refused = create(ada, model="gpt-4o")
    assert (refused.status, refused.error["code"]) == (402, "MODEL_LOCKED")
    ada.grant("gpt-4o")
    assert create(ada, model="gpt-4o").status == 201


def test_a_limit_that_is_reached_today_is_no_reason(ada: Client) -> None:
    desk = ada.desk()
    overlay(desk, "gpt-4o-mini", daily_limit=1)
    desk.send(model_id="gpt-4o-mini")
    assert create(ada).status == 201


def test_a_persona_that_is_not_the_members_is_not_there(ada: Client) -> None:
    assert create(ada, personaId="no-such-persona").status == 404


def test_who_has_no_address_must_say_where_mail_goes(ada: Client) -> None:
    ada.claims["email"] = None
    assert "notificationEmail" in create(ada).problems
    assert create(ada, notificationEmail="ada@example.test").status == 201


def test_fifty_are_the_limit_however_many_ask_at_once_and_the_longest_fit_into_one_answer(ada: Client) -> None:
    longest = "🦉" * LONGEST_PROMPT
    for number in range(45):
        created(ada, name=f"Schedule {number}", prompt=longest)
    with ThreadPoolExecutor(12) as pool:
        statuses = sorted(reply.status for reply in pool.map(lambda _: create(ada, prompt=longest), range(12)))
    assert statuses == [201] * 5 + [409] * 7
    assert create(ada).error["code"] == "TOO_MANY_SCHEDULES"
    listed = ada.get("/api/schedules").body
    assert len(listed["data"]) == 50
    assert len(to_json(listed).encode()) < 6_000_000  # Lambda answers no more
    assert "at most 20000 characters" in create(ada, prompt=longest + "!").problems["prompt"]


def test_a_change_in_part_keeps_the_rest(ada: Client) -> None:
    made = created(ada, maxRuns=5, personaId="lao")
    changed = ada.patch(f"/api/schedules/{made['id']}", {"name": "Evening thoughts", "maxRuns": None}).data
    assert changed.pop("updatedAt") > made.pop("updatedAt")
    assert changed == made | {"name": "Evening thoughts", "maxRuns": None}


def test_another_type_takes_the_old_ones_field_away(ada: Client) -> None:
    made = created(ada)
    path = f"/api/schedules/{made['id']}"
    before = datetime.now(UTC)
    changed = ada.patch(path, {"type": "interval", "intervalMinutes": 90}).data
    assert (changed["cronExpression"], changed["description"]) == (None, "Every 90 minutes")
    assert timedelta(minutes=89) < moment(changed["nextRun"]) - before < timedelta(minutes=91)
    assert ada.patch(path, {"type": "once"}).problems == {"runAt": 'a schedule of type "once" needs it'}
    assert ada.patch(path, {"cronExpression": "* * * * *"}).problems.keys() == {"cronExpression"}
    assert ada.get(path).data == {name: value for name, value in changed.items() if name != "webhookSecret"}


@pytest.mark.parametrize("name", ["name", "prompt", "model", "type", "timezone", "outputDestination", "missedRuns"])
def test_what_a_schedule_must_have_cannot_be_cleared(ada: Client, name: str) -> None:
    made = created(ada)
    assert name in ada.patch(f"/api/schedules/{made['id']}", {name: None}).problems


def test_a_webhooks_secret_is_shown_once(ada: Client) -> None:
    made = created(ada, **HOOK)
    path = f"/api/schedules/{made['id']}"
    assert made["webhookSecret"].startswith("whsec_")
    assert "webhookSecret" not in ada.get(path).data
    assert ada.patch(path, {"webhookUrl": "https://example.org/other"}).data["webhookSecret"] is None
    rotated = ada.post(f"{path}/webhook-secret", None).data["webhookSecret"]
    assert rotated.startswith("whsec_")
    assert rotated != made["webhookSecret"]
    # Another destination forgets the secret with the address.
    assert ada.patch(path, {"outputDestination": "email"}).data["webhookUrl"] is None
    assert ada.post(f"{path}/webhook-secret", None).error["code"] == "NO_WEBHOOK"
    assert ada.patch(path, HOOK).data["webhookSecret"] not in (None, rotated, made["webhookSecret"])


def test_pause_and_resume(ada: Client) -> None:
    made = created(ada)
    path = f"/api/schedules/{made['id']}"
    paused = ada.post(f"{path}/pause", None).data
    assert (paused["isActive"], paused["inactiveReason"], paused["nextRun"]) == (False, "paused", None)
    assert ada.post(f"{path}/pause", None).data == paused
    # A new rhythm does not wake it.
    assert ada.patch(path, {"cronExpression": "0 10 * * *"}).data["nextRun"] is None
    resumed = ada.post(f"{path}/resume", None).data
    assert (resumed["isActive"], resumed["inactiveReason"]) == (True, None)
    assert moment(resumed["nextRun"]) > datetime.now(UTC)


def test_what_is_over_is_resumed_with_a_new_time_only(ada: Client) -> None:
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
    made = created(ada, type="once", cronExpression=..., runAt=soon.isoformat())
    path = f"/api/schedules/{made['id']}"
    ada.as_admin(
        """
        UPDATE schedules SET is_active = false, next_run = NULL, inactive_reason = 'completed', run_at = now()
        WHERE tenant_id = :tenant_id
        """
    )
    assert ada.post(f"{path}/resume", None).error["code"] == "SCHEDULE_ENDED"
    again = ada.patch(path, {"runAt": soon.isoformat()}).data
    assert (again["isActive"], moment(again["nextRun"])) == (True, soon)


def test_all_runs_used_up(ada: Client) -> None:
    made = created(ada, maxRuns=2)
    path = f"/api/schedules/{made['id']}"
    ada.as_admin("UPDATE schedules SET run_count = 2 WHERE tenant_id = :tenant_id")
    ended = ada.patch(path, {"name": "Ended"}).data
    assert (ended["isActive"], ended["inactiveReason"], ended["nextRun"]) == (False, "max_runs", None)
    assert ada.post(f"{path}/resume", None).error["code"] == "SCHEDULE_ENDED"
    ada.patch(path, {"maxRuns": 3})
    assert ada.post(f"{path}/resume", None).data["isActive"] is True


def test_run_now_is_a_run_of_its_own(ada: Client, sent: list[Job]) -> None:
    made = created(ada)
    path = f"/api/schedules/{made['id']}"
    reply = ada.post(f"{path}/run", None)
    assert reply.status == 202
    run = reply.body["data"]
    assert (run["trigger"], run["status"], run["scheduleId"]) == ("manual", "queued", made["id"])
    assert sent == [Job(ada.tenant_id, UUID(run["id"]))]
    assert ada.post(f"{path}/run", None).error["code"] == "RUN_IN_PROGRESS"
    after = ada.get(path).data
    assert (after["totalRuns"], after["runCount"], after["lastStatus"]) == (1, 0, "queued")
    assert after["nextRun"] == made["nextRun"]
    assert ada.get(f"{path}/runs").data == [run]
    assert ada.get(f"{path}/runs/{run['id']}").data == run


def test_pausing_drops_what_no_worker_has_taken_up(ada: Client, sent: list[Job]) -> None:
    made = created(ada)
    path = f"/api/schedules/{made['id']}"
    ada.post(f"{path}/run", None)
    ada.post(f"{path}/pause", None)
    assert [run["status"] for run in ada.get(f"{path}/runs").data] == ["cancelled"]

    ada.post(f"{path}/resume", None)
    ada.post(f"{path}/run", None)
    ada.as_admin("UPDATE schedule_runs SET status = 'running' WHERE tenant_id = :tenant_id AND status = 'queued'")
    ada.post(f"{path}/pause", None)
    assert [run["status"] for run in ada.get(f"{path}/runs").data] == ["running", "cancelled"]


def test_runs_come_in_pages_the_newest_first(ada: Client) -> None:
    made = created(ada)
    for minute in range(5):
        ada.as_admin(
            """
            INSERT INTO schedule_runs (id, tenant_id, user_id, schedule_id, planned_at, trigger, status, output)
            SELECT :id, s.tenant_id, s.user_id, s.id, now() + :minute * interval '1 minute', 'clock', 'succeeded',
                repeat('x', :length ::int)
            FROM schedules s WHERE s.tenant_id = :tenant_id
            """,
            id=new_id(),
            minute=minute,
            length=minute * 1000,
        )
    path = f"/api/schedules/{made['id']}/runs"
    first = ada.get(path, limit=2)
    second = ada.get(path, limit=2, cursor=first.body["meta"]["nextCursor"])
    third = ada.get(path, limit=2, cursor=second.body["meta"]["nextCursor"])
    outputs = [run for page in (first, second, third) for run in page.data]
    assert [len(run["output"]) for run in outputs] == [2000, 2000, 2000, 1000, 0]
    assert [run["outputTruncated"] for run in outputs] == [True, True, False, False, False]
    assert third.body["meta"]["nextCursor"] is None
    with ada.database.autocommit(Scope(tenant_id=ada.tenant_id)) as connection:
        where = (ada.tenant_id, ada.desk().member.user_id, UUID(made["id"]))
        (row,) = own_runs.page(connection, *where, before=None, rows=1, characters=2000)
    assert max(len(str(value)) for value in asdict(row).values()) == 2000  # the rest of an output stays in the database
    assert len(ada.get(f"{path}/{outputs[0]['id']}").data["output"]) == 4000
    assert ada.get(path, cursor="WyJub25zZW5zZSJd").status == 400


def test_a_schedule_goes_with_its_runs(ada: Client, sent: list[Job]) -> None:
    made = created(ada)
    path = f"/api/schedules/{made['id']}"
    ada.post(f"{path}/run", None)
    assert ada.delete(path).data == {"deleted": True}
    assert ada.delete(path).status == 404
    assert ada.get(f"{path}/runs").status == 404


def test_trap_a_schedule_is_not_changed_by_id_alone(
    ada: Client, bob: Client, stranger: Client, sent: list[Job]
) -> None:
    made = created(ada)
    path = f"/api/schedules/{made['id']}"
    run = ada.post(f"{path}/run", None).body["data"]
    before = ada.get(path).data
    for other in (bob, stranger):
        own = created(other)
        assert other.get(path).status == 404
        assert other.patch(path, {"name": "Mine"}).status == 404
        assert other.delete(path).status == 404
        for verb in ("pause", "resume", "run", "webhook-secret"):
            assert other.post(f"{path}/{verb}", None).status == 404
        assert other.get(f"{path}/runs").status == 404
        assert other.get(f"{path}/runs/{run['id']}").status == 404
        # Nor a run through a schedule that is theirs.
        assert other.get(f"/api/schedules/{own['id']}/runs/{run['id']}").status == 404
        assert [one["id"] for one in other.get("/api/schedules").data] == [own["id"]]
    assert ada.get(path).data == before
    assert ada.get("/api/schedules/not-an-id").status == 404
