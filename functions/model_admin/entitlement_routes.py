"""Routes of the access that admins give members."""

from typing import Annotated
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from functions.model_admin.app import Flag, ShortText, UserId, app
from functions.model_admin.models.entitlements import (
    EntitlementAnswer,
    EntitlementListAnswer,
    GrantAnswer,
    GrantRequest,
)
from stoa.http.cursors import instant, pair_after
from stoa.http.dependencies import AsAdmin
from stoa.http.errors import errors
from stoa.http.parameters import DEFAULT_PAGE, Cursor, Limit, UuidText
from stoa.store.members.grants import Filter
from stoa.workflows.members import grants
from stoa.workflows.members.grants import GivenAccess

EntitlementId = Annotated[UuidText, Path(alias="entitlementId")]
Member = Annotated[UserId, Query(alias="userId")]
Model = Annotated[ShortText, Query(alias="modelId")]
Active = Annotated[Flag, Query(description="True: neither expired nor revoked. False: the others.")]


@app.post(
    "/api/admin/entitlements/grant-model",
    summary="Give a member access to a model",
    tags=["admin"],
    status_code=201,
    responses=errors(404, 409),
)
def post_grant(caller: AsAdmin, grant: GrantRequest) -> GrantAnswer:
    """Names the member by user id or e-mail. A grant that the member has already is answered, not doubled
    (`alreadyGranted`). With the source `trial`, `extraTrialMessages` adds free messages instead of access."""
    return GrantAnswer.of(grants.grant_model(caller, GivenAccess(**grant.model_dump())))


@app.get("/api/admin/entitlements", summary="Who has access to what, and why", tags=["admin"])
def get_entitlements(
    caller: AsAdmin,
    user_id: Member = None,
    model_id: Model = None,
    active: Active = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = None,
) -> EntitlementListAnswer:
    """Returns entitlements of every source, newest first, also those that ended."""
    wanted = Filter(user_id, model_id, active)
    before = pair_after(cursor, instant, UUID)
    return EntitlementListAnswer.of(grants.list_grants(caller, wanted, before=before, limit=limit))


@app.delete("/api/admin/entitlements/<entitlementId>", summary="Take access back", tags=["admin"])
def delete_entitlement(caller: AsAdmin, entitlement_id: EntitlementId) -> EntitlementAnswer:
    """Revokes an entitlement of any source. Its row stays. A second call changes nothing."""
    return EntitlementAnswer.of(grants.revoke(caller, entitlement_id))
