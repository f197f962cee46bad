"""Access that admins give members by hand: grants, more trial messages, and taking them back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.observe import emit
from stoa.core.pages import Page, page_of
from stoa.core.text import iso
from stoa.database.pool import Connection
from stoa.identity.caller import Caller
from stoa.store.catalogue import tenant_models
from stoa.store.members import grants as store
from stoa.store.members.grants import Entitlement, Filter, Grant
from stoa.store.tenancy import audit

TRIAL = "trial"


class GivenAccess(Struct, frozen=True, kw_only=True):
    """The access that an admin gives, to a member named by id or e-mail."""

    user_id: UUID | None
    email: str | None
    model_id: str
    source: str
    notes: str | None
    expires_at: datetime | None
    extra_trial_messages: int | None


class Granted(Struct, frozen=True):
    """The member's entitlement, and whether they had it before."""

    entitlement: Entitlement
    already_granted: bool


def grant_model(caller: Caller, given: GivenAccess) -> Granted:
    """Gives a member access to a model, or more trial messages on it. Never gives twice what they have already.

    Raises NotFound for an unknown member or model, Conflict for an e-mail that several members share, InvalidFields
    for a grant that would give nothing.
    """
    _check_worth(given, caller.now)
    with caller.database.transaction(caller.tenant_scope) as connection:
        member_id = _member(connection, caller, given)
        given = replace(given, model_id=tenant_models.named(connection, given.model_id))
        if not tenant_models.has_model(connection, caller.tenant_id, given.model_id):
            raise NotFound("model")
        grant = Grant(
            member_id, given.model_id, given.source, given.notes, given.expires_at, given.extra_trial_messages
        )
        existing = store.open_equal(connection, caller.tenant_id, grant)
        grant_id = existing or store.add(connection, caller.tenant_id, grant, caller.user_id, caller.now)
        entitlement = _found(connection, caller, grant_id)
        if existing is None:
            after = _told(entitlement)
            _record(connection, caller, "entitlement.grant", member_id, before=None, after=after)
    if existing is None:
        emit("admin_model_access_granted", modelId=given.model_id, userId=str(member_id), source=given.source)
    return Granted(entitlement, existing is not None)


def revoke(caller: Caller, grant_id: UUID) -> Entitlement:
    """Takes access back and returns its row, which stays. A second call changes nothing. Raises NotFound."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        revoked = store.revoke(connection, caller.tenant_id, grant_id, caller.user_id, caller.now)
        entitlement = _found(connection, caller, grant_id)
        if revoked:
            after = _told(entitlement)
            before = {**after, "revokedAt": None, "revokedBy": None, "active": True}
            _record(connection, caller, "entitlement.revoke", entitlement.user_id, before=before, after=after)
    return entitlement


def list_grants(
    caller: Caller, wanted: Filter, *, before: tuple[datetime, UUID] | None, limit: int
) -> Page[Entitlement]:
    """Returns a page of the tenant's entitlements of every source, newest first. Its cursor is (created, id)."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        found = store.page(connection, caller.tenant_id, caller.now, wanted, before=before, rows=limit + 1)
    return page_of(found, limit, lambda one: (one.created_at, one.id))


def _check_worth(given: GivenAccess, now: datetime) -> None:
    """Raises InvalidFields for a grant that would give nothing."""
    if given.expires_at is not None and given.expires_at <= now:
        raise InvalidFields([FieldProblem("expiresAt", "it must lie in the future")])
    if given.extra_trial_messages is None:
        if given.source == TRIAL and given.expires_at is None:
            reason = "a trial needs an end: send expiresAt, or extraTrialMessages for more trial messages"
            raise InvalidFields([FieldProblem("expiresAt", reason)])
        return
    if given.source != TRIAL:
        reason = 'trial messages are granted with the source "trial"'
        raise InvalidFields([FieldProblem("extraTrialMessages", reason)])
    if given.expires_at is not None:
        raise InvalidFields([FieldProblem("expiresAt", "trial messages do not expire; leave it out")])


def _member(connection: Connection, caller: Caller, given: GivenAccess) -> UUID:
    """Returns the member's id and locks their row against another grant. Raises NotFound or Conflict."""
    user_id = given.user_id
    if given.email is not None:
        found = store.members_by_email(connection, caller.tenant_id, given.email)
        if len(found) > 1:
            raise Conflict("AMBIGUOUS_EMAIL", "Several members have this e-mail. Send userId instead.")
        user_id = found[0] if found else None
    if user_id is None or not store.lock_member(connection, caller.tenant_id, user_id):
        raise NotFound("member")
    return user_id


def _found(connection: Connection, caller: Caller, grant_id: UUID) -> Entitlement:
    entitlement = store.get(connection, caller.tenant_id, grant_id, caller.now)
    if entitlement is None:
        raise NotFound("entitlement")
    return entitlement


def _record(
    connection: Connection,
    caller: Caller,
    action: str,
    member_id: UUID,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any],
) -> None:
    audit.record(connection, caller.tenant_id, caller.actor, action, str(member_id), before=before, after=after)


def _told(entitlement: Entitlement) -> dict[str, Any]:
    """Returns the entitlement as the audit log keeps it."""
    return {
        "id": str(entitlement.id),
        "userId": str(entitlement.user_id),
        "email": entitlement.email,
        "modelId": entitlement.model_id,
        "modelName": entitlement.model_name,
        "source": entitlement.source,
        "notes": entitlement.notes,
        "extraTrialMessages": entitlement.extra_trial_messages,
        "grantedBy": entitlement.granted_by and str(entitlement.granted_by),
        "createdAt": iso(entitlement.created_at),
        "expiresAt": entitlement.expires_at and iso(entitlement.expires_at),
        "revokedAt": entitlement.revoked_at and iso(entitlement.revoked_at),
        "revokedBy": entitlement.revoked_by and str(entitlement.revoked_by),
        "active": entitlement.active,
    }
