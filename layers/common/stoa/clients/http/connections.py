"""Kept connections, by origin. A call takes one out, owns it alone, and gives it back or closes it."""

import http.client
import ssl
import threading
import time
from functools import cache

from stoa.core.sockets import has_something_to_read

Origin = tuple[str, str, int | None]  # scheme, host, port

# A frozen Lambda instance wakes with sockets that the other side has closed unnoticed, and load balancers drop idle
# connections after a minute. Older ones are not worth the risk of a first read that hangs.
IDLE_SECONDS = 30.0
IDLE_PER_ORIGIN = 32


@cache
def tls() -> ssl.SSLContext:
    """Returns the process's TLS context. Makes it on first use: reading the certificate authorities costs 20 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connections:
    """Stores idle connections, newest first. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[tuple[float, http.client.HTTPConnection]]] = {}

    def take(self, origin: Origin, timeout: float, *, fresh: bool) -> tuple[http.client.HTTPConnection, bool]:
        """Returns a connection, and whether it has served before. Raises OSError when none can be opened."""
        while not fresh and (kept := self._pop(origin)) is not None:
            since, connection = kept
            if time.monotonic() - since < IDLE_SECONDS and not has_something_to_read(connection.sock):
                return connection, True
            connection.close()
        return _opened(origin, timeout), False

    def give(self, origin: Origin, connection: http.client.HTTPConnection) -> None:
        """Keeps a connection whose last answer was read to its end."""
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if len(idle) < IDLE_PER_ORIGIN:
                idle.append((time.monotonic(), connection))
                return
        connection.close()

    def _pop(self, origin: Origin) -> tuple[float, http.client.HTTPConnection] | None:
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop() if idle else None


def _opened(origin: Origin, timeout: float) -> http.client.HTTPConnection:
    scheme, host, port = origin
    connection: http.client.HTTPConnection
    if scheme == "https":
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=tls())
    elif scheme == "http" and host:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    else:
        raise ValueError("an address begins with https:// or http://")
    connection.connect()  # sets TCP_NODELAY
    return connection
