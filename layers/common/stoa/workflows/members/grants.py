"""Access that admins give members by hand: grants, more trial messages, and taking them back."""

from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.observe import emit
from stoa.core.pages import Page, place_after
from stoa.core.text import iso
from stoa.database.pool import Connection, Row
from stoa.identity.caller import Caller
from stoa.store.catalogue import tenant_models
from stoa.store.members import grants as store
from stoa.store.members.grants import Grant
from stoa.store.tenancy import audit

TRIAL = "trial"


def grant_model(
    caller: Caller,
    *,
    user_id: UUID | None,
    email: str | None,
    model_id: str,
    source: str,
    notes: str | None,
    expires_at: datetime | None,
    extra_trial_messages: int | None,
) -> dict[str, Any]:
    """Give a member access to a model, or more trial messages on it. What they have already is not given twice.

    Raises NotFound for an unknown member or model, Conflict for an e-mail that several members share, InvalidFields
    for a grant that would give nothing.
    """
    _check_worth(caller, source, expires_at, extra_trial_messages)
    with caller.database.transaction(caller.tenant_scope) as connection:
        member_id = _member(connection, caller, user_id, email)
        if not tenant_models.has_model(connection, caller.tenant_id, model_id):
            raise NotFound("model")
        grant = Grant(member_id, model_id, source, notes, expires_at, extra_trial_messages)
        existing = store.open_equal(connection, caller.tenant_id, grant)
        grant_id = existing or store.add(connection, caller.tenant_id, grant, _admin(caller), caller.now)
        described = _described(_found(connection, caller, grant_id))
        if existing is None:
            audit.record(
                connection,
                caller.tenant_id,
                caller.actor,
                "entitlement.grant",
                str(member_id),
                before=None,
                after=described,
            )
    if existing is None:
        emit("admin_model_access_granted", modelId=model_id, userId=str(member_id), source=source)
    return {**described, "alreadyGranted": existing is not None}


def revoke(caller: Caller, grant_id: UUID) -> dict[str, Any]:
    """Take access back; its row stays, with who ended it and when. Once revoked it stays as it is. Raises NotFound."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        revoked = store.revoke(connection, caller.tenant_id, grant_id, _admin(caller), caller.now)
        row = _found(connection, caller, grant_id)
        described = _described(row)
        if revoked:
            before = {**described, "revokedAt": None, "revokedBy": None, "active": True}
            audit.record(
                connection,
                caller.tenant_id,
                caller.actor,
                "entitlement.revoke",
                str(row["user_id"]),
                before=before,
                after=described,
            )
    return described


def list_grants(
    caller: Caller,
    *,
    user_id: UUID | None,
    model_id: str | None,
    active: bool | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Page[dict[str, Any]]:
    """A page of the tenant's entitlements of every source, newest first; its cursor is (created, id)."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = store.page(
            connection,
            caller.tenant_id,
            caller.now,
            user_id=user_id,
            model_id=model_id,
            active=active,
            before=before,
            rows=limit + 1,
        )
    return Page([_described(row) for row in rows[:limit]], place_after(rows, limit, "created_at", "id"))


def _check_worth(caller: Caller, source: str, expires_at: datetime | None, extra_trial_messages: int | None) -> None:
    if expires_at is not None and expires_at <= caller.now:
        raise InvalidFields([FieldProblem("expiresAt", "it must lie in the future")])
    if extra_trial_messages is None:
        if source == TRIAL and expires_at is None:
            reason = "a trial needs an end: send expiresAt, or extraTrialMessages for more trial messages"
            raise InvalidFields([FieldProblem("expiresAt", reason)])
        return
    if source != TRIAL:
        reason = 'trial messages are granted with the source "trial"'
        raise InvalidFields([FieldProblem("extraTrialMessages", reason)])
    if expires_at is not None:
        raise InvalidFields([FieldProblem("expiresAt", "trial messages do not expire; leave it out")])


def _member(connection: Connection, caller: Caller, user_id: UUID | None, email: str | None) -> UUID:
    """The member's id, with their row locked against another grant. Raises NotFound or Conflict."""
    if email is not None:
        found = store.members_by_email(connection, caller.tenant_id, email)
        if len(found) > 1:
            raise Conflict("AMBIGUOUS_EMAIL", "Several members have this e-mail. Send userId instead.")
        user_id = found[0] if found else None
    if user_id is None or not store.lock_member(connection, caller.tenant_id, user_id):
        raise NotFound("member")
    return user_id


def _admin(caller: Caller) -> UUID:
    assert caller.actor.user_id is not None  # only a member of the tenant gets as far as here
    return caller.actor.user_id


def _found(connection: Connection, caller: Caller, grant_id: UUID) -> Row:
    row = store.get(connection, caller.tenant_id, grant_id, caller.now)
    if row is None:
        raise NotFound("entitlement")
    return row


def _described(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "userId": str(row["user_id"]),
        "email": row["email"],
        "modelId": row["model_id"],
        "modelName": row["model_name"],
        "source": row["source"],
        "notes": row["notes"],
        "extraTrialMessages": row["extra_trial_messages"],
        "grantedBy": row["granted_by"] and str(row["granted_by"]),
        "createdAt": iso(row["created_at"]),
        "expiresAt": row["expires_at"] and iso(row["expires_at"]),
        "revokedAt": row["revoked_at"] and iso(row["revoked_at"]),
        "revokedBy": row["revoked_by"] and str(row["revoked_by"]),
        "active": row["active"],
    }
