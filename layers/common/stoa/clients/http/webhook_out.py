"""Webhooks out: a signed POST to an address that a member chose, and to nowhere that such an address must not lead.

The name is resolved once, every answer must be public, and the connection goes to the very address that was checked,
so that a name which changes its mind between check and use (DNS rebinding) gains nothing. No redirect is followed, no
proxy is asked, and little of the answer is read.

Signature, after Stripe's scheme (https://docs.stripe.com/webhooks#verify-manually):
    Stoa-Signature: t=<seconds since 1970>,v1=<hex HMAC-SHA256 of "<t>.<body>" under the webhook's secret>
"""

import hashlib
import hmac
import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from msgspec import Struct

from stoa.clients.http.connections import tls
from stoa.core.public_addresses import is_public, webhook_problem
from stoa.core.text import document_of, to_json

TOTAL_SECONDS = 10.0
LARGEST_ANSWER = 65536  # bytes; an answer has nothing to tell but its status
_RETRYABLE_STATUSES = frozenset({408, 425, 429})

Resolver = Callable[[str, int], list[str]]


class DeliveryFailed(Exception):
    """A webhook was not taken. `retryable`: a later attempt may succeed. The reason is ours and safe to show."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable


def signature(secret: bytes, timestamp: int, body: bytes) -> str:
    """Returns the value of the header `Stoa-Signature`."""
    digest = hmac.new(secret, b"%d.%s" % (timestamp, body), hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={digest}"


def resolve(host: str, port: int) -> list[str]:
    """Returns the addresses that a name stands for. Raises OSError when it stands for none."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def event_body(event: Struct) -> bytes:
    """Returns an event as the JSON that a webhook is sent, with the API's spelling of names."""
    return to_json(document_of(event)).encode()


def post(
    url: str,
    body: bytes,
    *,
    secret: bytes,
    delivery_id: str,
    timestamp: int,
    resolver: Resolver = resolve,
    may_go_to: Callable[[str], bool] = is_public,
    context: ssl.SSLContext | None = None,
) -> int:
    """Deliver `body` (JSON) and return the status, which is 2xx. Raises DeliveryFailed.

    `delivery_id` is the same on every attempt, for the receiver to know a repetition by. Ten seconds are all there is.
    """
    problem = webhook_problem(url)
    if problem is not None:
        raise DeliveryFailed(problem, retryable=False)
    parts = urlsplit(url)
    host, port = (parts.hostname or "").removesuffix("."), parts.port or 443
    ends = time.monotonic() + TOTAL_SECONDS
    address = _checked_address(host, port, resolver, may_go_to)
    connection = _PinnedConnection(host, port, address, context or tls(), ends)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Stoa-Webhook/1",
        "Stoa-Delivery": delivery_id,
        "Stoa-Signature": signature(secret, timestamp, body),
        "Connection": "close",
    }
    try:
        status = _exchange(connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, headers)
    except TimeoutError:
        raise DeliveryFailed(f"no answer within {TOTAL_SECONDS:.0f} seconds", retryable=True) from None
    except ssl.SSLError:
        raise DeliveryFailed("no trusted TLS connection", retryable=True) from None
    except (OSError, http.client.HTTPException):
        raise DeliveryFailed("the connection failed", retryable=True) from None
    finally:
        connection.close()
    if 200 <= status < 300:
        return status
    if 300 <= status < 400:
        raise DeliveryFailed(f"HTTP {status}: redirects are not followed; set the final address", retryable=False)
    raise DeliveryFailed(f"HTTP {status}", retryable=status >= 500 or status in _RETRYABLE_STATUSES)


def _checked_address(host: str, port: int, resolver: Resolver, may_go_to: Callable[[str], bool]) -> str:
    try:
        addresses = _looked_up(host, port, resolver)
    except (OSError, UnicodeError):
        raise DeliveryFailed("the name could not be resolved", retryable=True) from None
    # One that is not public is reason enough: who lists a private address beside a public one is up to no good.
    if not addresses or not all(may_go_to(address) for address in addresses):
        raise DeliveryFailed("the name leads to an address that is not on the internet", retryable=False)
    return addresses[0]


def _looked_up(host: str, port: int, resolver: Resolver) -> list[str]:
    # The machine's resolver takes no time limit, and who owns a name may let its name server be silent.
    found: Future[list[str]] = Future()

    def look() -> None:
        try:
            found.set_result(resolver(host, port))
        except Exception as error:  # noqa: BLE001 - raised below, where it is waited for
            found.set_exception(error)

    threading.Thread(target=look, daemon=True).start()
    return found.result(TOTAL_SECONDS)


class _PinnedConnection(http.client.HTTPSConnection):
    """Connects to one checked address and no other; the certificate must be the name's."""

    def __init__(self, host: str, port: int, address: str, context: ssl.SSLContext, ends: float) -> None:
        super().__init__(host, port, context=context)
        self._address = address
        self._tls = context
        self._ends = ends

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=self.remaining())
        try:
            plain.settimeout(self.remaining())
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise

    def remaining(self) -> float:
        """Seconds left. Raises TimeoutError when none are."""
        seconds = self._ends - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        return seconds


def _exchange(connection: _PinnedConnection, target: str, body: bytes, headers: dict[str, str]) -> int:
    connection.connect()
    with _cut_off(connection.sock, connection.remaining()):
        connection.request("POST", target, body, headers)
        response = connection.getresponse()
        read = 0
        while piece := response.read1(8192):
            read += len(piece)
            if read > LARGEST_ANSWER:
                raise DeliveryFailed(f"the answer is larger than {LARGEST_ANSWER // 1024} kB", retryable=False)
        return response.status


@contextmanager
def _cut_off(connected: ssl.SSLSocket, seconds: float) -> Iterator[None]:
    """Shut the socket when the time is over. Its own time limit begins anew with each byte that a receiver drips."""
    over = threading.Event()

    def shut() -> None:
        over.set()
        with suppress(OSError):  # closed already
            # Not SSLSocket.shutdown: it takes the TLS state away under the thread that is reading.
            socket.socket.shutdown(connected, socket.SHUT_RDWR)

    timer = threading.Timer(seconds, shut)
    timer.daemon = True
    timer.start()
    try:
        yield
    except (OSError, http.client.HTTPException):
        if over.is_set():
            raise TimeoutError from None
        raise
    finally:
        timer.cancel()
    if over.is_set():  # what had come until then may look like the end of an answer
        raise TimeoutError
