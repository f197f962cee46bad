"""Events on their way to the webhook: signed, repeated until they are taken, and spoilt on request."""

import json
import queue
import random
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from stoa.clients.stripe.stripe_signature import sign

ATTEMPTS = 6
FIRST_PAUSE = 0.5  # seconds before an event that was not taken is sent again; twice as long each time
STALE_SECONDS = 3600


@dataclass
class Powers:
    """Delivers events. `hold` keeps them until released, then shuffled and `parallel` at a time."""

    hold: bool = False
    copies: int = 1
    shuffle: bool = False
    parallel: int = 1
    delay: float = 0.0  # seconds before each delivery
    signature: str = "good"  # good | bad | stale | missing


class Delivery:
    """Sends events to one address in a thread of its own, in the order in which they happened."""

    def __init__(self, address: str | None, secret: str) -> None:
        self.address = address
        self.powers = Powers()
        self.log: list[dict[str, Any]] = []
        self._secret = secret
        self._held: list[dict[str, Any]] = []
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="practice-stripe-events", daemon=True)
        self._thread.start()

    def take(self, event: dict[str, Any]) -> None:
        """Deliver an event, now or when it is released."""
        if self.powers.hold:
            self._held.append(event)
        else:
            self._waiting.put(event)

    def release(self) -> list[int]:
        """Deliver everything that was held, as the powers say; the statuses that were answered."""
        held, self._held = self._held, []
        copies = [event for event in held for _ in range(self.powers.copies)]
        if self.powers.shuffle:
            random.shuffle(copies)
        with ThreadPoolExecutor(self.powers.parallel) as pool:
            return list(pool.map(self.send, copies))

    def wait_until_idle(self) -> None:
        """Return when nothing is on its way any more."""
        self._waiting.join()

    def set_powers(self, given: dict[str, Any]) -> dict[str, Any]:
        """Change some powers; all of them as they are then. Raises ValueError for an unknown one."""
        unknown = given.keys() - asdict(self.powers).keys()
        if unknown:
            raise ValueError(f"There is no power called {sorted(unknown)[0]}; there are {', '.join(asdict(Powers()))}.")
        self.powers = Powers(**{**asdict(self.powers), **given})
        return asdict(self.powers)

    def stop(self) -> None:
        """Send nothing more."""
        self._stop.set()
        self._waiting.put(None)
        self._thread.join(5)

    def send(self, event: dict[str, Any]) -> int:
        """Deliver an event once; the status answered, 0 where nobody answered."""
        if self.address is None:
            return 0
        if self.powers.delay:
            time.sleep(self.powers.delay)
        body = json.dumps(event).encode()
        request = urllib.request.Request(self.address, data=body, method="POST", headers=self._headers(body))  # noqa: S310 - as given
        status: int
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - the address is the developer's
                status, said = answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            status, said = error.code, error.read().decode(errors="replace")
        except OSError as error:
            status, said = 0, str(error)
        self.log.append({"event": event["id"], "type": event["type"], "status": status, "said": said[:200]})
        return status

    def _headers(self, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "Stripe/1.0 (practice)"}
        timestamp = int(time.time()) - (STALE_SECONDS if self.powers.signature == "stale" else 0)
        secret = "somebody-else" if self.powers.signature == "bad" else self._secret
        if self.powers.signature != "missing":
            headers["Stripe-Signature"] = f"t={timestamp},v1={sign(body, secret, timestamp)}"
        return headers

    def _run(self) -> None:
        while (event := self._waiting.get()) is not None:
            for attempt in range(ATTEMPTS):
                if self.address is None or 200 <= self.send(event) < 300:
                    break
                if self._stop.wait(FIRST_PAUSE * 2**attempt):
                    return
            self._waiting.task_done()
