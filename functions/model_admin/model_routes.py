"""Routes of the tenant's models."""

from typing import Annotated

from aws_lambda_powertools.event_handler.openapi.params import Query

from functions.model_admin.app import Flag, ModelId, app
from functions.model_admin.models.catalogue import (
    AdminModelAnswer,
    AdminModelListAnswer,
    ModelChange,
    SwitchAnswer,
    UsageStatsAnswer,
)
from functions.model_admin.models.new_model import NewModel
from stoa.http.dependencies import AsAdmin
from stoa.http.errors import errors
from stoa.http.parameters import IfMatch, expected_version
from stoa.workflows.catalogue import model_admin

Enabled = Annotated[Flag, Query(description="Only those that members can use, or only those that they cannot.")]


@app.get("/api/admin/models", summary="All models, as the tenant offers them", tags=["admin"])
def get_models(caller: AsAdmin, enabled: Enabled = None) -> AdminModelListAnswer:
    """Returns every model of the registry and of the tenant, disabled ones included: the value that holds, the
    registry's, and the tenant's decision. The whole list comes in the catalogue's order."""
    return AdminModelListAnswer.of(model_admin.list_models(caller, enabled=enabled))


@app.post(
    "/api/admin/models",
    summary="Add a model of the tenant's own",
    tags=["admin"],
    status_code=201,
    responses=errors(409),
)
def post_model(caller: AsAdmin, model: NewModel) -> AdminModelAnswer:
    """Adds a fine-tune or a self-hosted model under the `id` that was typed, or under the tenant's slug and a `name`.
    Facts that are not sent come from the registry and the price feeds. A model without base prices is listed here and
    not sold."""
    return AdminModelAnswer.of(model_admin.create_model(caller, model.asked()))


@app.get("/api/admin/models/<modelId>", summary="A model, as the tenant offers it", tags=["admin"])
def get_model(caller: AsAdmin, model_id: ModelId) -> AdminModelAnswer:
    """Returns one model: the value that holds, the registry's, and the tenant's decision."""
    return AdminModelAnswer.of(model_admin.read_model(caller, model_id))


@app.patch(
    "/api/admin/models/<modelId>", summary="Decide how a model is offered", tags=["admin"], responses=errors(409)
)
def patch_model(caller: AsAdmin, model_id: ModelId, change: ModelChange, if_match: IfMatch = None) -> AdminModelAnswer:
    """A field that is sent is written, another is kept; null gives a field back to the registry. With `version` or
    `If-Match` a model that somebody else changed meanwhile answers 409. Members who bought a model, or were granted it,
    keep it whatever is changed here."""
    given = change.given()
    version = expected_version(if_match, given.pop("version", None))
    return AdminModelAnswer.of(model_admin.change_model(caller, model_id, given, version=version))


@app.post("/api/admin/models/<modelId>/enable", summary="Offer a model", tags=["admin"])
def enable_model(caller: AsAdmin, model_id: ModelId) -> SwitchAnswer:
    """Offers the model to the tenant's members."""
    return SwitchAnswer.of({"enabled": model_admin.switch_model(caller, model_id, enabled=True)})


@app.post("/api/admin/models/<modelId>/disable", summary="Offer a model no more", tags=["admin"])
def disable_model(caller: AsAdmin, model_id: ModelId) -> SwitchAnswer:
    """Takes the model out of the catalogue. Messages to it go to its successor or the system default."""
    return SwitchAnswer.of({"enabled": model_admin.switch_model(caller, model_id, enabled=False)})


@app.get("/api/admin/models/<modelId>/usage-stats", summary="How much a model is used", tags=["admin"])
def get_usage_stats(caller: AsAdmin, model_id: ModelId) -> UsageStatsAnswer:
    """Returns members and messages of all time, and messages of the last 24 hours and 7 days. A message that came to
    nothing, or broke off at the provider, is not counted, because it was given back."""
    return UsageStatsAnswer.of(model_admin.read_usage_stats(caller, model_id))
