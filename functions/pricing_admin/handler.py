"""Pricing for a tenant's admins: configuration, bulk update, overrides and their sheet, dry runs, history."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from stoa.core.errors import MalformedRequest
from stoa.core.text import iso
from stoa.database.pool import Connection
from stoa.domain.pricing.price_book import Override
from stoa.http.api import Api, File, Request
from stoa.http.bodies import body_bytes
from stoa.http.cursors import make_cursor, read_id
from stoa.http.preconditions import expected_version, header
from stoa.identity.members import Member
from stoa.workflows.pricing import config, overrides, sheet, views
from stoa.workflows.pricing.overrides import OverrideEdit
from stoa.workflows.pricing.preview import preview
from stoa.workflows.pricing.price_planning import PlannedChange

api = Api(__name__)
handler = api

TAGS = ("pricing",)
MOST_FILTER_CHARACTERS = 200
# Names of the API that differ from the configuration's own.
CONFIG_NAMES = {
    "minimum_charge_per_request": "minimum_charge",
    "price_increase_grace_period_hours": "price_increase_grace_hours",
}


@api.route("GET", "/api/admin/pricing/config", summary="How prices are made", answer="PricingConfig", tags=TAGS)
def get_config(request: Request) -> dict[str, Any]:
    """Default markups, minimum charge, grace period and automatic updates; the defaults where nothing was saved."""
    return _tagged(request, config.read_config(request.database, request.admin().tenant_id))


@api.route(
    "PUT",
    "/api/admin/pricing/config",
    summary="Change how prices are made",
    body="PricingConfigUpdate",
    answer="PricingConfig",
    errors=(409,),
    tags=TAGS,
)
def put_config(request: Request) -> dict[str, Any]:
    """What is not sent is kept. Prices that fall do so at once, those that rise after the grace period."""
    member, given = request.admin(), _config_fields(request.body().given())
    expected = expected_version(request.event, given.pop("version", None))
    saved = config.put_config(request.database, member.tenant_id, request.actor(member), given, expected, _now())
    return _tagged(request, saved)


@api.route("GET", "/api/admin/pricing/models", summary="All models' prices", answer="ModelPricingList", tags=TAGS)
def get_models(request: Request) -> list[dict[str, Any]]:
    """Base prices, markups and what members pay, with the prices to come."""
    return views.list_prices(request.database, request.admin().tenant_id, _now())


@api.route(
    "POST",
    "/api/admin/pricing/bulk-update",
    summary="Set a default markup",
    body="BulkUpdate",
    answer="BulkUpdateAnswer",
    errors=(409,),
    tags=TAGS,
)
def bulk_update(request: Request) -> dict[str, Any]:
    """The default markup of external or self-hosted models, in percent. Models with a markup of their own keep it."""
    member, body = request.admin(), request.body()
    expected = expected_version(request.event, body.version)
    updated = config.bulk_update(
        request.database, member.tenant_id, request.actor(member), body.type, body.markup, expected, _now()
    )
    return {"success": True, "modelsUpdated": updated}


@api.route(
    "PUT",
    "/api/admin/pricing/models/{modelId}/override",
    summary="Set one model's price or markup",
    body="OverrideUpdate",
    answer="OverrideAnswer",
    errors=(409,),
    tags=TAGS,
)
def put_override(request: Request) -> dict[str, Any]:
    """Replaces the model's override from `effectiveFrom` on; what was set before holds until then."""
    member = request.admin()
    edit = _edit(request.path["modelId"], request.body().given(), request)
    saved = overrides.put_override(request.database, member.tenant_id, request.actor(member), edit, _now())
    request.headers["ETag"] = f'"{saved.version}"'
    return {"success": True, "effectiveFrom": iso(saved.effective_from)}


@api.route(
    "DELETE",
    "/api/admin/pricing/models/{modelId}/override",
    summary="Take one model's override away",
    answer="OverrideAnswer",
    errors=(409,),
    tags=TAGS,
)
def delete_override(request: Request) -> dict[str, Any]:
    """The model goes back to base price and default markup: at once where that is cheaper, else after the grace."""
    member, model_id = request.admin(), request.path["modelId"]
    expected = expected_version(request.event, None)
    saved = overrides.delete_override(
        request.database, member.tenant_id, request.actor(member), model_id, expected, _now()
    )
    request.headers["ETag"] = f'"{saved.version}"'
    return {"success": True, "effectiveFrom": iso(saved.effective_from)}


