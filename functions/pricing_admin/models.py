"""Requests and answers of pricing."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, RootModel, StringConstraints, WithJsonSchema, model_validator
from pydantic.alias_generators import to_camel

from stoa.rate_schemas import ShownRates
from stoa.schema_fields import Identifier, Part, Price, Version
from stoa.schemas import AnswerSchema, EmailAddress, Schema, exact
from stoa.workflows.pricing.dates import moment

ModelKind = Literal["external", "self_hosted"]
Frequency = Literal["hourly", "daily", "weekly"]
# As in price_book.source.
Source = Literal["initial", "config", "bulk", "override", "override_end", "base", "sync"]

# The rules refuse what looks like the other unit with a hint, so the schema lets it through to them.
Fraction = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(max_digits=14, decimal_places=6),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 10}),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(max_digits=12, decimal_places=4),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000}),
]
Threshold = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=1000, max_digits=8, decimal_places=4),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000}),
]
Charge = Annotated[
    Decimal,
    BeforeValidator(exact),
    Field(ge=0, le=1000, max_digits=13, decimal_places=9),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1000}),
]


def _moment(value: Any) -> Any:
    if not isinstance(value, str):
        raise ValueError("send a time such as 2027-03-28T02:30:00+01:00")
    return moment(value)


Moment = Annotated[datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})]


PriceRule = Literal["apply", "agreed", "within_threshold", "review", "ignore"]
PlainRule = Literal["apply", "review", "ignore"]


class SyncPolicyUpdate(Part):
    """What becomes by itself of each kind of change that the feeds tell of. Null: the default; not sent: kept.

    `apply` at once; `agreed`: where two sources say the same; `within_threshold`: that, and it moves by no more than
    `notifyThresholdPercent`; `review`: waits for an admin; `ignore`: is not even proposed.
    """

    new_model: Literal["agreed", "review", "ignore"] | None = Field(None, examples=["review"])
    price_rise: PriceRule | None = Field(None, examples=["within_threshold"])
    price_fall: PriceRule | None = Field(None, examples=["agreed"])
    context_larger: PlainRule | None = Field(None, examples=["apply"])
    context_smaller: PlainRule | None = Field(None, examples=["review"])
    retirement: PlainRule | None = Field(None, examples=["review"])

    def rules(self) -> dict[str, Any]:
        """The rules that were sent, by the names that the policy has."""
        return {to_camel(name): rule for name, rule in self.given().items()}


class SyncPolicy(AnswerSchema):
    """The rule that holds for each kind of change."""

    new_model: str
    price_rise: str
    price_fall: str
    context_larger: str
    context_smaller: str
    retirement: str


class PricingConfigUpdate(Part):
    """The configuration in part or whole: what is not sent is kept."""

    external_default_markup: Fraction = Field(Decimal(0), description="0.4 is 40 %.", examples=[0.4])
    self_hosted_default_markup: Fraction = Field(Decimal(0), description="0.75 is 75 %.", examples=[0.75])
    minimum_charge_per_request: Charge = Field(Decimal(0), description="USD a message.", examples=[0.001])
    price_increase_grace_period_hours: Annotated[int, Field(ge=0, le=8760)] = Field(
        0, description="How long an increase of a price waits.", examples=[24]
    )
    auto_update_from_providers: bool = True
    auto_update_frequency: Frequency = "daily"
    last_auto_update: Any = Field(None, description="Ignored. Accepted so that the whole object can be sent back.")
    notify_on_price_change: bool = True
    notify_threshold_percent: Threshold = Field(
        Decimal(0), description="Percent: a provider's price that moves by more is told.", examples=[10]
    )
    sync_policy: SyncPolicyUpdate = Field(default_factory=lambda: SyncPolicyUpdate.model_validate({}))
    notice_emails: Annotated[list[EmailAddress], Field(max_length=20)] = Field(
        default_factory=list,
        description="Who is written to when a provider's price moves. Nobody named: the admins of the last 90 days.",
        examples=[["ops@shop.test"]],
    )
    version: Version = Field(
        0, description="The version this edit was made from (or `If-Match`). A stale one is refused with 409."
    )


class PricingConfig(AnswerSchema):
    """How this tenant prices."""

    external_default_markup: float = Field(examples=[0.4])
    self_hosted_default_markup: float = Field(examples=[0.75])
    minimum_charge_per_request: float = Field(description="USD a message.", examples=[0.001])
    price_increase_grace_period_hours: int = Field(examples=[24])
    auto_update_from_providers: bool
    auto_update_frequency: Frequency
    last_auto_update: datetime | None
    notify_on_price_change: bool
    notify_threshold_percent: float = Field(examples=[10])
    sync_policy: SyncPolicy
    notice_emails: list[str]
    version: int = Field(description="Also the `ETag`. 0: nothing was ever saved, these are the defaults.")


class PricingRow(AnswerSchema):
    """What members pay from an instant on: USD per one million tokens, and the minimum charge in USD a message."""

    effective_from: datetime
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
    effective_from: datetime
    effective_to: datetime | None


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
    pending: PricingRow | None = Field(None, description="The next price. Absent where none is to come.")
    scheduled: list[PricingRow] | None = Field(None, description="All prices to come, in order. Absent where none is.")


class ModelPricingList(RootModel[list[ModelPricing]]):
    """Every model of the catalogue with its prices."""


class BulkUpdate(Schema):
    """A default markup, in percent."""

    type: ModelKind = Field(description="Which models' default markup.", examples=["external"])
    markup: Percent = Field(description="Percent: 40 is 40 %.", examples=[40])
    version: Version | None = Field(None, description="The configuration's version that this was made from.")


class BulkUpdateAnswer(AnswerSchema):
    """What the bulk update changed."""

    success: bool
    models_updated: int = Field(description="Models whose prices change, now or after the grace period.")


class OverrideUpdate(Schema):
    """The whole override: what is not sent, or null, is as base price and default markup say."""

    markup: Fraction | None = Field(None, description="A fraction: 0.25 is 25 %. 0 is a markup.", examples=[0.25])
    input_price: Price | None = Field(None, description="In the place of the provider's price; markup comes on top.")
    output_price: Price | None = Field(None, description="In the place of the provider's price; markup comes on top.")
    effective_from: Moment | None = Field(
        None, description="From when on; without it, or past: at once. Without offset: the tenant's time zone."
    )
    effective_to: Moment | None = Field(None, description="Until when; without it: until it is changed.")
    version: Version | None = Field(None, description="The `overrideVersion` this edit was made from (or `If-Match`).")


class OverrideAnswer(AnswerSchema):
    """The override is saved, or gone."""

    success: bool
    effective_from: datetime = Field(
        description="From when on nothing of the change is held back: increases wait for the grace period."
    )


class PreviewOverride(OverrideUpdate):
    """An override of this model."""

    model_id: Identifier = Field(examples=["gpt-4o"])


class PreviewRemoval(Schema):
    """The model whose override would be taken away."""

    model_id: Identifier


class SheetText(Schema):
    """A sheet of overrides as JSON carries it. The body may also be the CSV itself, as `text/csv`."""

    csv: Annotated[str, StringConstraints(max_length=1_000_000)] = Field(
        description="First line: modelId,markup,inputPrice,outputPrice,effectiveFrom,effectiveTo,version.",
        examples=["modelId,markup\ngpt-4o,0.25\n"],
    )


class PricePreview(Part):
    """Exactly one change, as its own call takes it."""

    config: PricingConfigUpdate | None = Field(None, description="As PUT /api/admin/pricing/config.")
    bulk_update: BulkUpdate | None = Field(
        None,
        description="As POST /api/admin/pricing/bulk-update.",
        examples=[{"type": "external", "markup": 45}],
    )
    override: PreviewOverride | None = Field(None, description="As PUT …/models/{modelId}/override.")
    remove_override: PreviewRemoval | None = Field(None, description="As DELETE …/models/{modelId}/override.")
    overrides_import: SheetText | None = Field(None, description="As POST /api/admin/pricing/overrides/import.")

    @model_validator(mode="after")
    def _one_change(self) -> Self:
        if sum(value is not None for value in self.given().values()) != 1:
            raise ValueError("send exactly one of config, bulkUpdate, override, removeOverride and overridesImport")
        return self


class PreviewedModel(AnswerSchema):
    """One model's rows in force and to come, before and after."""

    model_id: str
    effective_from: datetime = Field(description="The first instant at which a price differs.")
    before: list[PricingRow]
    after: list[PricingRow]


class PricePreviewAnswer(AnswerSchema):
    """What the change would do. Nothing was written."""

    models_updated: int
    changes: list[PreviewedModel]


class PriceChange(AnswerSchema):
    """A change of a model's price. `previous…` is what members paid until then, null where it was not sold."""

    id: str
    created_at: datetime
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
    effective_from: datetime
    changed_by_email: str | None = Field(description="Null: Stoa itself.")


class PriceHistory(RootModel[list[PriceChange]]):
    """Changes of prices, the newest first. The header `X-Next-Cursor` leads to the next page."""


class PriceHistoryParameters(AnswerSchema):
    """Which changes."""

    model_id: str | None = Field(None, description="Of this model only.")


class ImportAnswer(AnswerSchema):
    """The sheet is in force, or waits where an increase has to."""

    success: bool
    models_updated: int
