"""Tells whether the peer closed a kept connection. Shared by the database and the provider wires."""

import select
import socket


def has_something_to_read(connection: socket.socket) -> bool:
    """Returns True when an idle connection is readable. Readable while idle means the peer closed it."""
    waiting = select.poll()  # select() cannot watch descriptors past 1024
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))
