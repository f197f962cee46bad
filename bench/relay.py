"""A Unix socket before PostgreSQL that counts how often a client waits for an answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from stoa.database.dsn import open_socket, parse_url

PIECE = 65_536


class Relay:
    """Passes bytes on. A client's bytes after the server's begin another round trip; `trips` counts them."""

    def __init__(self, url: str, folder: Path) -> None:
        self.trips = 0
        self.url = f"postgresql://stoa_runtime@/postgres?host={folder}"
        self._server_spoke = True
        self._upstream = parse_url(url)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / ".s.PGSQL.5432"))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client, _ = self._listener.accept()
                server = open_socket(self._upstream)
                server.settimeout(None)
                for way in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=way, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket, from_client: bool) -> None:
        with suppress(OSError):
            while piece := source.recv(PIECE):
                if from_client and self._server_spoke:
                    self.trips += 1
                self._server_spoke = not from_client
                target.sendall(piece)
        target.close()


@contextmanager
def relay(url: str) -> Iterator[Relay]:
    """A relay before the server of `url`, which must trust its own Unix socket."""
    with TemporaryDirectory(prefix="stoa-") as folder:
        one = Relay(url, Path(folder))
        try:
            yield one
        finally:
            one.close()
