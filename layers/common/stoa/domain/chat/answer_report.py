"""The account of one answered message: which model served it, what it took and what it cost."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct

from stoa.domain.pricing.markup import TokenUsage


class ModelEnding(Struct, frozen=True):
    """The announced end of the model that answered, and the model that answers from then on."""

    sunset_at: datetime
    successor_id: str | None


class AnswerReport(Struct, frozen=True):
    """The account of one answer. `charge` is USD, exact. `unlock_price` is in cents; None for free models.

    `is_partial`: the answer broke off, and what was produced is charged.
    """

    model_id: str
    model_name: str
    provider_id: str
    rule: str
    reason: str
    access: str
    requested_model_id: str | None
    failed_models: tuple[str, ...]
    deprecation: ModelEnding | None
    is_trial_message: bool
    trial_messages_remaining: int
    unlock_price: int | None
    usage: TokenUsage
    charge: Decimal
    currency: str
    stop_reason: str
    is_partial: bool
    context_turns_dropped: int
    conversation_id: UUID
    message_id: UUID


class WebCitation(Struct, frozen=True):
    """A source on the web that the model found. `url` None: the provider named no web page."""

    url: str | None
    title: str | None


class PassageCitation(Struct, frozen=True):
    """A passage of the persona's knowledge that an answer cites by `marker`, with a sentence of it word for word."""

    passage_id: UUID
    persona_id: str
    title: str
    quote: str
    marker: int


Citation = WebCitation | PassageCitation
