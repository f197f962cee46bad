"""Identifiers: UUID version 7 (RFC 9562, section 5.7), made here so that they sort by creation time."""

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last = 0


def new_id() -> uuid.UUID:
    """Returns a new UUIDv7: 48 bits of Unix milliseconds, then 74 random bits.

    Within one process each is greater than the one before, also inside one millisecond (RFC 9562, section 6.2): a
    conversation's messages sort by id.
    """
    global _last
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    with _lock:
        _last = max(value, _last + 1)
        return uuid.UUID(int=_last)
