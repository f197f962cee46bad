"""A Lambda runtime loop that streams: what `functions/chat/run.sh` starts in the place of Python's managed runtime.

Python's managed runtime collects the whole answer before it sends it. This loop speaks the same documented Runtime API
and sends each piece of the answer when it is produced. It is the only part of Stoa that knows this protocol: the
handler returns an object with `status`, `headers` and `body` (an iterator of bytes), as `StreamingAnswer` is
(stoa/http/answers.py).

See docs/decisions/0002-streaming-runtime.md. Standard library only: its imports are part of every cold start.
"""

import base64
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, Protocol

from msgspec import Struct

API = "/2018-06-01/runtime"
# API Gateway and function URLs read the status and headers from a JSON prelude, which eight NUL bytes end.
PRELUDE_END = b"\0" * 8
PRELUDE_TYPE = "application/vnd.awslambda.http-integration-response"
ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
ERROR_BODY = "Lambda-Runtime-Function-Error-Body"


class Answer(Protocol):
    """The answer that a streaming handler returns."""

    status: int
    headers: dict[str, str]
    body: Iterator[bytes]


class Context(Struct, frozen=True):
    """Tells a handler about its invocation, under the names of AWS's own Python context."""

    aws_request_id: str
    invoked_function_arn: str
    deadline_ms: int
    """When Lambda ends this invocation, in milliseconds since the epoch."""
    function_name: str
    function_version: str
    memory_limit_in_mb: str
    log_group_name: str
    log_stream_name: str

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds left before Lambda ends this invocation; never below zero."""
        return max(0, self.deadline_ms - int(time.time() * 1000))


Handler = Callable[[dict[str, Any], Context], Answer]


class Invocation(Struct, frozen=True):
    """A request taken from the Runtime API."""

    event: dict[str, Any]
    context: Context


class RuntimeApi:
    """The Runtime API at `address` (host:port). Every call raises OSError or HTTPException when it is out of reach."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._connection = HTTPConnection(address)

    def next(self) -> Invocation:
        """Wait for the next invocation, for as long as Lambda keeps this instance frozen."""
        self._connection.request("GET", f"{API}/invocation/next")
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise HTTPException(f"the Runtime API answered {response.status} instead of an invocation")
        # The X-Ray daemon's clients and the AWS SDK read the trace from here, as under the managed runtime.
        os.environ["_X_AMZN_TRACE_ID"] = response.headers.get("Lambda-Runtime-Trace-Id", "")
        return Invocation(json.loads(body), _context(response, os.environ))

    def fail_invocation(self, request_id: str, error: BaseException) -> None:
        """Report that an invocation failed before any of its answer was sent."""
        self._post_error(f"{API}/invocation/{request_id}/error", error)

    def fail_init(self, error: BaseException) -> None:
        """Report that the handler could not be loaded."""
        self._post_error(f"{API}/init/error", error)

    def _post_error(self, path: str, error: BaseException) -> None:
        headers = {"Content-Type": "application/json", ERROR_TYPE: _error_type(error)}
        self._connection.request("POST", path, json.dumps(describe(error)), headers)
        self._connection.getresponse().read()

    def open_response(self, request_id: str) -> "ResponseStream":
        """Start the streamed answer of an invocation, on a connection of its own (the protocol ends with its close)."""
        return ResponseStream(self._address, request_id)


class ResponseStream:
    """The chunked request that carries one streamed answer to Lambda."""

    def __init__(self, address: str, request_id: str) -> None:
        self._connection = HTTPConnection(address)
        self._connection.putrequest("POST", f"{API}/invocation/{request_id}/response")
        self._connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        self._connection.putheader("Transfer-Encoding", "chunked")
        self._connection.putheader("Content-Type", PRELUDE_TYPE)
        self._connection.putheader("Trailer", f"{ERROR_TYPE}, {ERROR_BODY}")
        self._connection.endheaders()

    def write(self, piece: bytes) -> None:
        """Send one piece at once. Nothing is sent for an empty one: an empty chunk would end the answer."""
        if piece:
            self._connection.send(b"%x\r\n%b\r\n" % (len(piece), piece))

    def finish(self, error: BaseException | None = None) -> None:
        """End the answer, with the error that cut it short if there was one, and wait for Lambda to take it."""
        trailers = b""
        if error is not None:
            described = base64.b64encode(json.dumps(describe(error)).encode())
            trailers = b"%b: %b\r\n%b: %b\r\n" % (
                ERROR_TYPE.encode(),
                _error_type(error).encode(),
                ERROR_BODY.encode(),
                described,
            )
        self._connection.send(b"0\r\n" + trailers + b"\r\n")
        response = self._connection.getresponse()
        response.read()
        if response.status >= 400:
            raise HTTPException(f"the Runtime API answered {response.status} to the end of the answer")

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


