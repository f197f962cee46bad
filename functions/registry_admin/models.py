"""Requests and answers of the registry's review."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import (
    BeforeValidator,
    Field,
    StringConstraints,
    WithJsonSchema,
)

from stoa.http.fields import Identifier, Part
from stoa.http.schemas import AnswerSchema, DataAnswer, Document, Id, Instant, Moment, PageAnswer, Schema, exact

Kind = Literal["new_model", "price", "context", "retirement"]
Status = Literal["open", "applied", "approved", "rejected", "superseded", "withdrawn"]
Agreement = Literal["agreed", "differs", "only_one"]
Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Price = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, lt=10_000, max_digits=10, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 10_000}),
]


class ChangeApproval(Part):
    """What you decide beside a change. Nothing is needed but for a new model whose prices no source knows."""

    input_price: Price | None = Field(None, description="New model: the provider's, USD per 1M tokens.", examples=[1.5])
    output_price: Price | None = Field(None, description="New model: the provider's, USD per 1M tokens.", examples=[6])
    context_window: Tokens | None = Field(None, description="New model: where you know better.")
    max_output_tokens: Tokens | None = Field(None, description="New model: where you know better.")
    display_name: Identifier | None = Field(None, description="New model: as your members see it.")
    access_tier: Literal["free", "premium"] | None = Field(None, description="New model: free where you say nothing.")
    unlock_price_cents: Annotated[int, Field(ge=1, le=100_000_000)] | None = Field(
        None, description="New model: needed for a premium one."
    )
    deprecated_at: Moment | None = Field(None, description="Retirement: when; else the provider's date, else now.")
    successor_id: Identifier | None = Field(None, description="Retirement: who serves then; else the one suggested.")


class ChangeRejection(Schema):
    """Why not, for whoever looks later."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, examples=["We wait for the next release."]
    )


class PriceMove(AnswerSchema):
    """One price, before and after: of a kind of token, in messages of more than so many input tokens."""

    kind: str = Field(examples=["input"])
    above_input_tokens: int
    before: float
    after: float
    percent: float | None = Field(description="Null: it was 0.")


class RegistryChange(AnswerSchema):
    """One thing that the feeds say otherwise. `before` and `after` hold what differs: prices, sizes, dates."""

    id: Id
    kind: Kind
    status: Status
    model_id: str | None = Field(description="Null: a model that is not offered yet.")
    model_name: str | None
    provider_id: str
    provider_model: str
    before: Document | None
    after: Document
    moves: list[PriceMove]
    percent: float | None = Field(description="The move that matters most: the steepest rise, else the deepest fall.")
    agreement: Agreement | None = Field(description="Whether two independent sources say the same price.")
    reason: str = Field(description="Why it waits, was applied, or was rejected.")
    created_at: Instant
    decided_at: Instant | None
    decided_by_email: str | None = Field(description="Null: Stoa itself, or nobody yet.")


class RegistryChangesAnswer(PageAnswer[RegistryChange]):
    """Changes, newest first."""


class RegistryChangeAnswer(DataAnswer[RegistryChange]):
    """The change as it is now."""


class FeedSource(AnswerSchema):
    """What one source came to."""

    source: str
    complete: bool = Field(description="False: it could not be read in full, and changed nothing.")
    models: int | None = Field(description="Models it named when it was last read in full.")
    problems: int


class FeedProblem(AnswerSchema):
    """What was wrong with one entry; with an empty `entry`, with the whole source."""

    source: str
    entry: str
    field: str | None
    reason: str


class FeedRun(AnswerSchema):
    """One reading of all sources."""

    id: Id
    created_at: Instant
    sources: list[FeedSource]
    models_added: int
    models_changed: int
    problems: list[FeedProblem]


class FeedRunsAnswer(PageAnswer[FeedRun]):
    """Readings, newest first."""
