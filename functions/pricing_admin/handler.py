"""Pricing for a tenant's admins: configuration, bulk update, overrides and their sheet, dry runs, history."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator, WithJsonSchema

from functions.pricing_admin.models import (
    BulkUpdate,
    BulkUpdateAnswer,
    ImportAnswer,
    ModelPricingList,
    OverrideAnswer,
    OverrideUpdate,
    PriceHistory,
    PricePreview,
    PricePreviewAnswer,
    PricingConfig,
    PricingConfigUpdate,
    SheetText,
)
from stoa.database.pool import Connection
from stoa.domain.pricing.price_book import Override
from stoa.http.cursors import cursor_of, id_after
from stoa.http.dependencies import AsAdmin
from stoa.http.door import Door
from stoa.http.errors import errors
from stoa.http.parameters import (
    DEFAULT_PAGE,
    Cursor,
    IfMatch,
    Limit,
    expected_version,
    short_text,
)
from stoa.identity.caller import Caller
from stoa.workflows.pricing import config, overrides, sheet, views
from stoa.workflows.pricing.overrides import OverrideEdit, SavedOverride
from stoa.workflows.pricing.preview import preview
from stoa.workflows.pricing.price_planning import PlannedChange

app = Door()

TAGS = ["pricing"]
MOST_FILTER_CHARACTERS = 200
# Names of the API that differ from the configuration's own.
CONFIG_NAMES = {
    "minimum_charge_per_request": "minimum_charge",
    "price_increase_grace_period_hours": "price_increase_grace_hours",
}
Change = Callable[[Connection], list[PlannedChange]]

ModelId = Annotated[str, Path(alias="modelId")]
ModelIdFilter = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_FILTER_CHARACTERS)),
    WithJsonSchema({"type": "string"}),
    Query(alias="modelId", description="Of this model only."),
]


@app.get("/api/admin/pricing/config", summary="How prices are made", tags=TAGS)
def get_config(caller: AsAdmin) -> Response[PricingConfig]:
    """Default markups, minimum charge, grace period and automatic updates; the defaults where nothing was saved."""
    return _tagged(PricingConfig.model_validate(config.read_config(caller.database, caller.tenant_id)))


@app.put("/api/admin/pricing/config", summary="Change how prices are made", tags=TAGS, responses=errors(409))
def put_config(caller: AsAdmin, body: PricingConfigUpdate, if_match: IfMatch = None) -> Response[PricingConfig]:
    """What is not sent is kept. Prices that fall do so at once, those that rise after the grace period."""
    given = _config_fields(body.given())
    expected = expected_version(if_match, given.pop("version", None))
    saved = config.put_config(caller.database, caller.tenant_id, caller.actor, given, expected, caller.now)
    return _tagged(PricingConfig.model_validate(saved))


@app.get("/api/admin/pricing/models", summary="All models' prices", tags=TAGS)
def get_models(caller: AsAdmin) -> ModelPricingList:
    """Base prices, markups and what members pay, with the prices to come."""
    return ModelPricingList.model_validate(views.list_prices(caller.database, caller.tenant_id, caller.now))


@app.post("/api/admin/pricing/bulk-update", summary="Set a default markup", tags=TAGS, responses=errors(409))
def bulk_update(caller: AsAdmin, body: BulkUpdate, if_match: IfMatch = None) -> BulkUpdateAnswer:
    """The default markup of external or self-hosted models, in percent. Models with a markup of their own keep it."""
    expected = expected_version(if_match, body.version)
    updated = config.bulk_update(
        caller.database, caller.tenant_id, caller.actor, body.type, body.markup, expected, caller.now
    )
    return BulkUpdateAnswer.model_validate({"success": True, "modelsUpdated": updated})


@app.put(
    "/api/admin/pricing/models/<modelId>/override",
    summary="Set one model's price or markup",
    tags=TAGS,
    responses=errors(409),
)
def put_override(
    caller: AsAdmin, model_id: ModelId, body: OverrideUpdate, if_match: IfMatch = None
) -> Response[OverrideAnswer]:
    """Replaces the model's override from `effectiveFrom` on; what was set before holds until then."""
    edit = _edit(model_id, body.given(), if_match)
    saved = overrides.put_override(caller.database, caller.tenant_id, caller.actor, edit, caller.now)
    return _set(saved)


@app.delete(
    "/api/admin/pricing/models/<modelId>/override",
    summary="Take one model's override away",
    tags=TAGS,
    responses=errors(409),
)
def delete_override(caller: AsAdmin, model_id: ModelId, if_match: IfMatch = None) -> Response[OverrideAnswer]:
    """The model goes back to base price and default markup: at once where that is cheaper, else after the grace."""
    expected = expected_version(if_match)
    saved = overrides.delete_override(caller.database, caller.tenant_id, caller.actor, model_id, expected, caller.now)
    return _set(saved)


