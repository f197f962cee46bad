"""Kept connections, by origin. A provider call takes one out, owns it alone, and gives it back or closes it."""

import select
import socket
import ssl
import threading
import time
from functools import cache

Origin = tuple[str, str, int | None]  # scheme, host, port

# A frozen Lambda instance wakes with sockets that the other side has given up without our seeing it, and load
# balancers drop idle connections after a minute: older ones are not worth the risk of a hanging first read.
IDLE_SECONDS = 30.0
IDLE_PER_ORIGIN = 32


@cache
def tls() -> ssl.SSLContext:
    """The one TLS context, made when first needed: reading the machine's certificate authorities costs 20 ms."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Connections:
    """A thread-safe store of idle connections, newest first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[Origin, list[tuple[float, socket.socket]]] = {}

    def take(self, origin: Origin, timeout: float, *, fresh: bool) -> tuple[socket.socket, bool]:
        """A connection, and whether it has served before. Raises OSError when none can be opened."""
        while not fresh and (kept := self._pop(origin)) is not None:
            since, connection = kept
            if time.monotonic() - since < IDLE_SECONDS and not _has_ended(connection):
                return connection, True
            connection.close()
        return _opened(origin, timeout), False

    def give(self, origin: Origin, connection: socket.socket) -> None:
        """Keep a connection whose last answer was read to its end."""
        with self._lock:
            idle = self._idle.setdefault(origin, [])
            if len(idle) < IDLE_PER_ORIGIN:
                idle.append((time.monotonic(), connection))
                return
        connection.close()

    def _pop(self, origin: Origin) -> tuple[float, socket.socket] | None:
        with self._lock:
            idle = self._idle.get(origin)
            return idle.pop() if idle else None


def _opened(origin: Origin, timeout: float) -> socket.socket:
    scheme, host, port = origin
    connection = socket.create_connection((host, port or (443 if scheme == "https" else 80)), timeout)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return tls().wrap_socket(connection, server_hostname=host) if scheme == "https" else connection
    except BaseException:
        connection.close()
        raise


def _has_ended(connection: socket.socket) -> bool:
    """True when an idle connection has something to read: the other side's goodbye, for it owes us nothing."""
    waiting = select.poll()  # select() cannot watch descriptors past 1024
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))
