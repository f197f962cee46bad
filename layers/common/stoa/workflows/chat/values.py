"""What goes into a chat and the events that come out of it."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text
from stoa.core.errors import StoaError
from stoa.database.pool import Database
from stoa.workflows.providers.provider_health import ProviderHealth, provider_health


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One validated chat request. `idempotency_key` and `request_hash` are both set or both None."""

    content: str = field(repr=False)
    model_id: str | None = None
    persona_id: str | None = None
    domain_mode: str | None = None
    focus_mode: str | None = None
    conversation_id: UUID | None = None
    max_output_tokens: int | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Tools:
    """What a chat works with. `deadline` is the `time.monotonic()` value by which it must have settled."""

    database: Database
    clock: Callable[[], datetime]  # aware, UTC
    endpoint: Callable[[str, UUID], Endpoint]  # by provider id, and tenant, which may have a key of its own
    stream: Callable[[Endpoint, Call, Cancel], Generator[Text | Finish, None, None]]
    deadline: float
    health: ProviderHealth = field(default_factory=provider_health)


@dataclass(frozen=True, slots=True)
class Selection:
    """The model that answers and why. Comes again when a fallback takes over. `headers` belong on the HTTP answer."""

    data: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """The next piece of the answer."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Metadata:
    """How the message was served, metered and charged; after the last content."""

    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Citations:
    """Sources the answer rests on; only where there are any."""

    items: list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Failure:
    """The answer broke off after it had begun; what was produced is settled and saved."""

    error: StoaError


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a complete answer."""

    data: Mapping[str, Any]


Event = Selection | Content | Metadata | Citations | Failure | Done
