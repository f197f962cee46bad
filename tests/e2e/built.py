"""Built functions and how tests call them."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

from dev.build import ROOT
from dev.emulator import Emulator

Start = Callable[..., Emulator]


def sample(name: str) -> Any:
    return json.loads((ROOT / "events" / f"{name}.json").read_text())


def sample_for(name: str, tenant: UUID) -> Any:
    """The sample event of an API function, with the id of a tenant that is there."""
    event = sample(name)
    authorizer = event["requestContext"]["authorizer"]
    if "jwt" in authorizer:
        authorizer["jwt"]["claims"]["custom:tenant_id"] = str(tenant)
    else:
        authorizer["tenantId"] = str(tenant)
    return event


def call(event: Any, route: str, body: Any, **path: str) -> None:
    """Make the sample event a call of another route of its function."""
    method, _, pattern = route.partition(" ")
    for place in (event, event["requestContext"]):
        place["routeKey"] = route
    event["requestContext"]["http"]["method"] = method
    event["rawPath"] = event["requestContext"]["http"]["path"] = pattern.format(**path)
    event["pathParameters"] = path
    event["body"] = None if body is None else json.dumps(body)


def answer_of(emulator: Emulator, event: Any) -> tuple[int, Any]:
    answer = json.loads(emulator.invoke(event))
    assert "statusCode" in answer, f"{answer}\n{emulator.log()[-4000:]}"
    return answer["statusCode"], json.loads(answer["body"])


def serve() -> tuple[HTTPServer, dict[str, bytes]]:
    """A server on loopback that answers GET from `documents` and keeps what is PUT there."""
    documents: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200 if self.path in documents else 404)
            self.end_headers()
            self.wfile.write(documents.get(self.path, b""))

        def do_PUT(self) -> None:
            documents[self.path] = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    return server, documents