def serve_one(api: RuntimeApi, handler: Handler) -> None:
    """Take one invocation, run the handler and stream its answer.

    A failure before the first piece is Lambda's own error answer; one in the middle ends the stream with trailers.
    When the reader is gone the body is closed, so that the handler can stop its provider and settle.
    """
    invocation = api.next()
    request_id = invocation.context.aws_request_id
    try:
        answer = handler(invocation.event, invocation.context)
        # The first piece is produced before anything is sent, so that a handler that fails at once still gets an error.
        first = next(answer.body, b"")
    except Exception as error:  # noqa: BLE001 - the runtime's edge: whatever the handler raises is reported to Lambda
        log_failure(error, request_id)
        api.fail_invocation(request_id, error)
        return
    try:
        stream_answer(api.open_response(request_id), answer, first, request_id)
    except (OSError, HTTPException) as error:
        log_line("WARNING", "Lambda took no more of the answer: its reader is gone.", request_id, type(error).__name__)
    finally:
        close_body(answer.body, request_id)


def stream_answer(response: ResponseStream, answer: Answer, first: bytes, request_id: str) -> None:
    """Send prelude, first piece and the rest. Raises OSError or HTTPException when Lambda takes no more."""
    prelude = json.dumps({"statusCode": answer.status, "headers": answer.headers}).encode()
    try:
        response.write(prelude + PRELUDE_END + first)
        failure = None
        while (piece := _next_piece(answer.body)) is not None:
            if isinstance(piece, Exception):
                failure = piece
                log_failure(failure, request_id)
                break
            response.write(piece)
        response.finish(failure)
    finally:
        response.close()


def _next_piece(body: Iterator[bytes]) -> bytes | Exception | None:
    """Returns the next piece, None at the end, or what the handler raised, to tell it from what sending raises."""
    try:
        return next(body, None)
    except Exception as error:  # noqa: BLE001 - reported in the trailers
        return error


def close_body(body: Iterator[bytes], request_id: str) -> None:
    """Close a generator that may not have run to its end; what it raises while it cleans up is logged."""
    try:
        getattr(body, "close", lambda: None)()
    except Exception as error:  # noqa: BLE001 - the answer is over: nobody is left to tell but the log
        log_failure(error, request_id)


def load_handler(name: str, task_root: str) -> Handler:
    """Returns the function that `name` ("module.function") means in the folder `task_root`.

    Raises ImportError or AttributeError when there is none, and whatever the module raises when it is imported.
    """
    if task_root not in sys.path:
        sys.path.insert(0, task_root)
    module, _, function = name.rpartition(".")
    gc.disable()  # imports leave no garbage, and looking for it was a tenth of the start
    try:
        handler: Handler = getattr(importlib.import_module(module.replace("/", ".")), function)
    finally:
        gc.freeze()
        gc.enable()
    return handler


def describe(error: BaseException) -> dict[str, Any]:
    """Returns an error in the Runtime API's form: its type and where it happened.

    Its text is left out, because a driver's or a provider's text may carry a user's words and this goes to logs and to
    callers. A module that cannot be imported is named: that text is ours.
    """
    import traceback  # only where something failed

    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
    message = str(error) if isinstance(error, ImportError) else "The function failed; its log says where."
    return {"errorMessage": message, "errorType": type(error).__name__, "stackTrace": where}


def log_failure(error: BaseException, request_id: str | None) -> None:
    """Logs the error's type and place as one JSON line."""
    described = describe(error)
    log_line("ERROR", described["errorMessage"], request_id, described["errorType"], described["stackTrace"])


def log_line(level: str, message: str, request_id: str | None, error_type: str, where: list[str] | None = None) -> None:
    """Writes a structured log line, in the keys that Powertools' Logger uses."""
    line = {
        "level": level,
        "location": "stoa.runtime.streaming",
        "message": message,
        "service": os.environ.get("POWERTOOLS_SERVICE_NAME", "chat"),
        "function_request_id": request_id,
        "error_type": error_type,
        "stack": where or [],
    }
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _error_type(error: BaseException) -> str:
    return f"Function.{type(error).__name__}"


def _context(response: HTTPResponse, environment: Mapping[str, str]) -> Context:
    return Context(
        aws_request_id=response.headers["Lambda-Runtime-Aws-Request-Id"],
        invoked_function_arn=response.headers.get("Lambda-Runtime-Invoked-Function-Arn", ""),
        deadline_ms=int(response.headers.get("Lambda-Runtime-Deadline-Ms", "0")),
        function_name=environment.get("AWS_LAMBDA_FUNCTION_NAME", ""),
        function_version=environment.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        memory_limit_in_mb=environment.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", ""),
        log_group_name=environment.get("AWS_LAMBDA_LOG_GROUP_NAME", ""),
        log_stream_name=environment.get("AWS_LAMBDA_LOG_STREAM_NAME", ""),
    )


def main() -> None:
    """Load the handler that Lambda's environment names and serve until Lambda ends the process."""
    api = RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])
    try:
        handler = load_handler(os.environ["_HANDLER"], os.environ.get("LAMBDA_TASK_ROOT", "."))
    except Exception as error:  # noqa: BLE001 - an import may raise anything; Lambda is told, then the process ends
        log_failure(error, None)
        api.fail_init(error)
        sys.exit(1)
    while True:
        serve_one(api, handler)


if __name__ == "__main__":
    main()
