"""Sends a request to AWS over the standard library's client, on a connection of its own.

The SDK would cost a cold start more than 200 ms for the same exchange.
"""

import http.client
from collections.abc import Mapping
from urllib.parse import urlsplit

from stoa.core.tls import aws_tls

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 3.0  # for each read
_MOST_BYTES = 1_000_000  # what is read here is a secret (64 KiB at most) or a few keys


def send(method: str, url: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[int, bytes]:
    """The answer's status and body. Raises OSError or http.client.HTTPException when none comes."""
    parts = urlsplit(url)
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        host = parts.hostname or ""
        connection = http.client.HTTPSConnection(host, parts.port, timeout=CONNECT_SECONDS, context=aws_tls(host))
    else:
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
    try:
        connection.connect()
        connection.sock.settimeout(ANSWER_SECONDS)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, dict(headers))
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_BYTES)
    finally:
        connection.close()
