"""An endpoint of AWS in the test's hands: it gives the answers that were put into it, and keeps what it was asked."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answer = tuple[int, Any]  # a status with a JSON body or with bytes
HANG_UP: Answer = (0, None)  # the connection is closed without an answer


@dataclass
class FakeAws:
    """`url` leads to it. The last answer is given again and again."""

    answers: list[Answer]
    url: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)


@contextmanager
def fake_aws(*answers: Answer) -> Iterator[FakeAws]:
    """The endpoint, served while the block runs."""
    fake = FakeAws(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fake.asked.append(dict(self.headers.items()))
            status, body = fake.answers.pop(0) if len(fake.answers) > 1 else fake.answers[0]
            if status == 0:
                return
            encoded = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    fake.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
