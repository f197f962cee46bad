"""One thread that notices clients who leave while their answer is still being produced."""

import contextlib
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(slots=True)
class _Watch:
    connection: socket.socket
    gone: Callable[[], None]
    registered: bool = True


class DisconnectWatcher:
    """Watches the sockets of answers in progress; calls back, once, when the client closed or reset.

    epoll and kqueue let one thread wait while others add and remove sockets, so watching costs two system calls.
    """

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._selector.register(self._wake_reader, selectors.EVENT_READ, None)
        self._thread = threading.Thread(target=self._run, name="disconnect-watcher", daemon=True)
        self._thread.start()

    @contextlib.contextmanager
    def watching(self, connection: socket.socket, gone: Callable[[], None]) -> Iterator[None]:
        """While inside, `gone()` is called from the watcher's thread if the client leaves."""
        watch = _Watch(connection, gone)
        with self._lock:
            self._selector.register(connection, selectors.EVENT_READ, watch)
        try:
            yield
        finally:
            self._forget(watch)

    def stop(self) -> None:
        """End the thread."""
        self._wake_writer.close()
        self._thread.join()
        self._selector.close()
        self._wake_reader.close()

    def _forget(self, watch: _Watch) -> bool:
        """Stop watching; True when it was still being watched."""
        with self._lock:
            was_registered, watch.registered = watch.registered, False
            if was_registered:
                self._selector.unregister(watch.connection)
        return was_registered

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.data is None:
                    return
                if self._forget(key.data) and _has_ended(key.data.connection):
                    key.data.gone()


def _has_ended(connection: socket.socket) -> bool:
    """A readable socket has either ended or holds the client's next request, which waits for its turn."""
    try:
        return connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
