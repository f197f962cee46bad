"""The whole local stack in a process of its own, with durable books, as one of those who answer a chat."""

import itertools
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from uuid import UUID

from bench.processes import serving
from bench.server import run_script
from dev import ROOT, postgres
from dev.children import free_port
from dev.practice.running import provider_url

COACH = "marcus"
CONVERSATIONS = 200  # that are 49 exchanges long, each for members of ordinary and of coaches' chats

# Conversations like one that was really held, with ids in the order of their messages.
_LONG_CONVERSATIONS = """
INSERT INTO conversations (id, tenant_id, user_id, title, persona_id, message_count)
SELECT ('{prefix}-' || lpad(to_hex(n), 12, '0'))::uuid, c.tenant_id, c.user_id, c.title, c.persona_id, 2 * {exchanges}
FROM conversations c, generate_series(1, {conversations}) n WHERE c.id = '{model}';
INSERT INTO messages (
    id, tenant_id, user_id, conversation_id, role, content, model_id, metadata, citations, is_partial
)
SELECT
    ('{prefix}-' || lpad(to_hex(n * 1000 + 2 * e + (m.role = 'assistant')::int), 12, '0'))::uuid, m.tenant_id,
    m.user_id, ('{prefix}-' || lpad(to_hex(n), 12, '0'))::uuid, m.role, m.content, m.model_id, m.metadata,
    m.citations, m.is_partial
FROM messages m, generate_series(1, {conversations}) n, generate_series(1, {exchanges}) e
WHERE m.conversation_id = '{model}';
"""


class StoaFront:
    """Holds the stack's address and what is prepared in its database."""

    def __init__(self, port: int, owner_url: str) -> None:
        self.port = port
        self._owner_url = owner_url

    def bearer(self, number: int) -> dict[str, str]:
        """The header of a member of their own for each number."""
        return {"Authorization": f"Bearer {token(self.port, f'bench{number}@demo.test')}"}

    def system_prompt(self) -> str:
        """Returns what the coach tells the model of itself."""
        return str(self._ask("GET", f"/api/personas/{COACH}")["data"]["systemPrompt"])

    def earlier_exchange(self, question: str, coach: bool) -> tuple[UUID, str]:
        """Returns an exchange of member 0: its conversation and the answer."""
        body = {"content": question, "modelId": None, "personaId": COACH if coach else None}
        data = self._ask("POST", "/api/chat", body)["data"]
        return UUID(data["metadata"]["conversationId"]), str(data["content"])

    def long_conversations(self, model: UUID, exchanges: int, coach: bool) -> Iterator[str]:
        """Conversations of member 0 with so many exchanges like the one in `model`, in turn, again and again."""
        prefix = f"0193a1b2-7c0{int(coach)}-7000-8000"
        places = {"prefix": prefix, "exchanges": exchanges, "conversations": CONVERSATIONS, "model": model}
        run_script(self._owner_url, _LONG_CONVERSATIONS.format(**places))
        return itertools.cycle([f"{prefix}-{number:012x}" for number in range(1, CONVERSATIONS + 1)])

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Content-Type": "application/json", **self.bearer(0)}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        assert answer.status == 200, text[:500]
        found: dict[str, Any] = json.loads(text)
        return found


@contextmanager
def stoa_front(folder: Path, upstream: int) -> Iterator[StoaFront]:
    """The stack with `upstream`, a practice provider's port, as its OpenAI."""
    port = free_port()
    environment = {
        **paths(),
        "PORT": str(port),
        "STOA_PROVIDER_OPENAI_API_KEY": "practice",
        "STOA_PROVIDER_OPENAI_BASE_URL": provider_url(upstream, "openai"),
        "DATABASE_URL": "",  # a database of its own, never somebody's
    }
    command = [sys.executable, "-m", "dev.run", str(folder / "stack")]
    with serving(command, port, folder / "stoa.log", ROOT, environment):
        token(port)  # it listens before it is ready, and answers when it is
        yield StoaFront(port, postgres.start(folder / "stack" / "postgres").url)


@contextmanager
def practice_upstream(folder: Path) -> Iterator[int]:
    """A practice provider that answers without delay; its port."""
    port = free_port()
    command = [sys.executable, "-m", "dev.practice", "--port", str(port), "--delay-ms", "0"]
    with serving(command, port, folder / "upstream.log", ROOT, paths()):
        yield port


def token(port: int, email: str = "bench@demo.test") -> str:
    """A bearer token of the local stack."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", "/dev/token", json.dumps({"email": email}))
    bearer: str = json.loads(connection.getresponse().read())["access_token"]
    connection.close()
    return bearer


def paths() -> dict[str, str]:
    """The environment in which a process of this interpreter finds `stoa`, `functions` and `dev`."""
    return {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "layers" / "common")])}
