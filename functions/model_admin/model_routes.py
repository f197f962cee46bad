"""The tenant in its admins' hands: models, settings, access, the audit log; and the operators' side of the registry."""

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path, Query
from pydantic import BeforeValidator

from functions.model_admin.app import app
from functions.model_admin.models import (
    AdminModelAnswer,
    AdminModelListAnswer,
    AuditAnswer,
    CircuitListAnswer,
    EntitlementAnswer,
    EntitlementListAnswer,
    GrantAnswer,
    GrantRequest,
    ModelChange,
    NewModel,
    RegistryModelAnswer,
    RegistryModelChange,
    ResetAnswer,
    SettingsAnswer,
    SettingsChange,
    SwitchAnswer,
    UsageStatsAnswer,
)
from stoa.http.cursors import id_after, instant, pair_after
from stoa.http.dependencies import AsAdmin, AsOperator
from stoa.http.errors import errors
from stoa.http.parameters import (
    DEFAULT_PAGE,
    FLAG,
    TEXT,
    Cursor,
    IfMatch,
    Limit,
    UuidText,
    expected_version,
    flag,
    short_text,
)
from stoa.http.parameters import user_id as read_user_id
from stoa.workflows.catalogue import model_admin, operator_models
from stoa.workflows.members import grants
from stoa.workflows.providers import circuits
from stoa.workflows.tenancy import audit, tenant_settings

MOST_FILTER_CHARACTERS = 320

ModelId = Annotated[str, Path(alias="modelId")]
EnabledFilter = Annotated[
    bool | None,
    BeforeValidator(flag),
    FLAG,
    Query(alias="enabled", description="Only those that are offered, or only those that are not."),
]
ActiveFilter = Annotated[
    bool | None,
    BeforeValidator(flag),
    FLAG,
    Query(alias="active", description="Neither expired nor revoked, or the contrary."),
]
UserIdFilter = Annotated[
    UUID | None, BeforeValidator(read_user_id), TEXT, Query(alias="userId", description="Of one member.")
]
ModelIdFilter = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_FILTER_CHARACTERS)),
    TEXT,
    Query(alias="modelId", description="To one model."),
]
EntitlementId = Annotated[UuidText, Path(alias="entitlementId")]
ActorFilter = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_FILTER_CHARACTERS)),
    TEXT,
    Query(alias="actor", description="A user's id or e-mail."),
]
ActionFilter = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_FILTER_CHARACTERS)),
    TEXT,
    Query(alias="action", description="What was done, such as `model.disable`."),
]
TargetFilter = Annotated[
    str | None,
    BeforeValidator(short_text(MOST_FILTER_CHARACTERS)),
    TEXT,
    Query(alias="target", description="What it was done to: a model's id, a user's id, `settings`."),
]
CircuitId = Annotated[str, Path(alias="circuitId")]


@app.get("/api/admin/models", summary="All models, as the tenant offers them", tags=["admin"])
def get_models(caller: AsAdmin, enabled: EnabledFilter = None) -> AdminModelListAnswer:
    """Every model of the registry and of the tenant, disabled ones included: the value that holds, the registry's, and
    what the tenant decided. The whole list, in the catalogue's order."""
    models = model_admin.list_models(caller, enabled=enabled)
    return AdminModelListAnswer.model_validate({"data": models, "meta": {"total": len(models)}})


@app.post(
    "/api/admin/models",
    summary="Add a model of the tenant's own",
    tags=["admin"],
    status_code=201,
    responses=errors(409),
)
def post_model(caller: AsAdmin, body: NewModel) -> AdminModelAnswer:
    """A fine-tune or a self-hosted model. Its id is made of the tenant's slug and the name. Without base prices it is
    listed here and not sold."""
    return AdminModelAnswer.of(model_admin.create_model(caller, body.name, body.columns()))


@app.patch(
    "/api/admin/models/<modelId>", summary="Decide how a model is offered", tags=["admin"], responses=errors(409)
)
def patch_model(caller: AsAdmin, model_id: ModelId, body: ModelChange, if_match: IfMatch = None) -> AdminModelAnswer:
    """What is sent is written, what is not is kept; null gives a field back to the registry. With `version` or
    `If-Match` a model that somebody else changed meanwhile answers 409. Those who bought a model, or were granted it,
    keep it whatever is changed here."""
    given = body.given()
    version = expected_version(if_match, given.pop("version", None))
    return AdminModelAnswer.of(model_admin.change_model(caller, model_id, given, version=version))


@app.post("/api/admin/models/<modelId>/enable", summary="Offer a model", tags=["admin"])
def enable_model(caller: AsAdmin, model_id: ModelId) -> SwitchAnswer:
    """Offer the model to the tenant's members."""
    return SwitchAnswer.of({"enabled": model_admin.switch_model(caller, model_id, enabled=True)})


