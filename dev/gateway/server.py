"""The HTTP server of the gateway: connections, worker threads, a graceful stop.

A connection keeps one thread while it is open; threads are used again. Every write is one system call.
"""

import queue
import socket
import struct
import threading
import time
import traceback
from collections.abc import Callable

from dev.gateway.http11 import ClientGone, Request, RequestReader, RequestRefused
from dev.gateway.sending import Answer, Sending
from dev.gateway.watcher import DisconnectWatcher

BACKLOG = 1024
IDLE_SECONDS = 75  # a kept-alive connection without a request is closed after this long
WRITE_SECONDS = 30  # a client that takes nothing for this long is treated as gone
STOP_SECONDS = 5.0  # requests in flight may take this long to finish once the gateway stops
CANCEL_SECONDS = 2.0  # and those that were cancelled then, this long to settle
LINGER_SECONDS = 2.0
LINGER_BYTES = 32 * 1024 * 1024


def listen(port: int) -> socket.socket:
    """A listening socket on this machine only. Port 0 takes a free one. Raises OSError when the port is taken."""
    return socket.create_server(("127.0.0.1", port), backlog=BACKLOG)


class Server:
    """Serves a listening socket until `stop()`.

    `respond` makes a request's answer and must not raise; `refuse` does so for bytes that are no acceptable request.
    """

    def __init__(
        self,
        listener: socket.socket,
        respond: Callable[[Request], Answer],
        refuse: Callable[[RequestRefused], Answer],
    ) -> None:
        self._respond = respond
        self._refuse = refuse
        self._quiet = threading.Condition()  # guards the fields below; notified when a request ends
        self._waiting: set[socket.socket] = set()  # connections that have no request now
        self._answering: set[Sending] = set()
        self._busy = 0
        self._stopping = False
        self._watcher = DisconnectWatcher()
        self._workers = _Workers()
        self._listener = listener
        self.host, self.port = self._listener.getsockname()[:2]
        self._acceptor = threading.Thread(target=self._accept, name="acceptor", daemon=True)
        self._acceptor.start()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Take no more requests, let those in flight finish for `seconds`, then cancel them."""
        with self._quiet:
            self._stopping = True
            for connection in self._waiting:
                _shut(connection)
        self._wake_acceptor()
        self._listener.close()
        if not self._wait_until_quiet(seconds):
            with self._quiet:
                sendings = list(self._answering)
            for sending in sendings:
                sending.give_up()
            self._wait_until_quiet(CANCEL_SECONDS)
        self._watcher.stop()
        self._workers.stop()

    def _wake_acceptor(self) -> None:
        """Closing a socket does not wake the thread that accepts on it; a connection does."""
        try:
            socket.create_connection((self.host, self.port), 1).close()
        except OSError:
            return  # its queue is full: then it is awake
        self._acceptor.join(1)

    def _wait_until_quiet(self, seconds: float) -> bool:
        with self._quiet:
            return self._quiet.wait_for(lambda: self._busy == 0, seconds)

    def _accept(self) -> None:
        while not self._stopping:
            try:
                connection, address = self._listener.accept()
            except OSError:
                time.sleep(0.05)  # closed, or out of file descriptors: other connections will end
                continue
            self._workers.run(self._serve, connection, address[0])

    def _serve(self, connection: socket.socket, address: str) -> None:
        """Answer one connection's requests in turn until either side has enough."""
        with connection:
            _prepare(connection)
            reader = RequestReader(connection, address)
            keep_alive = True
            while keep_alive and (request := self._next(connection, reader)) is not None:
                try:
                    keep_alive = self._answer(connection, request)
                finally:
                    with self._quiet:
                        self._busy -= 1
                        self._quiet.notify_all()

    def _next(self, connection: socket.socket, reader: RequestReader) -> Request | None:
        """The connection's next request, counted as busy; None when there is none."""
        with self._quiet:
            if self._stopping:
                return None
            self._waiting.add(connection)
        request = None
        try:
            request = reader.next_request()
        except ClientGone:
            return None
        except RequestRefused as refused:
            unread = Request("", "/", [], b"", keep_alive=False, client_address="")
            Sending(connection, self._refuse(refused), unread, keep_alive=False).run(self._watcher)
            _linger(connection)
        finally:
            with self._quiet:
                self._waiting.discard(connection)
                self._busy += request is not None
        return request

    def _answer(self, connection: socket.socket, request: Request) -> bool:
        """Answer one request; False when the connection is to be closed."""
        answer = self._respond(request)
        sending = Sending(connection, answer, request, keep_alive=request.keep_alive and not self._stopping)
        if answer.stream is None:
            return sending.run(self._watcher) and sending.keep_alive
        with self._quiet:
            self._answering.add(sending)
        try:
            return sending.run(self._watcher) and sending.keep_alive
        finally:
            with self._quiet:
                self._answering.discard(sending)


class _Workers:
    """Threads that are started when all others are busy, and kept."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Callable[..., None], tuple[object, ...]] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0
        self._threads = 0

    def run(self, job: Callable[..., None], *arguments: object) -> None:
        with self._lock:
            start = self._free == 0
            if start:
                self._threads += 1
            else:
                self._free -= 1
        self._jobs.put((job, arguments))
        if start:
            threading.Thread(target=self._work, name="worker", daemon=True).start()

    def stop(self) -> None:
        """Let the free threads end; those still at work are daemons."""
        with self._lock:
            for _ in range(self._free):
                self._jobs.put(None)

    def _work(self) -> None:
        while (task := self._jobs.get()) is not None:
            job, arguments = task
            try:
                job(*arguments)
            except Exception:  # noqa: BLE001 - one connection's failure must not take the thread with it
                traceback.print_exc()
            with self._lock:
                self._free += 1


def _prepare(connection: socket.socket) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # The kernel's own timeouts: Python's would cost one more system call for every write.
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", IDLE_SECONDS, 0))
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", WRITE_SECONDS, 0))


def _shut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # the client was faster


def _linger(connection: socket.socket) -> None:
    """Read on for a moment after a refusal: closing with unread bytes would reset the answer away."""
    try:
        connection.shutdown(socket.SHUT_WR)
        connection.settimeout(LINGER_SECONDS)
        for _ in range(LINGER_BYTES // 65_536):
            if not connection.recv(65_536):
                return
    except OSError:
        return
