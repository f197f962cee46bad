"""uvicorn in a thread of its own, on a socket that is listening already."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

BACKLOG = 1024
IDLE_SECONDS = 75  # a kept-alive connection without a request is closed after this long
STOP_SECONDS = 5.0  # requests in flight may take this long to finish once the server stops
CANCEL_SECONDS = 2.0  # and those that were broken off then, this long to settle
LONGEST_HEAD = 64 * 1024  # bytes; uvicorn answers 400 to more
_numbers = itertools.count(1)


def listen(port: int) -> socket.socket:
    """A listening socket on this machine only. Port 0 takes a free one. Raises OSError when the port is taken."""
    return socket.create_server(("127.0.0.1", port), backlog=BACKLOG)


class Connection(H11Protocol):
    """uvicorn's connection. It also gives its transport to the application, so that a fault can break it off."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Called by asyncio. `scope["state"]` of each request carries what is set here."""
        super().connection_made(transport)
        # asyncio does this only for sockets that name their protocol. Without it, a body waits until the client has
        # acknowledged the head, up to 40 ms.
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.app_state = {**self.app_state, "transport": transport, "number": next(_numbers)}


class Server:
    """Serves an ASGI application on a listening socket until `stop()`. `loop` is the event loop that it runs in."""

    def __init__(self, listener: socket.socket, application: Callable[..., Any]) -> None:
        self.port: int = listener.getsockname()[1]
        self.loop: asyncio.AbstractEventLoop
        self._listener = listener
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                application,
                http=Connection,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=BACKLOG,
                timeout_keep_alive=IDLE_SECONDS,
                h11_max_incomplete_event_size=LONGEST_HEAD,
            )
        )
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="http-server", daemon=True)
        self._thread.start()
        self._started.wait()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Take no more requests and let those in flight finish for `seconds`. Then break their connections off.

        An application sees that as its client's leaving. What does not settle even then ends with the process.
        """
        self._uvicorn.should_exit = True
        self._thread.join(seconds)
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._break_off)
            self._thread.join(CANCEL_SECONDS)

    async def _serve(self) -> None:
        self.loop = asyncio.get_running_loop()
        self._started.set()
        await self._uvicorn.serve([self._listener])

    def _break_off(self) -> None:
        for connection in list(self._uvicorn.server_state.connections):
            connection.transport.abort()
