"""Pricing for a tenant's admins: configuration, bulk update, overrides and their sheet, dry runs, history."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from functions.pricing_admin.models.changes import (
    BulkUpdate,
    BulkUpdateAnswer,
    ImportAnswer,
    OverrideAnswer,
    OverrideUpdate,
    PricePreview,
    PricePreviewAnswer,
    SheetText,
)
from functions.pricing_admin.models.config import PricingConfig, PricingConfigUpdate
from functions.pricing_admin.models.prices import ModelPricingList, PriceHistory
from stoa.http.cursors import cursor_of, id_after
from stoa.http.dependencies import AsAdmin
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, IfMatch, Limit, expected_version, short_text
from stoa.workflows.pricing import config, overrides, price_list, sheet
from stoa.workflows.pricing.config import ReadConfig
from stoa.workflows.pricing.overrides import OverrideRemoval, SavedOverride
from stoa.workflows.pricing.preview import preview
from stoa.workflows.pricing.sheet import SheetImport

app = Door()

TAGS = ["pricing"]
MOST_FILTER_CHARACTERS = 200

ModelId = Annotated[str, Path(alias="modelId")]
OfModel = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_FILTER_CHARACTERS)),
    WithJsonSchema({"type": "string"}),
    Query(alias="modelId", description="Of this model only."),
]


@app.get("/api/admin/pricing/config", summary="The pricing configuration", tags=TAGS)
def get_config(caller: AsAdmin) -> Response[PricingConfig]:
    """Returns default markups, minimum charge, grace period and automatic updates. Defaults where nothing was saved."""
    return _config(config.read_config(caller))


@app.put("/api/admin/pricing/config", summary="Change the pricing configuration", tags=TAGS, responses=errors(409))
def put_config(caller: AsAdmin, update: PricingConfigUpdate, if_match: IfMatch = None) -> Response[PricingConfig]:
    """A field that is not sent is kept. Prices that fall do so at once. Prices that rise wait for the grace period."""
    return _config(config.put_config(caller, update.edit(if_match)))


@app.get("/api/admin/pricing/models", summary="All models' prices", tags=TAGS)
def get_models(caller: AsAdmin) -> ModelPricingList:
    """Returns base prices, markups and the prices that members pay, with the prices to come."""
    return ModelPricingList.model_validate(price_list.list_prices(caller))


@app.post("/api/admin/pricing/bulk-update", summary="Set a default markup", tags=TAGS, responses=errors(409))
def bulk_update(caller: AsAdmin, update: BulkUpdate, if_match: IfMatch = None) -> BulkUpdateAnswer:
    """Sets the default markup of external or self-hosted models, in percent. Models with a markup of their own keep
    it."""
    updated = config.bulk_update(caller, update.edit(if_match))
    return BulkUpdateAnswer(success=True, models_updated=updated)


@app.put(
    "/api/admin/pricing/models/<modelId>/override",
    summary="Set one model's price or markup",
    tags=TAGS,
    responses=errors(409),
)
def put_override(
    caller: AsAdmin, model_id: ModelId, update: OverrideUpdate, if_match: IfMatch = None
) -> Response[OverrideAnswer]:
    """Replaces the model's override from `effectiveFrom` on. The override that was set before holds until then."""
    return _override(overrides.put_override(caller, update.edit(model_id, if_match)))


@app.delete(
    "/api/admin/pricing/models/<modelId>/override",
    summary="Take one model's override away",
    tags=TAGS,
    responses=errors(409),
)
def delete_override(caller: AsAdmin, model_id: ModelId, if_match: IfMatch = None) -> Response[OverrideAnswer]:
    """Puts the model back on base price and default markup: at once where that is cheaper, else after the grace."""
    removal = OverrideRemoval(model_id, expected_version(if_match))
    return _override(overrides.delete_override(caller, removal))


@app.post("/api/admin/pricing/preview", summary="Preview a change of prices", tags=TAGS, responses=errors(404, 409))
def post_preview(caller: AsAdmin, change: PricePreview, if_match: IfMatch = None) -> PricePreviewAnswer:
    """Makes any one of the changes dry: each model's rows before and after. Refused as the change itself would be."""
    return PricePreviewAnswer.of(preview(caller, change.edit(if_match)))


@app.get("/api/admin/pricing/history", summary="Changes of prices", tags=TAGS)
def get_history(
    caller: AsAdmin, model_id: OfModel = None, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None
) -> Response[PriceHistory]:
    """Returns every change with its cause and author, the newest first. The header `X-Next-Cursor` leads to older
    ones."""
    page = price_list.list_history(caller, model_id=model_id, before=id_after(cursor), limit=limit)
    older = cursor_of(page)
    headers = {} if older is None else {"X-Next-Cursor": older}
    return Response(200, "application/json", PriceHistory.model_validate(page.rows), headers=headers)


@app.get("/api/admin/pricing/overrides.csv", summary="All overrides as a sheet", tags=TAGS)
def get_overrides_sheet(caller: AsAdmin) -> Response[str]:
    """Returns overrides in force and to come as CSV, a line each, ready to be edited and imported again."""
    headers = {"Content-Disposition": 'attachment; filename="overrides.csv"'}
    return Response(200, "text/csv; charset=utf-8", sheet.export_sheet(caller), headers=headers)


@app.post("/api/admin/pricing/overrides/import", summary="Set overrides from a sheet", tags=TAGS, responses=errors(409))
def import_overrides(caller: AsAdmin, sent: SheetText) -> ImportAnswer:
    """Sets all lines or none. A refusal names each line and column. Models that are not in the sheet keep what they
    have."""
    updated = sheet.import_sheet(caller, SheetImport(sent.csv))
    return ImportAnswer(success=True, models_updated=updated)


def _config(read: ReadConfig) -> Response[PricingConfig]:
    return Response(200, "application/json", PricingConfig.of(read), headers=_tag(read.settings.version))


def _override(saved: SavedOverride) -> Response[OverrideAnswer]:
    answer = OverrideAnswer.model_validate({"success": True, "effective_from": saved.effective_from})
    return Response(200, "application/json", answer, headers=_tag(saved.version))


def _tag(version: int) -> dict[str, str | list[str]]:
    return {"ETag": f'"{version}"'}


handler = app.ready()
