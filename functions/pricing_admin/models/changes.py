"""Edits that move prices: bulk update, overrides, the sheet, and the dry run of any of them."""

from typing import Annotated, ClassVar, Self, cast

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from functions.pricing_admin.models.config import PricingConfigUpdate
from functions.pricing_admin.models.fields import Fraction, ModelKind, Moment, Percent
from functions.pricing_admin.models.prices import PricingRow
from stoa.core.errors import MalformedRequest
from stoa.domain.pricing.price_book import Override
from stoa.http.bodies import TextBody
from stoa.http.fields import Identifier, Part, Price, Version
from stoa.http.parameters import expected_version
from stoa.http.request_schemas import Schema
from stoa.http.schemas import AnswerSchema, Instant, ModelId
from stoa.workflows.pricing.config import MarkupEdit
from stoa.workflows.pricing.overrides import OverrideEdit, OverrideRemoval
from stoa.workflows.pricing.preview import PriceEdit
from stoa.workflows.pricing.price_planning import PlannedChange
from stoa.workflows.pricing.sheet import SheetImport


class BulkUpdate(Schema):
    """A default markup, in percent."""

    type: ModelKind = Field(description="The kind of models whose default markup to set.", examples=["external"])
    markup: Percent = Field(description="Percent: 40 is 40 %.", examples=[40])
    version: Version | None = Field(None, description="The configuration's version that this was made from.")

    def edit(self, if_match: str | None = None) -> MarkupEdit:
        """Returns the edit as the use case takes it."""
        return MarkupEdit(self.type, self.markup, expected_version(if_match, self.version))


class BulkUpdateAnswer(AnswerSchema):
    """The outcome of the bulk update."""

    success: bool
    models_updated: int = Field(description="Models whose prices change, now or after the grace period.")


class OverrideUpdate(Schema):
    """The whole override. A field that is null or not sent is as base price and default markup say."""

    markup: Fraction | None = Field(None, description="A fraction: 0.25 is 25 %. 0 is a markup.", examples=[0.25])
    input_price: Price | None = Field(None, description="Replaces the provider's price. The markup comes on top.")
    output_price: Price | None = Field(None, description="Replaces the provider's price. The markup comes on top.")
    effective_from: Moment | None = Field(
        None, description="Start time. Omitted or in the past: now. Without an offset: in the tenant's time zone."
    )
    effective_to: Moment | None = Field(None, description="End time. Omitted: the override lasts until it is changed.")
    version: Version | None = Field(None, description="The `overrideVersion` this edit was made from (or `If-Match`).")

    def edit(self, model_id: str, if_match: str | None) -> OverrideEdit:
        """Returns the edit as the use case takes it."""
        override = Override(self.markup, self.input_price, self.output_price)
        version = expected_version(if_match, self.version)
        return OverrideEdit(model_id, override, self.effective_from, self.effective_to, version)


class OverrideAnswer(AnswerSchema):
    """The override is saved, or gone."""

    success: bool
    effective_from: Instant = Field(
        description="The change holds in full from here on. Increases wait for the grace period."
    )


class PreviewOverride(OverrideUpdate):
    """An override of this model."""

    model_id: Identifier = Field(examples=["gpt-4o"])


class PreviewRemoval(Schema):
    """The model whose override would be taken away."""

    model_id: Identifier


def _without_null_character(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not contain the null character")
    return text


class SheetText(TextBody):
    """A sheet of overrides as JSON carries it. The body may also be the CSV itself, as `text/csv`."""

    media_type: ClassVar[str] = "text/csv"

    csv: Annotated[str, StringConstraints(max_length=1_000_000), AfterValidator(_without_null_character)] = Field(
        description="First line: modelId,markup,inputPrice,outputPrice,effectiveFrom,effectiveTo,version.",
        examples=["modelId,markup\ngpt-4o,0.25\n"],
    )

    @model_validator(mode="after")
    def _without_null_characters(self) -> Self:
        # The field checks the text that comes as JSON. The sheet's reader names the line in one that comes as CSV.
        return self

    @classmethod
    def of_bytes(cls, body: bytes) -> Self:
        """Returns the sheet that the body is. Raises MalformedRequest where it is not UTF-8.

        The sheet's own reader then names each cell that it refuses by line and column.
        """
        try:
            return cast("Self", cls.model_construct(csv=body.decode("utf-8")))
        except UnicodeDecodeError as error:
            raise MalformedRequest("The sheet is not UTF-8 text. Save it as CSV UTF-8 and send it again.") from error


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

    def edit(self, if_match: str | None) -> PriceEdit:
        """Returns the one edit as the use case takes it. `if_match` is the version of an override."""
        if self.config is not None:
            return self.config.edit()
        if self.bulk_update is not None:
            return self.bulk_update.edit()
        if self.override is not None:
            return self.override.edit(self.override.model_id, if_match)
        if self.remove_override is not None:
            return OverrideRemoval(self.remove_override.model_id)
        assert self.overrides_import is not None
        return SheetImport(self.overrides_import.csv)


class PreviewedModel(AnswerSchema):
    """A model's rows in force and to come, before and after."""

    model_id: ModelId
    effective_from: Instant = Field(description="The first instant at which a price differs.")
    before: list[PricingRow]
    after: list[PricingRow]


class PricePreviewAnswer(AnswerSchema):
    """The effect that the change would have. Nothing was written."""

    models_updated: int
    changes: list[PreviewedModel]

    @classmethod
    def of(cls, changes: list[PlannedChange]) -> Self:
        """Returns the answer for the models whose prices would change."""
        return cls.model_validate({"models_updated": len(changes), "changes": changes})