@app.post("/api/admin/pricing/preview", summary="What a change would do", tags=TAGS, responses=errors(404, 409))
def post_preview(caller: AsAdmin, body: PricePreview, if_match: IfMatch = None) -> PricePreviewAnswer:
    """Any one of the changes, dry: each model's rows before and after. Refused as the change itself would be."""
    change = _previewed(caller, body, if_match)
    return PricePreviewAnswer.model_validate(preview(caller.database, caller.tenant_id, change))


@app.get("/api/admin/pricing/history", summary="How prices changed", tags=TAGS)
def get_history(
    caller: AsAdmin, limit: Limit = DEFAULT_PAGE, cursor: Cursor = None, model_id: ModelIdFilter = None
) -> Response[PriceHistory]:
    """Every change with its cause and author, the newest first. The header `X-Next-Cursor` leads to older ones."""
    before = id_after(cursor)
    page = views.list_history(
        caller.database,
        caller.tenant_id,
        model_id=model_id,
        before=before,
        limit=limit,
    )
    following = cursor_of(page)
    headers = {} if following is None else {"X-Next-Cursor": following}
    return Response(200, "application/json", body=PriceHistory.model_validate(page.rows), headers=headers)


@app.get("/api/admin/pricing/overrides.csv", summary="All overrides as a sheet", tags=TAGS)
def get_overrides_sheet(caller: AsAdmin) -> Response[str]:
    """Overrides in force and to come as CSV, a line each, ready to be edited and imported again."""
    text = sheet.export_sheet(caller.database, caller.tenant_id, caller.now)
    headers = {"Content-Disposition": 'attachment; filename="overrides.csv"'}
    return Response(200, "text/csv; charset=utf-8", body=text, headers=headers)


@app.post("/api/admin/pricing/overrides/import", summary="Set overrides from a sheet", tags=TAGS, responses=errors(409))
def import_overrides(caller: AsAdmin, body: SheetText) -> ImportAnswer:
    """All lines or none; a refusal names each line and column. Models that are not in the sheet keep what they have."""
    updated = sheet.import_sheet(caller.database, caller.tenant_id, caller.actor, body.csv, caller.now)
    return ImportAnswer.model_validate({"success": True, "modelsUpdated": updated})


def _previewed(caller: Caller, asked: PricePreview, if_match: str | None) -> Change:
    """The one change that the body names, to be made within the dry run's transaction."""
    ((kind, body),) = [(name, change) for name, change in asked.given().items() if change is not None]
    own, now = (caller.tenant_id, caller.actor), caller.now
    if kind == "config":
        given = _config_fields(body.given())
        expected = given.pop("version", None)
        return lambda connection: config.change_config(connection, *own, given, expected, now)
    if kind == "bulk_update":
        return lambda connection: config.change_markup(connection, *own, body.type, body.markup, body.version, now)
    if kind == "overrides_import":
        return lambda connection: sheet.apply_sheet(connection, *own, body.csv, now)
    if kind == "remove_override":
        clear = partial(overrides.clear_override, model_id=body.model_id, expected=None, now=now)
        return lambda connection: [clear(connection, *own).change]
    edit = _edit(body.model_id, body.given(), if_match)
    return lambda connection: [overrides.set_override(connection, *own, edit, now).change]


def _edit(model_id: str, given: Mapping[str, Any], if_match: str | None) -> OverrideEdit:
    override = Override(given.get("markup"), given.get("input_price"), given.get("output_price"))
    expected = expected_version(if_match, given.get("version"))
    return OverrideEdit(model_id, override, given.get("effective_from"), given.get("effective_to"), expected)


def _config_fields(given: dict[str, Any]) -> dict[str, Any]:
    fields = {CONFIG_NAMES.get(name, name): value for name, value in given.items() if name != "last_auto_update"}
    if "sync_policy" in fields:
        fields["sync_policy"] = fields["sync_policy"].rules()
    return fields


def _tagged(saved: PricingConfig) -> Response[PricingConfig]:
    return Response(200, "application/json", body=saved, headers={"ETag": f'"{saved.version}"'})


def _set(saved: SavedOverride) -> Response[OverrideAnswer]:
    body = OverrideAnswer.model_validate({"success": True, "effective_from": saved.effective_from})
    return Response(200, "application/json", body=body, headers={"ETag": f'"{saved.version}"'})


handler = app.ready()
