"""Rates in requests and answers."""

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    WithJsonSchema,
    model_serializer,
    model_validator,
)

from stoa.domain.pricing.rates import Rates
from stoa.http.schemas import AnswerSchema, Schema, exact

MOST_TIERS = 8

Rate = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, lt=10_000, max_digits=10, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "exclusiveMaximum": 10_000}),
]


def _without_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class _GivenRates(Schema):
    model_config = ConfigDict(json_schema_extra=_without_defaults)

    cached_input: Rate = Field(Decimal(0), description="Input that the provider has in its cache.", examples=[0.3])
    cache_write: Rate = Field(Decimal(0), description="Input that the provider puts into its cache.", examples=[3.75])
    input_audio: Rate = Decimal(0)
    output_audio: Rate = Decimal(0)
    input_image: Rate = Decimal(0)
    output_image: Rate = Decimal(0)

    def stored(self) -> dict[str, Any]:
        """The rates that were sent, as `Rates.from_json` takes them."""
        return {name: value for name, value in self.given().items() if isinstance(value, Decimal)}


class GivenTier(_GivenRates):
    """What changes for messages of more input tokens than this: the whole message is charged so."""

    above_input_tokens: Annotated[int, Field(ge=1, le=100_000_000)] = Field(examples=[200_000])
    input: Rate = Field(Decimal(0), examples=[2.5])
    output: Rate = Field(Decimal(0), examples=[15])


class GivenRates(_GivenRates):
    """What a provider asks for tokens that are not plain input or output, USD per one million. {} is none of it."""

    tiers: Annotated[list[GivenTier], Field(max_length=MOST_TIERS)] = Field([], description="By rising thresholds.")

    @model_validator(mode="after")
    def _are_rates(self) -> Self:
        self.rates()
        return self

    def rates(self) -> Rates:
        """The same as the rules take it."""
        tiers = [{"above_input_tokens": tier.above_input_tokens, **tier.stored()} for tier in self.tiers]
        return Rates.from_json({**self.stored(), "tiers": tiers})


class _ShownRates(AnswerSchema):
    cached_input: float | None = Field(None, description="Input that the provider has in its cache.", examples=[0.3])
    cache_write: float | None = Field(None, description="Input that the provider puts into its cache.")
    input_audio: float | None = None
    output_audio: float | None = None
    input_image: float | None = None
    output_image: float | None = None

    @model_serializer(mode="wrap")
    def _only_what_there_is(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in write(self).items() if value is not None}


class ShownTier(_ShownRates):
    """What changes for messages of more input tokens than this: the whole message is charged so."""

    above_input_tokens: int = Field(examples=[200_000])
    input: float | None = None
    output: float | None = None


class ShownRates(_ShownRates):
    """What tokens cost that are not plain input or output, USD per one million. What is absent costs as these do."""

    tiers: Annotated[list[ShownTier] | None, BeforeValidator(lambda tiers: tiers or None)] = Field(
        None, description="Above a tier, what it does not name stays as below it."
    )


# Null where everything costs as input and output do.
OptionalRates = Annotated[ShownRates | None, BeforeValidator(lambda rates: rates or None)]


def with_stored_rates(given: dict[str, Any]) -> dict[str, Any]:
    """Fields that were sent, with `base_rates` in the form in which it is stored."""
    rates = given.get("base_rates")
    return {**given, "base_rates": rates.rates().to_json()} if rates is not None else given
