"""The tenant in its admins' hands: models, settings, access, the audit log; and the operators' side of the registry."""

from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.http.api import Api, Request
from stoa.http.cursors import instant, paged, read_id, read_place
from stoa.http.desks import desk_of, operators_desk_of
from stoa.http.preconditions import expected_version
from stoa.workflows.catalogue import model_admin, operator_models
from stoa.workflows.members import grants
from stoa.workflows.providers import circuits
from stoa.workflows.tenancy import audit, tenant_settings

from . import provider_key_routes

api = Api(__name__)
handler = api
provider_key_routes.add_to(api)

MOST_FILTER_CHARACTERS = 320


@api.route(
    "GET",
    "/api/admin/models",
    summary="All models, as the tenant offers them",
    answer="AdminModelListAnswer",
    parameters="AdminModelParameters",
    tags=("admin",),
)
def get_models(request: Request) -> dict[str, Any]:
    """Every model of the registry and of the tenant, disabled ones included: the value that holds, the registry's, and
    what the tenant decided. The whole list, in the catalogue's order."""
    models = model_admin.list_models(desk_of(request), enabled=_flag(request, "enabled"))
    return {"data": models, "meta": {"total": len(models)}}


@api.route(
    "POST",
    "/api/admin/models",
    summary="Add a model of the tenant's own",
    body="NewModel",
    answer="AdminModelAnswer",
    status=201,
    errors=(409,),
    tags=("admin",),
)
def post_model(request: Request) -> dict[str, Any]:
    """A fine-tune or a self-hosted model. Its id is made of the tenant's slug and the name. Without base prices it is
    listed here and not sold."""
    desk, body = desk_of(request), request.body()
    return {"data": model_admin.create_model(desk, body.name, body.columns())}


@api.route(
    "PATCH",
    "/api/admin/models/{modelId}",
    summary="Decide how a model is offered",
    body="ModelChange",
    answer="AdminModelAnswer",
    parameters="EditParameters",
    errors=(409,),
    tags=("admin",),
)
def patch_model(request: Request) -> dict[str, Any]:
    """What is sent is written, what is not is kept; null gives a field back to the registry. With `version` or
    `If-Match` a model that somebody else changed meanwhile answers 409. Those who bought a model, or were granted it,
    keep it whatever is changed here."""
    desk, given = desk_of(request), request.body().given()
    version = expected_version(request.event, given.pop("version", None))
    return {"data": model_admin.change_model(desk, request.path["modelId"], given, version=version)}


@api.route(
    "POST",
    "/api/admin/models/{modelId}/enable",
    summary="Offer a model",
    answer="SwitchAnswer",
    tags=("admin",),
)
def enable_model(request: Request) -> dict[str, Any]:
    """Offer the model to the tenant's members."""
    return {"data": {"enabled": model_admin.switch_model(desk_of(request), request.path["modelId"], enabled=True)}}


@api.route(
    "POST",
    "/api/admin/models/{modelId}/disable",
    summary="Offer a model no more",
    answer="SwitchAnswer",
    tags=("admin",),
)
def disable_model(request: Request) -> dict[str, Any]:
    """Take the model out of the catalogue; messages to it go to its successor or the system default."""
    return {"data": {"enabled": model_admin.switch_model(desk_of(request), request.path["modelId"], enabled=False)}}


@api.route(
    "GET",
    "/api/admin/models/{modelId}/usage-stats",
    summary="How much a model is used",
    answer="UsageStatsAnswer",
    tags=("admin",),
)
def get_usage_stats(request: Request) -> dict[str, Any]:
    """Members and messages of all time, and of the last 24 hours and 7 days. A message that came to nothing, or broke
    off at the provider, is not counted: it was given back."""
    return {"data": model_admin.read_usage_stats(desk_of(request), request.path["modelId"])}


@api.route("GET", "/api/admin/settings", summary="The tenant's settings", answer="SettingsAnswer", tags=("admin",))
def get_settings(request: Request) -> dict[str, Any]:
    """Name, time zone, currency and the switches."""
    return {"data": tenant_settings.read_settings(desk_of(request))}


@api.route(
    "PATCH",
    "/api/admin/settings",
    summary="Change the tenant's settings",
    body="SettingsChange",
    answer="SettingsAnswer",
    parameters="EditParameters",
    errors=(409,),
    tags=("admin",),
)
def patch_settings(request: Request) -> dict[str, Any]:
    """What is sent is written, what is not is kept. A new time zone moves the end of the day at once."""
    desk, given = desk_of(request), request.body().given()
    version = expected_version(request.event, given.pop("version", None))
    return {"data": tenant_settings.change_settings(desk, given, version=version)}


