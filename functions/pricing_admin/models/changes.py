"""What moves prices: bulk update, overrides, the sheet; and any of them dry."""

from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from stoa.http.fields import Identifier, Part, Price, Version
from stoa.http.schemas import AnswerSchema, Instant, Schema, SheetBody

from .config import PricingConfigUpdate
from .fields import Fraction, ModelKind, Moment, Percent
from .prices import PricingRow


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
    effective_from: Instant = Field(
        description="From when on nothing of the change is held back: increases wait for the grace period."
    )


class PreviewOverride(OverrideUpdate):
    """An override of this model."""

    model_id: Identifier = Field(examples=["gpt-4o"])


class PreviewRemoval(Schema):
    """The model whose override would be taken away."""

    model_id: Identifier


class SheetText(SheetBody):
    """A sheet of overrides as JSON carries it. The body may also be the CSV itself, as `text/csv`."""

    csv: Annotated[str, StringConstraints(max_length=1_000_000)] = Field(
        description="First line: modelId,markup,inputPrice,outputPrice,effectiveFrom,effectiveTo,version.",
        examples=["modelId,markup\ngpt-4o,0.25\n"],
    )


class ImportAnswer(AnswerSchema):
    """The sheet is in force, or waits where an increase has to."""

    success: bool
    models_updated: int


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
    effective_from: Instant = Field(description="The first instant at which a price differs.")
    before: list[PricingRow]
    after: list[PricingRow]


class PricePreviewAnswer(AnswerSchema):
    """What the change would do. Nothing was written."""

    models_updated: int
    changes: list[PreviewedModel]
