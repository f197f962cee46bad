"""The tenant's focus modes in its admins' hands: the system's five, those in their place, and the tenant's own."""

from collections.abc import Mapping
from typing import Any

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.database.pool import Connection, Row
from stoa.domain.selection.selection import AUTO
from stoa.identity.caller import Caller, check_version
from stoa.store.catalogue import mode_admin as store
from stoa.store.tenancy import audit
from stoa.workflows.catalogue.model_view import outer_name

MOST_OWN_MODES = 100

_COLUMNS = (
    "id",
    "name",
    "icon",
    "system_prompt",
    "default_model_id",
    "temperature",
    "max_output_tokens",
    "display_order",
    "enabled",
)


def list_modes(caller: Caller) -> list[dict[str, Any]]:
    """Returns every focus mode with its prompt, disabled ones included, in order."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return [_described(row) for row in store.focus_modes(connection, caller.tenant_id)]


def read_mode(caller: Caller, mode_id: str) -> dict[str, Any]:
    """Returns one focus mode. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _described(_found(connection, caller, mode_id))


def create_mode(caller: Caller, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Makes a focus mode of the tenant's own. With the id of one of the system's it takes its place.

    Raises Conflict for an id that the tenant has already, InvalidFields for a model that cannot answer.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        present = store.focus_mode(connection, caller.tenant_id, fields["id"])
        if present is not None and not present["is_system"]:
            raise Conflict("MODE_EXISTS", f"There is a focus mode {fields['id']!r} of yours already. Change that one.")
        _save(
            connection, caller, "focus_mode.create", None, {**fields, "version": 1 + (present or {}).get("version", 0)}
        )
        return _described(_found(connection, caller, fields["id"]))


def change_mode(caller: Caller, mode_id: str, given: Mapping[str, Any], *, version: int | None) -> dict[str, Any]:
    """Change a focus mode as `given` says. One of the system's is changed for this tenant alone, by an own copy.

    Raises NotFound, Conflict when `version` is not the present one, InvalidFields for a model that cannot answer.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        before = _found(connection, caller, mode_id)
        check_version(before["version"], version, "the focus mode")
        present = {name: before[name] for name in _COLUMNS}
        if any(present[name] != value for name, value in given.items()):
            changed = {**present, **given, "version": before["version"] + 1}
            _save(connection, caller, "focus_mode.change", before, changed)
        return _described(_found(connection, caller, mode_id))


def delete_mode(caller: Caller, mode_id: str) -> None:
    """Delete a focus mode of the tenant's own; the system's of the same id is in force again.

    Raises NotFound, and Conflict for the system's, which can be switched off but not deleted.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        before = _found(connection, caller, mode_id)
        if before["is_system"]:
            raise Conflict("SYSTEM_MODE", "A focus mode of the system cannot be deleted. Set enabled to false instead.")
        store.delete_focus_mode(connection, caller.tenant_id, mode_id)
        told = {outer_name(name): before[name] for name in _COLUMNS}
        audit.record(connection, caller.tenant_id, caller.actor, "focus_mode.delete", mode_id, before=told, after=None)


def _found(connection: Connection, caller: Caller, mode_id: str) -> Row:
    row = store.focus_mode(connection, caller.tenant_id, mode_id)
    if row is None:
        raise NotFound("focus mode")
    return row


def _save(connection: Connection, caller: Caller, action: str, before: Row | None, mode: Mapping[str, Any]) -> None:
    becomes_own = before is None or before["is_system"]
    if becomes_own and store.count_own(connection, caller.tenant_id) >= MOST_OWN_MODES:
        raise Conflict("TOO_MANY_MODES", f"There are {MOST_OWN_MODES} focus modes of yours. Delete one first.")
    model_id = mode["default_model_id"]
    is_new = before is None or before["default_model_id"] != model_id
    if model_id not in (None, AUTO) and is_new and store.unusable_models(connection, caller.tenant_id, [model_id]):
        reason = f"{model_id!r} is no model that you offer for chat; send one, `auto`, or null"
        raise InvalidFields([FieldProblem("defaultModelId", reason)])
    store.save_focus_mode(connection, caller.tenant_id, mode)
    audit.record(
        connection,
        caller.tenant_id,
        caller.actor,
        action,
        mode["id"],
        before=before and {outer_name(name): before[name] for name in _COLUMNS},
        after={outer_name(name): mode[name] for name in _COLUMNS},
    )


def _described(row: Row) -> dict[str, Any]:
    return {
        **{outer_name(name): row[name] for name in _COLUMNS},
        "isSystem": row["is_system"],
        "replacesSystem": row["replaces_system"],
        "version": row["version"],
    }
