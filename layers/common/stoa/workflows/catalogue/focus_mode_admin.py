"""The tenant's focus modes in its admins' hands: the system's five, those in their place, and the tenant's own."""

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.database.pool import Connection
from stoa.domain.selection.selection import AUTO
from stoa.identity.caller import Caller, check_version
from stoa.store.catalogue import mode_admin as store
from stoa.store.catalogue.mode_admin import FocusModeFields, TenantFocusMode
from stoa.store.tenancy import audit
from stoa.workflows.catalogue.model_view import outer_name

MOST_OWN_MODES = 100


def list_modes(caller: Caller) -> list[TenantFocusMode]:
    """Returns every focus mode with its prompt, disabled ones included, in order."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return store.focus_modes(connection, caller.tenant_id)


def read_mode(caller: Caller, mode_id: str) -> TenantFocusMode:
    """Returns one focus mode. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _found(connection, caller, mode_id)


def create_mode(caller: Caller, mode: FocusModeFields) -> TenantFocusMode:
    """Makes a focus mode of the tenant's own. With the id of one of the system's it takes its place.

    Raises Conflict for an id that the tenant has already, InvalidFields for a model that cannot answer.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        present = store.focus_mode(connection, caller.tenant_id, mode.id)
        if present is not None and not present.is_system:
            raise Conflict("MODE_EXISTS", f"There is a focus mode {mode.id!r} of yours already. Change that one.")
        _save(connection, caller, "focus_mode.create", None, mode, version=1 + (present.version if present else 0))
        return _found(connection, caller, mode.id)


def change_mode(caller: Caller, mode_id: str, given: Mapping[str, Any], *, version: int | None) -> TenantFocusMode:
    """Changes a focus mode as `given` says, by column. One of the system's is changed for this tenant alone, by an own
    copy.

    Raises NotFound, Conflict when `version` is not the present one, InvalidFields for a model that cannot answer.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        before = _found(connection, caller, mode_id)
        check_version(before.version, version, "the focus mode")
        changed = replace(before, **given)
        if changed != before:
            _save(connection, caller, "focus_mode.change", before, changed, version=before.version + 1)
        return _found(connection, caller, mode_id)


def delete_mode(caller: Caller, mode_id: str) -> None:
    """Deletes a focus mode of the tenant's own; the system's of the same id is in force again.

    Raises NotFound, and Conflict for the system's, which can be switched off but not deleted.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        before = _found(connection, caller, mode_id)
        if before.is_system:
            raise Conflict("SYSTEM_MODE", "A focus mode of the system cannot be deleted. Set enabled to false instead.")
        store.delete_focus_mode(connection, caller.tenant_id, mode_id)
        told = _told(before)
        audit.record(connection, caller.tenant_id, caller.actor, "focus_mode.delete", mode_id, before=told, after=None)


def _found(connection: Connection, caller: Caller, mode_id: str) -> TenantFocusMode:
    mode = store.focus_mode(connection, caller.tenant_id, mode_id)
    if mode is None:
        raise NotFound("focus mode")
    return mode


def _save(
    connection: Connection,
    caller: Caller,
    action: str,
    before: TenantFocusMode | None,
    mode: FocusModeFields,
    *,
    version: int,
) -> None:
    becomes_own = before is None or before.is_system
    if becomes_own and store.count_own(connection, caller.tenant_id) >= MOST_OWN_MODES:
        raise Conflict("TOO_MANY_MODES", f"There are {MOST_OWN_MODES} focus modes of yours. Delete one first.")
    model_id = mode.default_model_id
    is_new = before is None or before.default_model_id != model_id
    named = [] if model_id is None or model_id == AUTO else [model_id]
    if named and is_new and store.unusable_models(connection, caller.tenant_id, named):
        reason = f"{model_id!r} is no model that you offer for chat; send one, `auto`, or null"
        raise InvalidFields([FieldProblem("defaultModelId", reason)])
    store.save_focus_mode(connection, caller.tenant_id, mode, version=version)
    audit.record(
        connection,
        caller.tenant_id,
        caller.actor,
        action,
        mode.id,
        before=None if before is None else _told(before),
        after=_told(mode),
    )


def _told(mode: FocusModeFields) -> dict[str, Any]:
    """Returns the mode as the audit log keeps it."""
    return {outer_name(name): value for name, value in mode.columns().items()}
