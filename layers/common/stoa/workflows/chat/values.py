"""Values of a chat: the message that goes in and the events that come out. Each door gives them its own shape."""

from collections.abc import Callable, Generator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct, field

from stoa.clients.wires.types import Call, Cancel, Endpoint, Finish, Text
from stoa.core.errors import StoaError
from stoa.core.values import Private
from stoa.database.pool import Database
from stoa.domain.chat.answer_report import AnswerReport, Citation
from stoa.workflows.providers.provider_health import ProviderHealth, provider_health


class ChatMessage(Private, frozen=True):
    """A validated chat request. `idempotency_key` and `request_hash` are both set or both None."""

    content: str
    model_id: str | None = None
    persona_id: str | None = None
    domain_mode: str | None = None
    focus_mode: str | None = None
    conversation_id: UUID | None = None
    max_output_tokens: int | None = None
    idempotency_key: str | None = None
    request_hash: str | None = None


class Tools(Struct, frozen=True):
    """Holds what a chat works with. `deadline` is the `time.monotonic()` value by which it must have settled."""

    database: Database
    clock: Callable[[], datetime]  # aware, UTC
    endpoint: Callable[[str, UUID], Endpoint]  # by provider id, and tenant, which may have a key of its own
    stream: Callable[[Endpoint, Call, Cancel], Generator[Text | Finish, None, None]]
    deadline: float
    health: ProviderHealth = field(default_factory=provider_health)


class MessageLimit(Struct, frozen=True):
    """The day's limit on the model that answers, this message counted."""

    limit: int
    used: int
    reset_seconds: int


class Selection(Struct, frozen=True):
    """The model that answers and why. Comes again when a fallback takes over.

    `estimated_cost` in USD. A replay of an earlier answer (`replayed`) has neither estimate nor fallbacks.
    """

    model_id: str
    model_name: str
    provider_id: str
    rule: str
    reason: str
    access: str
    requested_model_id: str | None
    conversation_id: UUID
    estimated_cost: Decimal | None = None
    fallbacks: tuple[str, ...] = ()
    limit: MessageLimit | None = None
    ends_at: datetime | None = None
    replayed: bool = False


class Content(Private, frozen=True):
    """The next piece of the answer."""

    text: str


class Metadata(Struct, frozen=True):
    """The account of the message: how it was served, metered and charged. Comes after the last content."""

    report: AnswerReport


class Citations(Struct, frozen=True):
    """Sources the answer rests on. Comes only where there are any."""

    items: tuple[Citation, ...]


class Failure(Struct, frozen=True):
    """The answer broke off after it had begun. What was produced is settled and saved."""

    error: StoaError


class Done(Struct, frozen=True):
    """The end of a complete answer."""

    conversation_id: UUID
    message_id: UUID


Event = Selection | Content | Metadata | Citations | Failure | Done
