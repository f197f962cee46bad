"""Practice providers as a person starts and steers them: by command and curl."""

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from dev.practice import control, provider_url

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    command = [sys.executable, "-m", "dev.practice", "--port", "0", "--delay-ms", "0"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    found = re.search(r"http://127\.0\.0\.1:(\d+)$", process.stdout.readline().strip())
    assert found is not None
    with socket.create_connection(("127.0.0.1", int(found[1]))) as idle:  # stopping waits for no client
        idle.sendall(b"GET /practice/health HTTP/1.1\r\nHost: x\r\n\r\n")
        assert idle.recv(65536)
        yield int(found[1])
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, "")


@pytest.fixture(autouse=True)
def clean(port: int) -> None:
    control(port, "DELETE", "/faults")
    control(port, "DELETE", "/calls")


def ask(port: int, content: str = "hello there", **headers: str) -> str:
    request = urllib.request.Request(
        provider_url(port, "openai") + "/chat/completions",
        data=json.dumps({"model": "m", "messages": [{"role": "user", "content": content}]}).encode(),
        headers={"Authorization": "Bearer sk-of-a-person", **headers},
    )
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)["choices"][0]["message"]["content"]


def test_it_says_that_it_is_practice_and_always_the_same(port: int) -> None:
    said = ask(port)
    assert "practice" in said
    assert said.endswith("has 2 words. You wrote: hello there")
    assert ask(port) == said


def test_a_fault_is_ordered_counted_down_and_taken_back(port: int) -> None:
    control(port, "POST", "/faults", {"fault": "error_503", "provider": "openai", "times": 1})
    with pytest.raises(urllib.error.HTTPError) as failure:
        ask(port)
    assert failure.value.code == 503
    assert ask(port)
    control(port, "POST", "/faults", {"fault": "error_503"})
    control(port, "DELETE", "/faults")
    assert ask(port)


def test_the_log_tells_who_called_and_not_what_was_said(port: int) -> None:
    ask(port, "my private diary")
    told = control(port, "GET", "/calls")
    (taken,) = told["calls"]
    assert (taken["provider"], taken["model"], taken["status"], taken["ended"]) == ("openai", "m", 200, "complete")
    assert told["counters"]["total"] == 1
    assert "authorization" in taken["headerNames"]
    assert len(taken["keySha256"]) == 16
    assert "diary" not in json.dumps(told)
    assert "sk-of-a-person" not in json.dumps(told)


@pytest.mark.parametrize(
    ("body", "named"),
    [({"fault": "explode"}, "explode"), ({"fault": "cut", "after": 1}, "after"), ({}, "fault")],
)
def test_an_order_that_makes_no_sense_is_refused_with_what_would(port: int, body: dict, named: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as failure:
        control(port, "POST", "/faults", body)
    message = json.load(failure.value)["error"]["message"]
    assert failure.value.code == 422
    assert named in message
    assert "slow_first_token" in message


@pytest.mark.parametrize("path", ["/nobody/v1/models", "/openai/v1/nothing", "/practice/nothing"])
def test_addresses_that_lead_nowhere(port: int, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20)
    assert failure.value.code == 404


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"model": "m"}', b'{"model": 3, "messages": "x"}'])
def test_requests_that_make_no_sense_are_400(port: int, body: bytes) -> None:
    request = urllib.request.Request(
        provider_url(port, "openai") + "/chat/completions", data=body, headers={"Authorization": "Bearer x"}
    )
    with pytest.raises(urllib.error.HTTPError) as failure:
        urllib.request.urlopen(request, timeout=20)
    assert failure.value.code == 400


def test_without_a_key_nobody_is_served(port: int) -> None:
    with pytest.raises(urllib.error.HTTPError) as failure:
        ask(port, Authorization="")
    assert failure.value.code == 401
