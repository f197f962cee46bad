"""Prices as admins see them, and how they changed."""

from typing import Annotated

from pydantic import BeforeValidator, Field, RootModel

from functions.pricing_admin.models.fields import Source
from stoa.http.rates import ShownRatesOrNull
from stoa.http.schemas import AnswerSchema, Id, Instant, ModelId, absent


class PricingRow(AnswerSchema):
    """Prices that members pay from an instant on, USD per one million tokens. The minimum charge is USD a message."""

    effective_from: Instant
    input_price: float
    output_price: float
    rates: ShownRatesOrNull = Field(description="For cached input and the like. Null: all as input and output.")
    minimum_charge: float
    markup: float
    source: Source


class PriceOverride(AnswerSchema):
    """An override. Null: as base price and default markup say."""

    markup: float | None
    input_price: float | None
    output_price: float | None
    effective_from: Instant
    effective_to: Instant | None


class ModelPricing(AnswerSchema):
    """A model's prices. Null prices: the provider's are not known, so the model cannot be sold."""

    model_id: ModelId
    display_name: str
    provider_id: str
    is_novel: bool
    category: str
    base_input_price: float | None = Field(description="Price that the provider takes.")
    base_output_price: float | None
    base_rates: ShownRatesOrNull = Field(
        description="Rates that it takes for cached input and the like. Null: no rates."
    )
    effective_markup: float | None
    user_input_price: float | None = Field(description="Price that members pay.")
    user_output_price: float | None
    rates: ShownRatesOrNull = Field(description="Rates that members pay for cached input and the like. Null: no rates.")
    minimum_charge: float | None
    has_override: bool = Field(description="An override is in force or to come.")
    overrides: list[PriceOverride] = Field(description="The override in force and those to come.")
    override_version: int = Field(description="Counts the edits of the override. For `version` or `If-Match`.")
    pending: PricingRow | None = absent("The next price. Absent where none is to come.")
    scheduled: Annotated[list[PricingRow] | None, BeforeValidator(lambda rows: rows or None)] = absent(
        "All prices to come, in order. Absent where none is."
    )


class ModelPricingList(RootModel[list[ModelPricing]]):
    """Every model of the catalogue with its prices."""


class PriceChange(AnswerSchema):
    """A change of a model's price. `previous…` is what members paid until then, null where it was not sold."""

    id: Id
    created_at: Instant
    model_id: ModelId
    change_source: Source
    previous_input_price: float | None
    previous_output_price: float | None
    previous_markup: float | None
    previous_minimum_charge: float | None
    previous_rates: ShownRatesOrNull
    new_input_price: float
    new_output_price: float
    new_markup: float
    new_minimum_charge: float
    new_rates: ShownRatesOrNull
    effective_from: Instant
    changed_by_email: str | None = Field(description="Null: Stoa itself.")


class PriceHistory(RootModel[list[PriceChange]]):
    """Changes of prices, the newest first. The header `X-Next-Cursor` leads to the next page."""
