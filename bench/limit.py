"""A chat in a warm process against its own limit, and its round trips to the database, counted on the socket.

The limit is what nothing that keeps these books can do without: the same transactions, sent by libpq, and the same
request to the provider, sent on a bare kept socket and read to its end.
"""

import json
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from bench.libpq import Pipeline
from bench.measure import ROUNDS, Result, alternately, at_most, in_rounds
from bench.quiet import logs_unseen
from bench.recorded import Trip, recorded, recording
from bench.relay import relay
from bench.server import Server, event
from bench.stoa_front import COACH, practice_upstream
from dev.practice.running import provider_url
from stoa.core.settings import settings
from stoa.database.pool import database
from stoa.workflows.providers.provider_directory import provider_directory

CALLS = 60  # a round
COUNTED = 10
QUESTION = "Explain the difference between a list and a tuple in Python."
END_OF_CHUNKS = b"0\r\n\r\n"

Chat = Callable[[Mapping[str, Any]], dict[str, Any]]


def measure(folder: Path, server: Server) -> list[Result]:
    """Event in to the end of a whole JSON answer, with durable books."""
    with practice_upstream(folder) as upstream:
        return [_against_limit(server, upstream), _round_trips(server, upstream)]


def _against_limit(server: Server, upstream: int) -> Result:
    chat = _chat(server, server.url, upstream)
    body = {"content": QUESTION, "modelId": None}
    trips: list[list[Trip]] = []
    with logs_unseen():
        for _ in range(3):  # the first one fills caches
            with recording() as sent:
                chat(body)
            trips.append(list(sent))
        same = recorded(trips[1], trips[2])
        bare = _BareUpstream(upstream)
        with psycopg.connect(server.url, autocommit=True) as connection:
            pipelines = [Pipeline(connection, trip) for trip in same.trips]

            def limit() -> None:
                *before, last = zip(pipelines, values.pop(), strict=True)
                for pipeline, bound in before:
                    pipeline.run(bound)
                bare.ask()
                last[0].run(last[1])

            values = [same.again() for _ in range(ROUNDS * CALLS)]
            rounds = in_rounds(alternately({"ours": lambda: chat(body), "limit": limit}, ROUNDS * CALLS))
    bare.close()
    ours, floor = rounds.medians["ours"], rounds.medians["limit"]
    detail = f"{ours:.2f} ms against {floor:.2f} ms, event in to whole answer; {len(same.trips)} transactions"
    name = "chat ÷ its own transactions by libpq and upstream by a bare socket"
    return at_most(name, rounds.ratio("ours", "limit"), 1.6, detail, **rounds.medians)


def _round_trips(server: Server, upstream: int) -> Result:
    """The most that any kind of chat takes in a warm process."""
    counts: dict[str, float] = {}
    with relay(server.url) as one, logs_unseen():
        chat = _chat(server, one.url, upstream)
        conversation = chat({"content": QUESTION, "modelId": None})["metadata"]["conversationId"]
        kinds: dict[str, dict[str, Any]] = {
            "first message": {},
            "in a conversation": {"conversationId": conversation},
            "with a coach": {"personaId": COACH},
            "with an idempotency key": {"key": True},
        }
        for kind, fields in kinds.items():
            body = {"content": QUESTION, "modelId": None, **fields}
            chat(body)
            before = one.trips
            for _ in range(COUNTED):
                chat(body)
            counts[kind] = (one.trips - before) / COUNTED
        database().close()
    detail = ", ".join(f"{kind}: {count:g}" for kind, count in counts.items())
    return at_most("round trips per chat, counted on the socket", max(counts.values()), 3, detail, **counts)


def _chat(server: Server, url: str, upstream: int) -> Chat:
    """The chat function in this process, with its database at `url` and a practice provider as its OpenAI.

    A body's `key` is no field of it: it asks for a fresh idempotency key in the headers.
    """
    os.environ |= {
        "STOA_DATABASE_URL": url,
        "STOA_PROVIDER_OPENAI_API_KEY": "practice",
        "STOA_PROVIDER_OPENAI_BASE_URL": provider_url(upstream, "openai"),
    }
    settings.cache_clear()
    database.cache_clear()
    provider_directory.cache_clear()
    from functions.chat.handler import handler

    def chat(body: Mapping[str, Any]) -> dict[str, Any]:
        fields = {name: value for name, value in body.items() if name != "key"}
        sample = event("chat", server.tenant_id, fields)
        sample["headers"]["Accept"] = "application/json"
        if "key" in body:
            sample["headers"]["Idempotency-Key"] = str(uuid4())
        answer = handler(sample, None)
        said = b"".join(answer.body)
        assert answer.status == 200, said[:500]
        found: dict[str, Any] = json.loads(said)["data"]
        return found

    return chat


class _BareUpstream:
    """A kept socket on which one and the same request is sent, its answer read to the end and not looked at."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        messages = [{"role": "user", "content": QUESTION}]
        options = {"stream": True, "stream_options": {"include_usage": True}}
        body = json.dumps({"model": "gpt-4o-mini", "messages": messages, **options}).encode()
        head = (
            f"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer practice\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._request = head.encode() + body

    def ask(self) -> None:
        """Send the request and read to the end of the stream."""
        self._socket.sendall(self._request)
        end = b""
        while not end.endswith(END_OF_CHUNKS):
            piece = self._socket.recv(65_536)
            assert piece, "the upstream closed the connection"
            end = (end + piece)[-len(END_OF_CHUNKS) :]

    def close(self) -> None:
        """Let the connection go."""
        self._socket.close()
