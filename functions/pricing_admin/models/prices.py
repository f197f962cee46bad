"""Prices as admins see them, and how they changed."""

from pydantic import Field, RootModel

from stoa.http.rates import ShownRates, absent
from stoa.http.schemas import AnswerSchema, Id, Instant

from .fields import Source


class PricingRow(AnswerSchema):
    """What members pay from an instant on: USD per one million tokens, and the minimum charge in USD a message."""

    effective_from: Instant
    input_price: float
    output_price: float
    rates: ShownRates | None = Field(description="For cached input and the like; null: all as input and output.")
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

    model_id: str
    display_name: str
    provider_id: str
    is_novel: bool
    category: str
    base_input_price: float | None = Field(description="What the provider takes.")
    base_output_price: float | None
    base_rates: ShownRates | None = Field(description="What it takes for cached input and the like; null: no rates.")
    effective_markup: float | None
    user_input_price: float | None = Field(description="What members pay.")
    user_output_price: float | None
    rates: ShownRates | None = Field(description="What members pay for cached input and the like; null: no rates.")
    minimum_charge: float | None
    has_override: bool = Field(description="One is in force or to come.")
    overrides: list[PriceOverride] = Field(description="The one in force and those to come.")
    override_version: int = Field(description="Counts the edits of the override; for `version` or `If-Match`.")
    pending: PricingRow | None = Field(
        None, exclude_if=absent, description="The next price. Absent where none is to come."
    )
    scheduled: list[PricingRow] | None = Field(
        None, exclude_if=absent, description="All prices to come, in order. Absent where none is."
    )


class ModelPricingList(RootModel[list[ModelPricing]]):
    """Every model of the catalogue with its prices."""


class PriceChange(AnswerSchema):
    """A change of a model's price. `previous…` is what members paid until then, null where it was not sold."""

    id: Id
    created_at: Instant
    model_id: str
    change_source: Source
    previous_input_price: float | None
    previous_output_price: float | None
    previous_markup: float | None
    previous_minimum_charge: float | None
    previous_rates: ShownRates | None
    new_input_price: float
    new_output_price: float
    new_markup: float
    new_minimum_charge: float
    new_rates: ShownRates | None
    effective_from: Instant
    changed_by_email: str | None = Field(description="Null: Stoa itself.")


class PriceHistory(RootModel[list[PriceChange]]):
    """Changes of prices, the newest first. The header `X-Next-Cursor` leads to the next page."""
