"""Headers and answers of the chat function, for the document."""

from datetime import datetime
from typing import Any

from pydantic import Field

from stoa.http.schemas import AnswerSchema, PassageCitation


class ChatHeaders(AnswerSchema):
    """The headers of a request. This model serves the document only; the handler reads the headers itself."""

    idempotency_key: str = Field(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and body are answered once and charged once; another body is refused with 409.",
        json_schema_extra={"in": "header"},
    )


class Selection(AnswerSchema):
    """The model that answers, and why."""

    model_id: str
    model_name: str
    provider_id: str
    rule: str = Field(description="The selection rule that decided, e.g. `request`, `auto`, `fallback`.")
    reason: str = Field(description="The same in words.")
    access: str = Field(description="free, entitled, team or trial")
    requested_model_id: str | None = Field(description="What was asked for, where another model answers.")
    estimated_cost: str | None = Field(None, description="USD, exact.")
    fallbacks: list[str] = Field([], description="Models that take over, in order, if this one fails.")
    conversation_id: str


class Usage(AnswerSchema):
    """Tokens of the message."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    estimated: bool = Field(description="True where the provider sent no count and ours is an estimate.")
    cached_input_tokens: int | None = Field(
        None, description="Part of the input that the provider had in its cache. Parts are absent where there are none."
    )
    cache_write_tokens: int | None = Field(None, description="Part of the input that it put into its cache.")
    input_audio_tokens: int | None = None
    input_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    output_image_tokens: int | None = None


class Deprecation(AnswerSchema):
    """The announced end of a model. The headers `Deprecation` and `Sunset` say the same."""

    sunset_at: datetime = Field(description="From then on another model answers.")
    successor_id: str | None = Field(description="Which one.")


class Metadata(AnswerSchema):
    """The service, the tokens and the charge of the message."""

    model_id: str
    model_name: str
    provider_id: str
    rule: str
    reason: str
    access: str
    requested_model_id: str | None
    failed_models: list[str] = Field(description="Models that failed before this one answered.")
    deprecation: Deprecation | None = Field(description="Set when the model that answered will be retired.")
    is_trial_message: bool
    trial_messages_remaining: int
    unlock_price: int | None = Field(description="Cents; null for free models.")
    usage: Usage
    charge: str = Field(description="What the member pays, in USD, exact.")
    currency: str
    stop_reason: str
    is_partial: bool = Field(description="True when the answer broke off; what was produced is charged.")
    context_turns_dropped: int = Field(description="Oldest turns that did not fit the model's window.")
    conversation_id: str
    message_id: str


class Citation(AnswerSchema):
    """A source on the web that the model found."""

    url: str | None = Field(description="Null where the provider named no web page.")
    title: str | None


class ChatParts(AnswerSchema):
    """The same parts that the stream sends as events."""

    selection: Selection
    content: str
    metadata: Metadata
    citations: list[Citation | PassageCitation]
    error: dict[str, Any] | None = Field(
        None, description="Set when the answer broke off; `content` is what came before."
    )


class ChatAnswer(AnswerSchema):
    """The answer to a message as one JSON document."""

    data: ChatParts
