"""What a kept connection says of itself. Shared by the database and the provider wires."""

import select
import socket


def has_something_to_read(connection: socket.socket) -> bool:
    """True when an idle connection has something to read: the other side's goodbye, for it owes us nothing."""
    waiting = select.poll()  # select() cannot watch descriptors past 1024
    waiting.register(connection, select.POLLIN)
    return bool(waiting.poll(0))
