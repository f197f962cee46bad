"""Rates in requests and answers."""

from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator

from stoa.domain.pricing.rates import Rates
from stoa.http.request_schemas import Schema, exact
from stoa.http.schemas import AnswerSchema, absent

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
        """Returns the rates that were sent, as `Rates.from_json` takes them."""
        return {name: value for name, value in self.given().items() if isinstance(value, Decimal)}


class GivenTier(_GivenRates):
    """Rates for messages of more input tokens than the threshold. They apply to the whole message."""

    above_input_tokens: Annotated[int, Field(ge=1, le=100_000_000)] = Field(examples=[200_000])
    input: Rate = Field(Decimal(0), examples=[2.5])
    output: Rate = Field(Decimal(0), examples=[15])


class GivenRates(_GivenRates):
    """Rates of a provider for tokens that are not plain input or output, USD per one million. {} removes them all."""

    tiers: Annotated[list[GivenTier], Field(max_length=MOST_TIERS)] = Field([], description="By rising thresholds.")

    @model_validator(mode="after")
    def _are_rates(self) -> Self:
        self.rates()
        return self

    def rates(self) -> Rates:
        """Returns the rates as the rules take them. Raises ValueError where thresholds do not rise."""
        tiers = [{"above_input_tokens": tier.above_input_tokens, **tier.stored()} for tier in self.tiers]
        return Rates.from_json({**self.stored(), "tiers": tiers})


class ShownTier(AnswerSchema):
    """Rates for messages of more input tokens than the threshold. They apply to the whole message."""

    above_input_tokens: int = Field(examples=[200_000])
    input: float | None = absent()
    output: float | None = absent()
    cached_input: float | None = absent("Input that the provider has in its cache.", examples=[0.3])
    cache_write: float | None = absent("Input that the provider puts into its cache.")
    input_audio: float | None = absent()
    output_audio: float | None = absent()
    input_image: float | None = absent()
    output_image: float | None = absent()


class ShownRates(AnswerSchema):
    """Rates for tokens that are not plain input or output, USD per one million. An absent kind costs as those do."""

    cached_input: float | None = absent("Input that the provider has in its cache.", examples=[0.3])
    cache_write: float | None = absent("Input that the provider puts into its cache.")
    input_audio: float | None = absent()
    output_audio: float | None = absent()
    input_image: float | None = absent()
    output_image: float | None = absent()
    tiers: Annotated[list[ShownTier] | None, BeforeValidator(lambda tiers: tiers or None)] = absent(
        "A kind that a tier does not name costs what it costs below the tier."
    )


# Reads `Rates`. Rates without any exception from the two prices are null.
ShownRatesOrNull = Annotated[ShownRates | None, BeforeValidator(lambda rates: rates or None)]


def with_stored_rates(given: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields that were sent, with `base_rates` in the form in which they are stored."""
    rates = given.get("base_rates")
    return {**given, "base_rates": rates.rates().to_json()} if rates is not None else given
