"""The catalogue: models with prices, trials and limits, the modes, and what the installation says of itself."""

import json
from datetime import UTC, datetime
from functools import cache
from importlib.resources import files
from typing import Any

from stoa.http.api import Api, Request
from stoa.workflows.catalogue import catalogue, modes
from stoa.workflows.operations import health

api = Api(__name__)
handler = api

OPENAPI_SECONDS = 300  # how long a client may keep the API's description


@api.route("GET", "/api/health", summary="Is it up", answer="HealthAnswer", public=True, tags=("installation",))
def get_health(request: Request) -> dict[str, Any]:
    """Whether the database is reachable, at which migration level, and the version that answers."""
    return health.check_health(request.database)


@api.route("GET", "/api/openapi.json", summary="This description", public=True, tags=("installation",))
def get_openapi(request: Request) -> dict[str, Any]:
    """The OpenAPI 3.1 document of all functions."""
    request.headers["Cache-Control"] = f"public, max-age={OPENAPI_SECONDS}"
    return _openapi()


@api.route("GET", "/api/models", summary="Models and their prices", answer="ModelListAnswer", tags=("models",))
def get_models(request: Request) -> dict[str, Any]:
    """Free and premium models apart, with the member's access, counters and choices."""
    return {"data": catalogue.list_models(request.database, request.member(), _now())}


@api.route(
    "GET",
    "/api/models/{modelId}/trial-status",
    summary="The member's trial on one model",
    answer="TrialStatusAnswer",
    tags=("models",),
)
def get_trial_status(request: Request) -> dict[str, Any]:
    """How many trial messages there are, and how many are left."""
    status = catalogue.read_trial_status(request.database, request.member(), request.path["modelId"], _now())
    return {"data": status}


@api.route(
    "GET",
    "/api/models/{modelId}/usage",
    summary="The member's messages to one model today",
    answer="ModelUsageAnswer",
    tags=("models",),
)
def get_model_usage(request: Request) -> dict[str, Any]:
    """Today's messages against the daily limit, and when it resets."""
    return {"data": catalogue.read_model_usage(request.database, request.member(), request.path["modelId"], _now())}


@api.route(
    "GET",
    "/api/thinktank/models",
    summary="Models for the chat's picker",
    answer="ChatModelList",
    tags=("models",),
)
def get_chat_models(request: Request) -> list[dict[str, Any]]:
    """Models that can chat, of the kinds that the member wants to see; standard before novel, then order, then name."""
    return catalogue.list_chat_models(request.database, request.member(), _now())


@api.route("GET", "/api/focus-modes", summary="Focus modes", answer="FocusModeListAnswer", tags=("modes",))
def get_focus_modes(request: Request) -> dict[str, Any]:
    """The kinds of work that a message may be: the system's and the tenant's own."""
    return {"data": modes.list_focus_modes(request.database, request.member())}


@api.route("GET", "/api/domain-modes", summary="Domain modes", answer="DomainModeListAnswer", tags=("modes",))
def get_domain_modes(request: Request) -> dict[str, Any]:
    """The fields that a message may be in, as far as the tenant has switched them on."""
    return {"data": modes.list_domain_modes(request.database, request.member())}


def _now() -> datetime:
    return datetime.now(UTC)


@cache
def _openapi() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(files("stoa.data").joinpath("openapi.json").read_text(encoding="utf-8"))
    return document
