"""The streaming runtime loop against a Runtime API that is a real server on a real socket."""

import base64
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stoa.runtime import streaming
from stoa.runtime.streaming import RuntimeApi, load_handler, serve_one

PATIENCE = 10.0  # seconds before a test that waits for another thread gives up; never waited for when all is well
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Received:
    """A request that the runtime loop sent."""

    path: str
    headers: dict[str, str]
    pieces: list[bytes] = field(default_factory=list)
    trailers: dict[str, str] = field(default_factory=dict)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def answer(self) -> tuple[dict[str, Any], bytes]:
        """The prelude and the payload of a streamed answer."""
        prelude, _, payload = self.body.partition(b"\0" * 8)
        return json.loads(prelude), payload


class FakeRuntimeApi(ThreadingHTTPServer):
    """Hands out `events` one by one and records what comes back."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Requests)
        self.events: list[dict[str, Any]] = []
        self.received: list[Received] = []
        self.piece_arrived = threading.Event()
        self.hang_up_after: int | None = None
        self.final_status = 202
        self.next_status = 200

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_port}"


class _Requests(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeRuntimeApi

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        body = json.dumps(self.server.events.pop(0)).encode()
        self.send_response(self.server.next_status)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "request-1")
        self.send_header("Lambda-Runtime-Deadline-Ms", "4102444800000")
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:eu-central-1:1:function:chat")
        self.send_header("Lambda-Runtime-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        received = Received(self.path, dict(self.headers.items()))
        self.server.received.append(received)
        if self.headers.get("Transfer-Encoding") == "chunked":
            if not self._read_chunks(received):
                return
        else:
            received.pieces.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(self.server.final_status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _read_chunks(self, received: Received) -> bool:
        while (size := int(self.rfile.readline(), 16)) > 0:
            received.pieces.append(self.rfile.read(size))
            assert self.rfile.readline() == b"\r\n"
            self.server.piece_arrived.set()
            if self.server.hang_up_after == len(received.pieces):
                self._hang_up()
                return False
        while (line := self.rfile.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            received.trailers[name] = value.strip()
        return True

    def _hang_up(self) -> None:
        # A reset at once, so that the writer's next write fails however small it is.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.rfile.close()
        self.wfile.close()
        self.connection.close()
        self.close_connection = True

    def finish(self) -> None:
        if not self.wfile.closed:
            super().finish()


@dataclass
class Streamed:
    body: Iterator[bytes]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "text/event-stream"})


@pytest.fixture
def lambda_api(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRuntimeApi]:
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "")
    server = FakeRuntimeApi()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join(PATIENCE)
    server.server_close()


def serve(lambda_api: FakeRuntimeApi, handler: Any, event: dict[str, Any] | None = None) -> Received:
    lambda_api.events.append(event or {})
    serve_one(RuntimeApi(lambda_api.address), handler)
    return lambda_api.received[-1]


def test_the_answer_is_a_prelude_eight_nuls_and_the_payload(lambda_api: FakeRuntimeApi) -> None:
    received = serve(lambda_api, lambda event, context: Streamed(iter([b"one", b"", b"two"]), status=201))

    assert received.path == "/2018-06-01/runtime/invocation/request-1/response"
    assert received.headers["Lambda-Runtime-Function-Response-Mode"] == "streaming"
    assert received.headers["Content-Type"] == "application/vnd.awslambda.http-integration-response"
    assert received.answer() == ({"statusCode": 201, "headers": {"Content-Type": "text/event-stream"}}, b"onetwo")
    assert received.trailers == {}


def test_the_first_piece_arrives_while_the_handler_is_still_producing(lambda_api: FakeRuntimeApi) -> None:
    seen: list[bool] = []

    def produce() -> Iterator[bytes]:
        yield b"first"
        seen.append(lambda_api.piece_arrived.wait(PATIENCE))  # set by the server when it has read the first piece
        yield b"second"

    received = serve(lambda_api, lambda event, context: Streamed(produce()))

    assert seen == [True]
    assert received.answer()[1] == b"firstsecond"


def test_an_empty_body_is_still_a_whole_answer(lambda_api: FakeRuntimeApi) -> None:
    received = serve(lambda_api, lambda event, context: Streamed(iter([]), status=204))

    assert received.answer()[0]["statusCode"] == 204
    assert received.answer()[1] == b""


def test_the_handler_is_given_the_event_and_a_context(lambda_api: FakeRuntimeApi, monkeypatch: Any) -> None:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "stoa-chat")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1024")
    given: list[Any] = []

    def handler(event: dict[str, Any], context: streaming.Context) -> Streamed:
        given.extend([event, context, os.environ["_X_AMZN_TRACE_ID"]])
        return Streamed(iter([b"x"]))

    serve(lambda_api, handler, {"body": "hello"})

    event, context, trace = given
    assert event == {"body": "hello"}
    assert (context.aws_request_id, context.function_name, context.memory_limit_in_mb) == (
        "request-1",
        "stoa-chat",
        "1024",
    )
    assert context.invoked_function_arn.endswith(":function:chat")
    assert context.get_remaining_time_in_millis() > 0
    assert trace == "Root=1-5759e988-bd862e3fe1be46a994272793"


def test_no_time_remains_after_the_deadline() -> None:
    context = streaming.Context("r", "arn", 1, "chat", "1", "128", "group", "stream")

    assert context.get_remaining_time_in_millis() == 0


def test_a_reader_that_goes_away_closes_the_body(lambda_api: FakeRuntimeApi, capsys: Any) -> None:
    lambda_api.hang_up_after = 1
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            closed.set()

    serve(lambda_api, lambda event, context: Streamed(endless()))

    assert closed.is_set()
    assert "its reader is gone" in capsys.readouterr().out


@pytest.mark.parametrize("when", ["before the answer", "before the first piece"])
def test_a_failure_before_the_first_byte_is_lambdas_error(lambda_api: FakeRuntimeApi, when: str, capsys: Any) -> None:
    def failing() -> Iterator[bytes]:
        raise ValueError("my secret words")
        yield b""

    def handler(event: dict[str, Any], context: Any) -> Streamed:
        if when == "before the answer":
            raise ValueError("my secret words")
        return Streamed(failing())

    received = serve(lambda_api, handler)

    assert received.path == "/2018-06-01/runtime/invocation/request-1/error"
    assert received.headers["Lambda-Runtime-Function-Error-Type"] == "Function.ValueError"
    error = json.loads(received.body)
    assert error["errorType"] == "ValueError"
    assert error["stackTrace"][-1].startswith("test_streaming_runtime.py:")
    logged = capsys.readouterr().out
    assert json.loads(logged)["error_type"] == "ValueError"
    assert "secret" not in logged + received.body.decode()


def test_a_failure_in_the_middle_ends_the_stream_with_error_trailers(lambda_api: FakeRuntimeApi) -> None:
    closed: list[bool] = []

    def failing() -> Iterator[bytes]:
        try:
            yield b"so far"
            raise KeyError("gone")
        finally:
            closed.append(True)

    received = serve(lambda_api, lambda event, context: Streamed(failing()))

    assert received.answer()[1] == b"so far"
    assert received.headers["Trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"
    assert received.trailers["Lambda-Runtime-Function-Error-Type"] == "Function.KeyError"
    body = json.loads(base64.b64decode(received.trailers["Lambda-Runtime-Function-Error-Body"]))
    assert body["errorType"] == "KeyError"
    assert closed == [True]


def test_a_socket_error_of_the_provider_is_a_failure_and_not_a_lost_reader(lambda_api: FakeRuntimeApi) -> None:
    def failing() -> Iterator[bytes]:
        yield b"so far"
        raise ConnectionResetError("the provider's")

    received = serve(lambda_api, lambda event, context: Streamed(failing()))

    assert received.trailers["Lambda-Runtime-Function-Error-Type"] == "Function.ConnectionResetError"


def test_an_answer_that_lambda_refuses_at_its_end_is_logged(lambda_api: FakeRuntimeApi, capsys: Any) -> None:
    lambda_api.final_status = 413

    serve(lambda_api, lambda event, context: Streamed(iter([b"x"])))

    assert json.loads(capsys.readouterr().out)["level"] == "WARNING"


def test_a_body_that_fails_while_it_is_closed_does_not_end_the_loop(lambda_api: FakeRuntimeApi, capsys: Any) -> None:
    lambda_api.hang_up_after = 1

    def stubborn() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 65536
        finally:
            raise RuntimeError("while settling")

    serve(lambda_api, lambda event, context: Streamed(stubborn()))

    assert "RuntimeError" in capsys.readouterr().out


def test_the_loop_serves_again_after_a_failure(lambda_api: FakeRuntimeApi) -> None:
    def handler(event: dict[str, Any], context: Any) -> Streamed:
        if event == {"fail": True}:
            raise ValueError
        return Streamed(iter([b"fine"]))

    lambda_api.events.extend([{"fail": True}, {}])
    api = RuntimeApi(lambda_api.address)
    serve_one(api, handler)
    serve_one(api, handler)

    assert [received.path.rpartition("/")[2] for received in lambda_api.received] == ["error", "response"]


def test_an_answer_other_than_an_invocation_stops_the_loop(lambda_api: FakeRuntimeApi) -> None:
    lambda_api.next_status = 500

    with pytest.raises(streaming.HTTPException, match="500"):
        serve(lambda_api, lambda event, context: Streamed(iter([b"x"])))


def test_the_handler_is_loaded_from_the_task_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "loaded_by_test.py").write_text("def handler(event, context): return 'found'\n")
    monkeypatch.setattr(sys, "path", list(sys.path))

    assert load_handler("loaded_by_test.handler", str(tmp_path))({}, None) == "found"  # type: ignore[arg-type, comparison-overlap]


def run_script(lambda_api: FakeRuntimeApi, task_root: Path) -> subprocess.CompletedProcess[str]:
    """functions/chat/run.sh as Lambda starts it, with this interpreter in the place of Lambda's."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_LAMBDA_RUNTIME_API": lambda_api.address,
        "LAMBDA_TASK_ROOT": str(task_root),
        "PYTHONPATH": str(REPOSITORY / "layers" / "common"),
        "_HANDLER": "handler.handler",
    }
    command = ["sh", str(REPOSITORY / "functions" / "chat" / "run.sh"), sys.executable, "ignored.py"]
    return subprocess.run(command, env=environment, timeout=60, capture_output=True, text=True)


def test_run_sh_serves_until_the_runtime_api_ends(lambda_api: FakeRuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text(
        "class Answer:\n"
        "    status, headers = 200, {}\n"
        "    def __init__(self, body): self.body = body\n"
        "def handler(event, context): return Answer(iter([event['say'].encode()]))\n"
    )
    lambda_api.events.append({"say": "hello"})  # the second GET finds no event left and the server drops the connection

    ended = run_script(lambda_api, tmp_path)

    assert lambda_api.received[0].answer()[1] == b"hello"
    assert ended.returncode != 0


def test_a_handler_that_cannot_be_imported_is_an_init_error(lambda_api: FakeRuntimeApi, tmp_path: Path) -> None:
    (tmp_path / "handler.py").write_text("import no_such_module_of_ours\n")

    ended = run_script(lambda_api, tmp_path)

    (received,) = lambda_api.received
    assert received.path == "/2018-06-01/runtime/init/error"
    assert json.loads(received.body)["errorMessage"] == "No module named 'no_such_module_of_ours'"
    assert ended.returncode == 1
