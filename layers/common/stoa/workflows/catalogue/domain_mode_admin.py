"""Sets a tenant's values for the seven domain modes: on or off, which model, how warm, by which prompt."""

from collections.abc import Iterator, Mapping
from typing import Any

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.database.pool import Connection, Row
from stoa.domain.selection.selection import AUTO
from stoa.identity.caller import Caller, check_version
from stoa.store.catalogue import mode_admin as store
from stoa.store.tenancy import audit
from stoa.workflows.catalogue.model_view import outer_name

Change = tuple[Row, dict[str, Any]]  # a mode as it was, and what the tenant decides about it now

_DECIDED = ("enabled", "default_model", "temperature", "system_prompt")


def read_modes(caller: Caller) -> dict[str, Any]:
    """Returns every domain mode as it holds for the tenant, and the version of them all."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _described(store.domain_modes(connection, caller.tenant_id))


def put_modes(caller: Caller, given: Mapping[Any, Mapping[str, Any]], *, version: int | None) -> dict[str, Any]:
    """Set what `given` names, by mode and field; null gives a field back to the system, an absent one is kept.

    What equals the system's own value is not the tenant's: it follows the system's when that changes. Raises Conflict
    when `version` is not the present one, InvalidFields for a model that cannot answer.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        rows = store.domain_modes(connection, caller.tenant_id)
        check_version(_version(rows), version, "the domain modes")
        changes = list(_changes(rows, given))
        _check_models(connection, caller, changes)
        for row, own in changes:
            store.save_domain_mode(connection, caller.tenant_id, row["id"], own)
            before, after = _holding(row, _own(row)), _holding(row, own)
            audit.record(
                connection, caller.tenant_id, caller.actor, "domain_mode.change", row["id"], before=before, after=after
            )
        return _described(store.domain_modes(connection, caller.tenant_id))


def _changes(rows: list[Row], given: Mapping[Any, Mapping[str, Any]]) -> Iterator[Change]:
    for row in rows:
        own = {**_own(row), **given.get(row["id"], {})}
        for name, value in _system(row).items():
            if own[name] == value:
                own[name] = None
        if own != _own(row):
            yield row, own


def _check_models(connection: Connection, caller: Caller, changes: list[Change]) -> None:
    # A model that was saved may be gone since; clients send back the whole object that they were given.
    named = {
        row["id"]: own["default_model"] for row, own in changes if own["default_model"] != row["own_default_model"]
    }
    asked = {model_id for model_id in named.values() if model_id not in (None, AUTO)}
    unusable = store.unusable_models(connection, caller.tenant_id, asked) if asked else set()
    problems = [
        FieldProblem(
            f"modes.{mode_id}.defaultModel",
            f"{model_id!r} is no model that you offer for chat; send one, `auto`, or null",
        )
        for mode_id, model_id in named.items()
        if model_id in unusable
    ]
    if problems:
        raise InvalidFields(problems)


def _own(row: Row) -> dict[str, Any]:
    return {name: row[f"own_{name}"] for name in _DECIDED}


def _system(row: Row) -> dict[str, Any]:
    return {"enabled": True, "temperature": row["temperature"], "system_prompt": row["system_prompt"]}


def _holding(row: Row, own: Mapping[str, Any]) -> dict[str, Any]:
    system = {"default_model": None, **_system(row)}
    return {outer_name(name): system[name] if own[name] is None else own[name] for name in _DECIDED}


def _version(rows: list[Row]) -> int:
    return sum(int(row["version"]) for row in rows)  # each only ever counts up


def _described(rows: list[Row]) -> dict[str, Any]:
    return {"modes": {row["id"]: _holding(row, _own(row)) for row in rows}, "version": _version(rows)}
