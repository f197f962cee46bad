"""Scheduled prompts through the whole stack: HTTP, the tick, the queue, a worker, a practice provider, mail, files."""

import urllib.request
from decimal import Decimal
from typing import Any

import pytest

from tests.e2e.clients import Client, Stack, until

PROMPT = "a sentence that no log may show"
MORNINGS = {
    "name": "Mornings",
    "prompt": PROMPT,
    "model": "gpt-4o-mini",
    "type": "cron",
    "cronExpression": "0 9 * * *",
    "timezone": "Asia/Kathmandu",
    "outputDestination": "email",
}
FILE = {"outputDestination": "storage"}
HOOK = {"outputDestination": "webhook", "webhookUrl": "https://hooks.example.com/stoa"}


@pytest.fixture
def member(stack: Stack) -> Client:
    return Client(stack.port, "ada@clocks.test", "clocks")


def make(member: Client, **changes: Any) -> str:
    """The path of a new schedule."""
    status, answer = member.call("POST", "/api/schedules", MORNINGS | changes)
    assert status == 201, answer
    return f"/api/schedules/{answer['data']['id']}"


def ended_run(member: Client, path: str) -> dict[str, Any]:
    """The schedule's newest run, when it has ended and its output, if any, has been delivered."""

    def look() -> dict[str, Any] | None:
        member.call("POST", "/dev/run/mailer")
        runs = member.call("GET", f"{path}/runs")[1]["data"]
        if not runs or runs[0]["status"] not in ("succeeded", "failed"):
            return None
        run: dict[str, Any] = runs[0]
        delivery = run["delivery"] or {"status": "none"}
        return run if delivery["status"] != "pending" else None

    return until(look)


def test_the_rhythm_is_told_before_anything_is_made(member: Client) -> None:
    rhythm = {name: MORNINGS[name] for name in ("type", "cronExpression", "timezone")}
    status, answer = member.call("POST", "/api/schedules/preview", rhythm)
    assert (status, answer["data"]["description"]) == (200, "Every day at 09:00 (Kathmandu time)")
    assert [run["at"][10:16] for run in answer["data"]["nextRuns"]] == ["T03:15"] * 5
    assert [run["local"][10:] for run in answer["data"]["nextRuns"]] == ["T09:00:00+05:45"] * 5
    assert member.call("GET", "/api/schedules")[1]["data"] == []


def test_run_now_goes_through_the_queue_and_is_mailed(stack: Stack, member: Client) -> None:
    path = make(member)
    status, started = member.call("POST", f"{path}/run")
    assert (status, started["data"]["status"], started["data"]["trigger"]) == (202, "queued", "manual")
    run = ended_run(member, path)
    assert (run["status"], run["modelId"], run["delivery"]["status"]) == ("succeeded", "gpt-4o-mini", "delivered")
    assert (run["inputTokens"], run["outputTokens"] > 0) == (len(PROMPT.split()), True)
    assert Decimal(run["charge"]) > 0
    saved = member.call("GET", f"/api/conversations/{run['conversationId']}")[1]["data"]["messages"]
    assert [message["content"] for message in saved] == [PROMPT, run["output"]]
    (mail,) = [one for one in member.call("GET", "/dev/mail")[1]["data"] if one["to"] == ["ada@clocks.test"]]
    assert mail["subject"] == "Mornings"
    assert mail["text"].startswith(run["output"])
    listed = member.call("GET", path)[1]["data"]
    assert (listed["totalRuns"], listed["lastStatus"], listed["runCount"]) == (1, "succeeded", 0)
    logs = "\n".join(stack.running.lines)
    assert "/api/schedules" in logs
    assert PROMPT not in logs
    assert run["output"][:40] not in logs


def test_the_tick_runs_what_is_due_and_its_file_is_linked(stack: Stack, member: Client) -> None:
    path = make(member, maxRuns=1, **FILE)
    # The time comes.
    stack.query("UPDATE schedules SET next_run = now() WHERE id = :id", id=path.rpartition("/")[2])
    status, answer = member.call("POST", "/dev/run/scheduled_prompts")  # or the minute's own tick, whichever is first
    assert (status, answer["returned"]["tenants_failed"]) == (200, 0)
    run = ended_run(member, path)
    assert (run["status"], run["trigger"], run["delivery"]["status"]) == ("succeeded", "schedule", "delivered")
    alone = member.call("GET", f"{path}/runs/{run['id']}")[1]["data"]
    with urllib.request.urlopen(alone["delivery"]["link"], timeout=10) as file:
        assert file.read().decode() == alone["output"]
    after = member.call("GET", path)[1]["data"]
    assert (after["isActive"], after["inactiveReason"], after["runCount"]) == (False, "max_runs", 1)
    assert member.call("POST", "/dev/run/scheduled_prompts")[1]["returned"]["planned"] == 0


def test_a_webhook_goes_to_public_addresses_alone_and_its_secret_is_shown_once(member: Client) -> None:
    for url in ("https://127.0.0.1/", "https://[::1]/", "https://169.254.169.254/latest", "https://10.0.0.7/"):
        status, answer = member.call("POST", "/api/schedules", {**MORNINGS, **HOOK, "webhookUrl": url})
        assert (status, answer["error"]["details"][0]["path"]) == (422, "webhookUrl")
    made = member.call("POST", "/api/schedules", MORNINGS | HOOK)[1]["data"]
    assert made["webhookSecret"].startswith("whsec_")
    path = f"/api/schedules/{made['id']}"
    assert "whsec_" not in str(member.call("GET", path)) + str(member.call("GET", "/api/schedules"))
    again = member.call("POST", f"{path}/webhook-secret")[1]["data"]["webhookSecret"]
    assert again.startswith("whsec_")
    assert again != made["webhookSecret"]


def test_a_run_that_its_owner_may_not_have_fails_with_the_reason(member: Client) -> None:
    path = make(member, model="gpt-4o")
    for _ in range(2):  # the trial messages
        assert member.chat(modelId="gpt-4o")[0] == 200
    member.call("POST", f"{path}/run")
    run = ended_run(member, path)
    assert (run["status"], run["error"]["code"], run["charge"]) == ("failed", "MODEL_LOCKED", None)
    assert member.call("POST", f"{path}/pause")[1]["data"]["nextRun"] is None
    assert member.call("POST", f"{path}/resume")[1]["data"]["nextRun"] is not None


def test_another_members_schedule_is_404_on_every_verb(stack: Stack, member: Client) -> None:
    path = make(member)
    other = Client(stack.port, "ben@clocks.test", "clocks", "admin")
    calls: list[tuple[str, str, Any]] = [
        ("GET", path, None),
        ("PATCH", path, {"name": "Mine"}),
        ("DELETE", path, None),
        ("GET", f"{path}/runs", None),
        ("GET", f"{path}/runs/{path.rpartition('/')[2]}", None),
        *(("POST", f"{path}/{verb}", None) for verb in ("pause", "resume", "run", "webhook-secret")),
    ]
    assert {other.call(method, at, body)[0] for method, at, body in calls} == {404}
    assert other.call("GET", "/api/schedules")[1]["data"] == []
    assert member.call("DELETE", path)[0] == 200
