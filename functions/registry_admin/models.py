"""Requests and answers of the registry's review."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, WithJsonSchema

from stoa.core.text import camel_case
from stoa.domain.sync.agreement import Agreement
from stoa.domain.sync.change import Ending, Kind, NewModel, Sizes, Status
from stoa.domain.sync.facts import Price as ProviderPrice
from stoa.http.fields import Identifier, Part
from stoa.http.request_schemas import Moment, Schema, exact
from stoa.http.schemas import AnswerSchema, DataAnswer, Id, Instant, ModelId, PageAnswer

Tokens = Annotated[int, Field(ge=1, le=100_000_000)]
Price = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, lt=10_000, max_digits=10, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 10_000}),
]


class ChangeApproval(Part):
    """Your own decisions beside a change. They are needed only for a new model whose prices no source knows."""

    input_price: Price | None = Field(None, description="New model: the provider's, USD per 1M tokens.", examples=[1.5])
    output_price: Price | None = Field(None, description="New model: the provider's, USD per 1M tokens.", examples=[6])
    context_window: Tokens | None = Field(None, description="New model: a value of your own in place of the feed's.")
    max_output_tokens: Tokens | None = Field(None, description="New model: a value of your own in place of the feed's.")
    display_name: Identifier | None = Field(None, description="New model: the name that your members see.")
    access_tier: Literal["free", "premium"] | None = Field(None, description="New model: free where it is not sent.")
    unlock_price_cents: Annotated[int, Field(ge=1, le=100_000_000)] | None = Field(
        None, description="New model: needed for a premium one."
    )
    deprecated_at: Moment | None = Field(None, description="Retirement: the time; else the provider's date, else now.")
    successor_id: Identifier | None = Field(
        None, description="Retirement: the model that answers then; else the suggested one."
    )


class ChangeRejection(Schema):
    """The reason, for people who look later."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = Field(
        None, examples=["We wait for the next release."]
    )


def shown(side: object) -> object:
    """Returns a side of a change as clients read it: prices as numbers, rates as exact text."""
    match side:
        case ProviderPrice():
            return _prices(side)
        case NewModel():
            described = {
                "displayName": side.display_name,
                "contextWindow": side.context_window,
                "maxOutputTokens": side.max_output_tokens,
            }
            return {**described, **_prices(side.price)}
        case Sizes():
            return {camel_case(name): tokens for name, tokens in side.given().items()}
        case Ending():
            ends = side.deprecated_at and side.deprecated_at.isoformat()
            told = {"deprecatedAt": ends, "successorId": side.successor_id}
            return told if side.why is None else {"why": side.why, **told}
    return side


# The values on one side of a change. Its fields depend on the change's kind.
Shown = Annotated[dict[str, Any], BeforeValidator(shown)]


class PriceMove(AnswerSchema):
    """A price before and after: of a kind of token, in messages of more input tokens than `aboveInputTokens`."""

    kind: Annotated[str, BeforeValidator(camel_case)] = Field(examples=["input"])
    above_input_tokens: int
    before: float
    after: float
    percent: float | None = Field(description="Null: the price before was 0.")


class RegistryChange(AnswerSchema):
    """A difference between the feeds and your registry. `before` and `after` hold the prices, sizes or dates."""

    id: Id
    kind: Kind
    status: Status
    model_id: ModelId | None = Field(description="Null: a model that is not offered yet.")
    model_name: str | None
    provider_id: str
    provider_model: str
    before: Shown | None
    after: Shown
    moves: list[PriceMove]
    percent: float | None = Field(description="The move that matters most: the steepest rise, else the deepest fall.")
    agreement: Agreement | None = Field(description="Whether two independent sources say the same price.")
    reason: str = Field(description="The reason why the change waits, was applied, or was rejected.")
    created_at: Instant
    decided_at: Instant | None
    decided_by_email: str | None = Field(description="Null: Stoa itself, or nobody yet.")


class RegistryChangesAnswer(PageAnswer[RegistryChange]):
    """Changes, newest first."""


class RegistryChangeAnswer(DataAnswer[RegistryChange]):
    """The change as it is now."""


class FeedSource(AnswerSchema):
    """The result of reading a source."""

    source: str
    complete: bool = Field(description="False: the source could not be read in full, and changed nothing.")
    models: int | None = Field(description="Models that the source named when it was last read in full.")
    problems: int


class FeedProblem(AnswerSchema):
    """A problem with an entry. An empty `entry` means the whole source."""

    source: str
    entry: str
    field: str | None
    reason: str


class FeedRun(AnswerSchema):
    """A reading of all sources."""

    id: Id
    created_at: Instant
    sources: list[FeedSource]
    models_added: int
    models_changed: int
    problems: list[FeedProblem]


class FeedRunsAnswer(PageAnswer[FeedRun]):
    """Readings, newest first."""


def _prices(price: ProviderPrice | None) -> dict[str, Any]:
    if price is None:
        return {"inputPrice": None, "outputPrice": None, "rates": {}}
    prices = {"inputPrice": float(price.input_price), "outputPrice": float(price.output_price)}
    return {**prices, "rates": _camel(price.rates.to_json())}


def _camel(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {camel_case(name): _camel(item) for name, item in value.items()}
    return [_camel(item) for item in value] if isinstance(value, list) else value
