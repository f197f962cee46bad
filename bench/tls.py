"""TLS before servers that have none: the wheel's PostgreSQL, as RDS Proxy is to a function, and the stand-in for AWS.

It does the handshake and passes everything on. Threads are enough, because few connect at once.
"""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SSL_REQUEST_BYTES = 8
PIECE = 65_536


@contextmanager
def front(upstream: tuple[str, int], certificate: Path, key: Path, *, postgresql: bool) -> Iterator[int]:
    """The port on 127.0.0.1 that takes TLS connections for `upstream` while the block runs.

    `postgresql`: clients ask for TLS by that protocol's SSLRequest first.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=_accept, args=(listener, upstream, context, postgresql), daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()


def _accept(listener: socket.socket, upstream: tuple[str, int], context: ssl.SSLContext, postgresql: bool) -> None:
    with suppress(OSError):  # the listener was closed
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_serve, args=(connection, upstream, context, postgresql), daemon=True).start()


def _serve(connection: socket.socket, upstream: tuple[str, int], context: ssl.SSLContext, postgresql: bool) -> None:
    with suppress(OSError), connection, socket.create_connection(upstream) as server:
        for one in (connection, server):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if postgresql:
            connection.recv(SSL_REQUEST_BYTES)
            connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as client:
            threading.Thread(target=_pass_on, args=(server, client), daemon=True).start()
            _pass_on(client, server)


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(PIECE):
            target.sendall(piece)
        target.shutdown(socket.SHUT_WR)
