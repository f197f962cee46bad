"""Starting and steering a practice Stripe, from a command or from a test."""

import json
import urllib.request
from types import TracebackType
from typing import Any

from dev.practice_stripe.service import Service, Website
from dev.serving.application import Application
from dev.serving.server import Server, listen

PRACTICE_KEY = "sk_test_practice"
PRACTICE_SECRET = "whsec_practice"  # noqa: S105 - it guards nothing
CONTROL_SECONDS = 60


class PracticeStripe:
    """A practice Stripe in threads of this process; a context manager. `service` gives its account and events."""

    def __init__(self, port: int = 0, webhook: str | None = None, secret: str = PRACTICE_SECRET) -> None:
        self._listener = listen(port)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.service = Service(webhook, secret)
        self.service.account.url = self.url
        self._server: Server

    def __enter__(self) -> "PracticeStripe":
        self._server = Server(self._listener, Application(Website(self.service).respond))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.stop(seconds=0)
        self.service.delivery.stop()


def stripe_environment(port: int) -> dict[str, str]:
    """The settings that send purchases to practice."""
    return {
        "STRIPE_API_KEY": PRACTICE_KEY,
        "STRIPE_API_BASE": f"http://127.0.0.1:{port}",
        "STRIPE_WEBHOOK_SECRET": PRACTICE_SECRET,
    }


def control(port: int, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Call a control endpoint of a practice Stripe in another process: `control(port, "POST", "/release")`."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/practice{path}",
        data=None if body is None else json.dumps(body).encode(),
        method=method,
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=CONTROL_SECONDS) as answer:  # noqa: S310 (our own address)
        return json.load(answer)
