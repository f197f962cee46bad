"""Scheduled prompts through the whole local stack: HTTP, the queue, a worker, the practice provider, mail, files."""

import json
import os
import signal
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from dev.children import free_port
from tests.running_stack import Running

pytestmark = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="would fill somebody's database with demo data")

SECONDS = 40.0
PROMPT = "a sentence that no log may show"


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with tempfile.TemporaryDirectory(prefix="stoa-run-") as path:
        started = Running(Path(path) / ".stoa", free_port())
        try:
            started.wait_for_line("Providers without a key")
            yield started
        finally:
            started.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def token(running: Running) -> str:
    _, answer = call(running, None, "POST", "/dev/token", {"email": "ada@demo.test"})
    return str(answer["access_token"])


def call(running: Running, token: str | None, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    connection = HTTPConnection("127.0.0.1", running.port, timeout=30)
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    connection.request(method, path, None if body is None else json.dumps(body), headers)
    answer = connection.getresponse()
    read = json.loads(answer.read())
    connection.close()
    return answer.status, read


def schedule(running: Running, token: str, **changes: Any) -> str:
    body = {
        "name": "Through the stack",
        "prompt": PROMPT,
        "model": "gpt-4o-mini",
        "type": "cron",
        "cronExpression": "0 9 * * *",
        "outputDestination": "email",
    }
    status, answer = call(running, token, "POST", "/api/schedules", body | changes)
    assert status == 201, answer
    return f"/api/schedules/{answer['data']['id']}"


def ended_run(running: Running, token: str, path: str) -> dict[str, Any]:
    """The schedule's one run when it has ended and its output is delivered."""
    give_up = time.monotonic() + SECONDS
    while time.monotonic() < give_up:
        call(running, None, "POST", "/dev/run/mailer")
        _, answer = call(running, token, "GET", f"{path}/runs")
        for run in answer["data"]:
            if run["status"] in ("succeeded", "failed") and (run["delivery"] or {}).get("status") != "pending":
                found: dict[str, Any] = run
                return found
    raise AssertionError(answer)


def test_run_now_goes_through_the_queue_and_is_mailed(running: Running, token: str) -> None:
    path = schedule(running, token)
    status, started = call(running, token, "POST", f"{path}/run")
    assert (status, started["data"]["status"]) == (202, "queued")
    run = ended_run(running, token, path)
    assert (run["status"], run["modelId"], run["delivery"]["status"]) == ("succeeded", "gpt-4o-mini", "delivered")
    assert run["output"]
    assert float(run["charge"]) > 0
    status, conversation = call(running, token, "GET", f"/api/conversations/{run['conversationId']}")
    assert [message["content"] for message in conversation["data"]["messages"]] == [PROMPT, run["output"]]
    _, mail = call(running, None, "GET", "/dev/mail")
    (one,) = [mail for mail in mail["data"] if mail["subject"] == "Through the stack"]
    assert one["to"] == ["ada@demo.test"]
    assert one["text"].startswith(run["output"])


def test_the_tick_runs_what_is_due_and_a_file_is_linked(running: Running, token: str) -> None:
    soon = time.time() + 1.5
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(soon)) + f".{int(soon % 1 * 1000):03}Z"
    change = {"type": "once", "cronExpression": None, "runAt": at, "outputDestination": "storage"}
    path = schedule(running, token, **change)
    planned = 0
    while not planned and time.time() < soon + SECONDS:  # no clock in the stack can be set: tick until it is due
        status, answer = call(running, None, "POST", "/dev/run/scheduled_prompts")
        assert status == 200, answer
        planned = answer["returned"]["planned"]
    run = ended_run(running, token, path)
    assert (run["status"], run["trigger"]) == ("succeeded", "schedule")
    _, alone = call(running, token, "GET", f"{path}/runs/{run['id']}")
    with urllib.request.urlopen(alone["data"]["delivery"]["link"], timeout=10) as file:
        assert file.read().decode() == alone["data"]["output"]
    _, after = call(running, token, "GET", path)
    assert (after["data"]["isActive"], after["data"]["inactiveReason"]) == (False, "completed")


def test_no_log_shows_a_prompt_or_an_output(running: Running, token: str) -> None:
    path = schedule(running, token)
    call(running, token, "POST", f"{path}/run")
    run = ended_run(running, token, path)
    logs = "\n".join(running.lines)
    assert "/api/schedules" in logs
    assert PROMPT not in logs
    assert run["output"][:40] not in logs