@api.route(
    "POST",
    "/api/admin/pricing/preview",
    summary="What a change would do",
    body="PricePreview",
    answer="PricePreviewAnswer",
    errors=(404, 409),
    tags=TAGS,
)
def post_preview(request: Request) -> dict[str, Any]:
    """Any one of the changes, dry: each model's rows before and after. Refused as the change itself would be."""
    member = request.admin()
    return preview(request.database, member.tenant_id, _previewed(request, member, _now()))


@api.route(
    "GET",
    "/api/admin/pricing/history",
    summary="How prices changed",
    answer="PriceHistory",
    parameters="PriceHistoryParameters",
    paged=True,
    tags=TAGS,
)
def get_history(request: Request) -> list[dict[str, Any]]:
    """Every change with its cause and author, the newest first. The header `X-Next-Cursor` leads to older ones."""
    member = request.admin()
    before = read_id(request.cursor())
    page = views.list_history(
        request.database,
        member.tenant_id,
        model_id=request.text("modelId", MOST_FILTER_CHARACTERS),
        before=before,
        limit=request.limit(),
    )
    if page.cursor is not None:
        request.headers["X-Next-Cursor"] = make_cursor(*page.cursor)
    return page.rows


@api.route("GET", "/api/admin/pricing/overrides.csv", summary="All overrides as a sheet", tags=TAGS)
def get_overrides_sheet(request: Request) -> File:
    """Overrides in force and to come as CSV, a line each, ready to be edited and imported again."""
    return File(sheet.export_sheet(request.database, request.admin().tenant_id, _now()), "overrides.csv")


@api.route(
    "POST",
    "/api/admin/pricing/overrides/import",
    summary="Set overrides from a sheet",
    body="SheetText",
    answer="ImportAnswer",
    errors=(409,),
    tags=TAGS,
)
def import_overrides(request: Request) -> dict[str, Any]:
    """All lines or none; a refusal names each line and column. Models that are not in the sheet keep what they have."""
    member = request.admin()
    updated = sheet.import_sheet(
        request.database, member.tenant_id, request.actor(member), _sheet_text(request), _now()
    )
    return {"success": True, "modelsUpdated": updated}


Change = Callable[[Connection], list[PlannedChange]]


def _previewed(request: Request, member: Member, now: datetime) -> Change:
    """The one change that the body names, to be made within the dry run's transaction."""
    asked = {name: body for name, body in request.body().given().items() if body is not None}
    ((kind, body),) = asked.items()
    own = (member.tenant_id, request.actor(member))
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
    edit = _edit(body.model_id, body.given(), request)
    return lambda connection: [overrides.set_override(connection, *own, edit, now).change]


def _edit(model_id: str, given: Mapping[str, Any], request: Request) -> OverrideEdit:
    override = Override(given.get("markup"), given.get("input_price"), given.get("output_price"))
    expected = expected_version(request.event, given.get("version"))
    return OverrideEdit(model_id, override, given.get("effective_from"), given.get("effective_to"), expected)


def _config_fields(given: dict[str, Any]) -> dict[str, Any]:
    fields = {CONFIG_NAMES.get(name, name): value for name, value in given.items() if name != "last_auto_update"}
    if "sync_policy" in fields:
        fields["sync_policy"] = fields["sync_policy"].rules()
    return fields


def _sheet_text(request: Request) -> str:
    if not (header(request.event, "content-type") or "").startswith("text/csv"):
        return str(request.body().csv)
    try:
        return body_bytes(request.event).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest("The sheet is not UTF-8 text. Save it as CSV UTF-8 and send it again.") from error


def _tagged(request: Request, saved: dict[str, Any]) -> dict[str, Any]:
    request.headers["ETag"] = f'"{saved["version"]}"'
    return saved


def _now() -> datetime:
    return datetime.now(UTC)
