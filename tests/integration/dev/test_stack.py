"""`python -m dev.run` as a person meets it: what it prints works, and it stops without leaving anything behind."""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from http.client import HTTPConnection
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import pytest

from dev import ROOT, postgres
from dev.children import free_port
from stoa.database.dsn import parse_url
from stoa.database.wire import connect
from tests.running_stack import Running

pytestmark = pytest.mark.skipif("DATABASE_URL" in os.environ, reason="would fill somebody's database with demo data")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="stoa-run-") as path:
        yield Path(path) / ".stoa"


@pytest.fixture
def running(folder) -> Iterator[Running]:
    started = Running(folder, free_port())
    try:
        started.wait_for_line("Providers without a key")
        yield started
    finally:
        started.stop(signal.SIGTERM)


def printed_request(running: Running) -> tuple[dict[str, str], str]:
    """Headers and body of the curl command that was printed."""
    start = next(number for number, line in enumerate(running.lines) if line.startswith("curl -N "))
    words = shlex.split(" ".join(line.rstrip("\\") for line in running.lines[start : start + 4]))
    assert words[2] == f"http://127.0.0.1:{running.port}/api/chat"
    headers = dict(word.split(": ", 1) for option, word in pairwise(words) if option == "-H")
    return headers, words[words.index("-d") + 1]


def test_the_printed_request_streams_an_answer_whose_first_piece_comes_while_the_rest_is_made(running):
    headers, body = printed_request(running)
    connection = HTTPConnection("127.0.0.1", running.port, timeout=30)
    connection.request("POST", "/api/chat", body, headers)
    answer = connection.getresponse()
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    names, pieces = [], 0
    while piece := answer.read1(65_536):
        pieces += 1
        names += [line.removeprefix(b"event: ") for line in piece.split(b"\n") if line.startswith(b"event: ")]
    connection.close()
    assert names[0] == b"selection"
    assert set(names[1:-2]) == {b"content"}
    assert names[-2:] == [b"metadata", b"done"]
    assert pieces > 3
    practice = running.wait_for_line("To have them fail").rpartition(" ")[2]
    with urlopen(f"{practice}/calls", timeout=30) as calls:
        assert "gpt-6-luna" in calls.read().decode()


def test_a_client_that_leaves_in_the_middle_is_noticed(running):
    headers, body = printed_request(running)
    client = socket.create_connection(("127.0.0.1", running.port), 10)
    lines = [f"{name}: {value}" for name, value in {**headers, "Host": "a", "Content-Length": len(body)}.items()]
    client.sendall(("POST /api/chat HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n" + body).encode())
    while b"event: content" not in client.recv(65_536):
        """The provider is producing."""
    client.close()
    line = running.wait_for_line("POST /api/chat 200")
    assert line.endswith("not sent to its end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_cleanly_and_leaves_no_process(running, number):
    assert running.stop(number) == 0
    assert running.lines[-1].startswith("Stopped.")
    assert not (running.folder / "postgres" / "postmaster.pid").exists()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", running.port), 1)


def test_a_second_one_from_the_same_folder_or_on_the_same_port_says_what_to_do(running):
    command = [sys.executable, "-m", "dev.run", str(running.folder)]
    for port, expected in ((free_port(), "already runs from this folder"), (running.port, "Try another one")):
        environment = {**os.environ, "PORT": str(port)}
        second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert expected in second.stderr


def test_a_database_of_an_older_shape_is_refused_with_what_to_do():
    with tempfile.TemporaryDirectory(prefix="stoa-older-") as path:
        folder = Path(path) / ".stoa"
        server = postgres.start(folder / "postgres")
        older = connect(parse_url(server.url))
        older.execute_script("CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY)")
        older.execute_script("INSERT INTO schema_migrations VALUES ('0001')")
        older.close()
        server.stop()
        refused = Running(folder, free_port())
        assert refused.process.wait(60) == 1
        refused.stop(signal.SIGTERM)
    assert refused.lines[-2].startswith("The database is of an older shape")
    assert refused.lines[-1] == '"make reset" empties it (all local data is lost).'


def test_tokens_people_and_the_tenants_own_keys_stay_from_run_to_run(running):
    first = ask(running, "POST", "/dev/token", {"email": "admin@demo.test"})["access_token"]
    ask(running, "PUT", "/api/admin/provider-keys/openai", {"key": "sk-brought-along"}, first)
    assert running.stop(signal.SIGTERM) == 0
    again = Running(running.folder, running.port)
    try:
        again.wait_for_line("Providers without a key")
        answered = ask(again, "POST", "/api/chat", {"content": "Hi", "modelId": "gpt-4o-mini"}, first)
    finally:
        again.stop(signal.SIGTERM)
    assert answered["data"]["metadata"]["failedModels"] == []  # the key could be decrypted


def ask(running, method, path, document, token=None):
    connection = HTTPConnection("127.0.0.1", running.port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection.request(method, path, json.dumps(document), headers)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status == 200, body
    return body