@api.route(
    "POST",
    "/api/admin/entitlements/grant-model",
    summary="Give a member access to a model",
    body="GrantRequest",
    answer="GrantAnswer",
    status=201,
    errors=(404, 409),
    tags=("admin",),
)
def post_grant(request: Request) -> dict[str, Any]:
    """By user id or e-mail. A grant that the member has already is answered, not doubled (`alreadyGranted`). With the
    source `trial`, `extraTrialMessages` adds free messages instead of access."""
    desk, body = desk_of(request), request.body()
    return {"data": grants.grant_model(desk, **body.model_dump())}


@api.route(
    "GET",
    "/api/admin/entitlements",
    summary="Who has access to what, and why",
    answer="EntitlementListAnswer",
    parameters="EntitlementParameters",
    paged=True,
    tags=("admin",),
)
def get_entitlements(request: Request) -> dict[str, Any]:
    """Entitlements of every source, newest first, those that ended included."""
    page = grants.list_grants(
        desk_of(request),
        user_id=_user_id(request),
        model_id=request.text("modelId", MOST_FILTER_CHARACTERS),
        active=_flag(request, "active"),
        before=read_place(request.cursor(), instant, UUID),  # type: ignore[arg-type]
        limit=request.limit(),
    )
    return paged(page)


@api.route(
    "DELETE",
    "/api/admin/entitlements/{entitlementId}",
    summary="Take access back",
    answer="EntitlementAnswer",
    tags=("admin",),
)
def delete_entitlement(request: Request) -> dict[str, Any]:
    """Revoke an entitlement of any source. Its row stays; revoking it again changes nothing."""
    return {"data": grants.revoke(desk_of(request), request.identifier("entitlementId", "entitlement"))}


@api.route(
    "GET",
    "/api/admin/audit",
    summary="Who changed what",
    answer="AuditAnswer",
    parameters="AuditParameters",
    paged=True,
    tags=("admin",),
)
def get_audit(request: Request) -> dict[str, Any]:
    """Every change by an admin, before and after, newest first. Nothing in it can be changed or deleted."""
    before = read_id(request.cursor())
    page = audit.list_changes(
        desk_of(request),
        actor=request.text("actor", MOST_FILTER_CHARACTERS),
        action=request.text("action", MOST_FILTER_CHARACTERS),
        target=request.text("target", MOST_FILTER_CHARACTERS),
        before=before,
        limit=request.limit(),
    )
    return paged(page)


@api.route(
    "PATCH",
    "/api/operator/models/{modelId}",
    summary="Change a model of the registry",
    body="RegistryModelChange",
    answer="RegistryModelAnswer",
    tags=("operator",),
)
def patch_registry_model(request: Request) -> dict[str, Any]:
    """For operators: switch a shared model off, mark it as in trouble, deprecate it, name its successor,
    say what the provider asks for cached input and the like (a rise waits for each tenant's grace). It holds for
    every tenant that has not decided otherwise."""
    desk = operators_desk_of(request)
    given = request.body().given()
    changed = operator_models.change_registry_model(
        desk.database, desk.tenant_id, desk.actor, request.path["modelId"], given
    )
    return {"data": changed}


@api.route(
    "GET",
    "/api/operator/circuits",
    summary="Providers and models that are, or were lately, in trouble",
    answer="CircuitListAnswer",
    tags=("operator",),
)
def get_circuits(request: Request) -> dict[str, Any]:
    """For operators: what Stoa leaves alone at the moment, why, and until when. It tries again by itself."""
    return {"data": circuits.list_circuits(operators_desk_of(request))}


@api.route(
    "POST",
    "/api/operator/circuits/{circuitId}/reset",
    summary="Use a provider or a model again at once",
    answer="ResetAnswer",
    tags=("operator",),
)
def post_circuit_reset(request: Request) -> dict[str, Any]:
    """For operators: close an open circuit by hand. It opens again if calls go on failing."""
    return {"data": {"reset": circuits.reset_circuit(operators_desk_of(request), request.path["circuitId"])}}


def _flag(request: Request, name: str) -> bool | None:
    text = request.query.get(name)
    if text not in (None, "true", "false"):
        raise InvalidFields([FieldProblem(name, "true or false")])
    return None if text is None else text == "true"


def _user_id(request: Request) -> UUID | None:
    text = request.query.get("userId")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidFields([FieldProblem("userId", "a user's id, as the answers give it")]) from error
