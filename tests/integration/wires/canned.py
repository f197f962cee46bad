"""A server that says exactly what a test tells it to, byte by byte."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
Script = Callable[[socket.socket], None]


def chunked(*events: str, head: bytes = b"", end: bool = True) -> bytes:
    """A streamed answer of server-sent events."""
    body = b"".join(b"%x\r\n%b\r\n" % (len(event.encode()), event.encode()) for event in events)
    return STREAM + head + b"Transfer-Encoding: chunked\r\n\r\n" + body + (b"0\r\n\r\n" if end else b"")


def data(*events: str) -> list[str]:
    """Events of one data line each."""
    return [f"data: {event}\n\n" for event in events]


def json_answer(body: str, status: str = "200 OK") -> bytes:
    """A whole answer in JSON."""
    content = body.encode()
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    return head.encode() + content


class Canned:
    """Answers the n-th request with the n-th answer, over as many connections as the client opens.

    An answer is bytes, or a function that is given the connection. `requests` holds (connection number, bytes).
    """

    def __init__(self, *answers: bytes | Script, tls: ssl.SSLContext | None = None) -> None:
        self._answers = list(answers)
        self._tls = tls
        self._server = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.requests: list[tuple[int, bytes]] = []
        self.address = f"{'https' if tls else 'http'}://127.0.0.1:{self._server.getsockname()[1]}"

    def __enter__(self) -> "Canned":
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for opened in (self._server, *self._open):
            with contextlib.suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)
            opened.close()
        for thread in self._threads:
            thread.join(10)

    @property
    def connections(self) -> list[int]:
        """The connection that each request came over."""
        return [number for number, _ in self.requests]

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                connection, _ = self._server.accept()
            except OSError:
                return
            number += 1
            self._open.append(connection)
            self._start(lambda connection=connection, number=number: self._serve(connection, number))

    def _serve(self, connection: socket.socket, number: int) -> None:
        try:
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
            while request := read_request(connection):
                self.requests.append((number, request))
                answer = self._answers.pop(0)
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                else:
                    answer(connection)
        except OSError:
            return


def read_request(connection: socket.socket) -> bytes:
    """Returns a whole request, or nothing when the client has closed."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = connection.recv(65536)
        if not piece:
            return b""
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65536)
    return head + b"\r\n\r\n" + body
