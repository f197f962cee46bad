"""The catalogue: models with prices, trials and limits, the modes, and the installation itself."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Path
from pydantic import WithJsonSchema

from functions.catalog.models import (
    ChatModelList,
    DomainModeListAnswer,
    FocusModeListAnswer,
    HealthAnswer,
    ModelListAnswer,
    ModelUsageAnswer,
    TrialStatusAnswer,
)
from stoa.http.dependencies import AsMember, WithDatabase
from stoa.http.door import Door
from stoa.workflows.catalogue import catalogue, modes
from stoa.workflows.operations import health

app = Door()

OPENAPI_SECONDS = 300  # how long a client may keep the API's description

Document = Annotated[Any, WithJsonSchema({"type": "object"})]

ModelId = Annotated[str, Path(alias="modelId")]


@app.get("/api/health", summary="Is it up", tags=["installation"])
def get_health(database: WithDatabase) -> HealthAnswer:
    """Tells whether the database is reachable, at which migration level, and the version that answers."""
    return HealthAnswer.model_validate(health.check_health(database))


@app.get("/api/openapi.json", summary="This description", tags=["installation"])
def get_openapi() -> Response[Document]:
    """Returns the OpenAPI 3.1 document of all functions."""
    headers = {"Cache-Control": f"public, max-age={OPENAPI_SECONDS}"}
    return Response(200, "application/json", body=_openapi(), headers=headers)


@app.get("/api/models", summary="Models and their prices", tags=["models"])
def get_models(caller: AsMember) -> ModelListAnswer:
    """Returns free and premium models apart, with the member's access, counters and choices."""
    return ModelListAnswer.of(catalogue.list_models(caller))


@app.get("/api/models/<modelId>/trial-status", summary="The member's trial on one model", tags=["models"])
def get_trial_status(caller: AsMember, model_id: ModelId) -> TrialStatusAnswer:
    """Returns how many trial messages there are, and how many are left."""
    return TrialStatusAnswer.of(catalogue.read_trial_status(caller, model_id))


@app.get("/api/models/<modelId>/usage", summary="The member's messages to one model today", tags=["models"])
def get_model_usage(caller: AsMember, model_id: ModelId) -> ModelUsageAnswer:
    """Returns today's messages against the daily limit, and when it resets."""
    return ModelUsageAnswer.of(catalogue.read_model_usage(caller, model_id))


@app.get("/api/thinktank/models", summary="Models for the chat's picker", tags=["models"])
def get_chat_models(caller: AsMember) -> ChatModelList:
    """Returns the models that can chat, of the kinds that the member wants to see: standard before novel, then in the
    tenant's order, then by name."""
    return ChatModelList.model_validate(catalogue.list_chat_models(caller), from_attributes=True)


@app.get("/api/focus-modes", summary="Focus modes", tags=["modes"])
def get_focus_modes(caller: AsMember) -> FocusModeListAnswer:
    """Returns the kinds of work that a message may be: the system's and the tenant's own."""
    return FocusModeListAnswer.of(modes.list_focus_modes(caller))


@app.get("/api/domain-modes", summary="Domain modes", tags=["modes"])
def get_domain_modes(caller: AsMember) -> DomainModeListAnswer:
    """Returns the fields that a message may be in, as far as the tenant has switched them on."""
    return DomainModeListAnswer.of(modes.list_domain_modes(caller))


@cache
def _openapi() -> str:
    return files("stoa.data").joinpath("openapi.json").read_text(encoding="utf-8")


handler = app.ready()