@app.post("/api/admin/models/<modelId>/disable", summary="Offer a model no more", tags=["admin"])
def disable_model(caller: AsAdmin, model_id: ModelId) -> SwitchAnswer:
    """Take the model out of the catalogue; messages to it go to its successor or the system default."""
    return SwitchAnswer.of({"enabled": model_admin.switch_model(caller, model_id, enabled=False)})


@app.get("/api/admin/models/<modelId>/usage-stats", summary="How much a model is used", tags=["admin"])
def get_usage_stats(caller: AsAdmin, model_id: ModelId) -> UsageStatsAnswer:
    """Members and messages of all time, and of the last 24 hours and 7 days. A message that came to nothing, or broke
    off at the provider, is not counted: it was given back."""
    return UsageStatsAnswer.of(model_admin.read_usage_stats(caller, model_id))


@app.get("/api/admin/settings", summary="The tenant's settings", tags=["admin"])
def get_settings(caller: AsAdmin) -> SettingsAnswer:
    """Name, time zone, currency and the switches."""
    return SettingsAnswer.of(tenant_settings.read_settings(caller))


@app.patch("/api/admin/settings", summary="Change the tenant's settings", tags=["admin"], responses=errors(409))
def patch_settings(caller: AsAdmin, body: SettingsChange, if_match: IfMatch = None) -> SettingsAnswer:
    """What is sent is written, what is not is kept. A new time zone moves the end of the day at once."""
    given = body.given()
    version = expected_version(if_match, given.pop("version", None))
    return SettingsAnswer.of(tenant_settings.change_settings(caller, given, version=version))


@app.post(
    "/api/admin/entitlements/grant-model",
    summary="Give a member access to a model",
    tags=["admin"],
    status_code=201,
    responses=errors(404, 409),
)
def post_grant(caller: AsAdmin, body: GrantRequest) -> GrantAnswer:
    """By user id or e-mail. A grant that the member has already is answered, not doubled (`alreadyGranted`). With the
    source `trial`, `extraTrialMessages` adds free messages instead of access."""
    return GrantAnswer.of(grants.grant_model(caller, **body.model_dump()))


@app.get("/api/admin/entitlements", summary="Who has access to what, and why", tags=["admin"])
def get_entitlements(
    caller: AsAdmin,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
    user_id: UserIdFilter = None,
    model_id: ModelIdFilter = None,
    active: ActiveFilter = None,
) -> EntitlementListAnswer:
    """Entitlements of every source, newest first, those that ended included."""
    page = grants.list_grants(
        caller,
        user_id=user_id,
        model_id=model_id,
        active=active,
        before=pair_after(cursor, instant, UUID),
        limit=limit,
    )
    return EntitlementListAnswer.of(page)


@app.delete("/api/admin/entitlements/<entitlementId>", summary="Take access back", tags=["admin"])
def delete_entitlement(caller: AsAdmin, entitlement_id: EntitlementId) -> EntitlementAnswer:
    """Revoke an entitlement of any source. Its row stays; revoking it again changes nothing."""
    return EntitlementAnswer.of(grants.revoke(caller, entitlement_id))


@app.get("/api/admin/audit", summary="Who changed what", tags=["admin"])
def get_audit(
    caller: AsAdmin,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
    actor: ActorFilter = None,
    action: ActionFilter = None,
    target: TargetFilter = None,
) -> AuditAnswer:
    """Every change by an admin, before and after, newest first. Nothing in it can be changed or deleted."""
    before = id_after(cursor)
    page = audit.list_changes(
        caller,
        actor=actor,
        action=action,
        target=target,
        before=before,
        limit=limit,
    )
    return AuditAnswer.of(page)


@app.patch("/api/operator/models/<modelId>", summary="Change a model of the registry", tags=["operator"])
def patch_registry_model(caller: AsOperator, model_id: ModelId, body: RegistryModelChange) -> RegistryModelAnswer:
    """For operators: switch a shared model off, mark it as in trouble, deprecate it, name its successor,
    say what the provider asks for cached input and the like (a rise waits for each tenant's grace). It holds for
    every tenant that has not decided otherwise."""
    given = body.given()
    changed = operator_models.change_registry_model(caller.database, caller.tenant_id, caller.actor, model_id, given)
    return RegistryModelAnswer.of(changed)


@app.get(
    "/api/operator/circuits", summary="Providers and models that are, or were lately, in trouble", tags=["operator"]
)
def get_circuits(caller: AsOperator) -> CircuitListAnswer:
    """For operators: what Stoa leaves alone at the moment, why, and until when. It tries again by itself."""
    return CircuitListAnswer.of(circuits.list_circuits(caller))


@app.post(
    "/api/operator/circuits/<circuitId>/reset", summary="Use a provider or a model again at once", tags=["operator"]
)
def post_circuit_reset(caller: AsOperator, circuit_id: CircuitId) -> ResetAnswer:
    """For operators: close an open circuit by hand. It opens again if calls go on failing."""
    return ResetAnswer.of({"reset": circuits.reset_circuit(caller, circuit_id)})
