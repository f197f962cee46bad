"""Settings of a tenant for the seven domain modes: on or off, which model, how warm, by which prompt."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields
from stoa.core.text import document_of
from stoa.core.values import Private
from stoa.database.pool import Connection
from stoa.domain.selection.selection import AUTO
from stoa.identity.caller import Caller, check_version
from stoa.store.catalogue import mode_admin as store
from stoa.store.catalogue.mode_admin import DomainDecisions, TenantDomainMode
from stoa.store.tenancy import audit

Change = tuple[TenantDomainMode, DomainDecisions]  # a mode as it was, and the tenant's decisions about it from now on


class DomainModeInForce(Private, frozen=True, kw_only=True):
    """A domain mode as it holds for the tenant where neither message nor member decides otherwise."""

    enabled: bool
    default_model: str | None
    temperature: Decimal
    system_prompt: str


class DomainModes(Struct, frozen=True):
    """All domain modes by id, and the version of them together."""

    modes: Mapping[str, DomainModeInForce]
    version: int


def read_modes(caller: Caller) -> DomainModes:
    """Returns every domain mode as it holds for the tenant, and the version of them all."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _together(store.domain_modes(connection, caller.tenant_id))


def put_modes(caller: Caller, given: Mapping[str, Mapping[str, Any]], *, version: int | None) -> DomainModes:
    """Writes what `given` names, by mode and field. None gives a field back to the system, an absent one is kept.

    A value that equals the system's own is not kept as the tenant's: it follows the system's when that changes. Raises
    Conflict when `version` is not the present one, InvalidFields for a model that cannot answer.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        store.lock(connection, caller.tenant_id)
        modes = store.domain_modes(connection, caller.tenant_id)
        check_version(_version(modes), version, "the domain modes")
        changes = list(_changes(modes, given))
        _check_models(connection, caller, changes)
        for mode, own in changes:
            store.save_domain_mode(connection, caller.tenant_id, mode.id, own)
            before, after = (document_of(_in_force(mode, decided)) for decided in (mode.own, own))
            audit.record(
                connection, caller.tenant_id, caller.actor, "domain_mode.change", mode.id, before=before, after=after
            )
        return _together(store.domain_modes(connection, caller.tenant_id))


def _changes(modes: Sequence[TenantDomainMode], given: Mapping[str, Mapping[str, Any]]) -> Iterator[Change]:
    for mode in modes:
        own = replace(mode.own, **given.get(mode.id, {}))
        system: dict[str, Any] = {
            "enabled": True,
            "temperature": mode.temperature,
            "system_prompt": mode.system_prompt,
        }
        own = replace(own, **{name: None for name, value in system.items() if getattr(own, name) == value})
        if own != mode.own:
            yield mode, own


def _check_models(connection: Connection, caller: Caller, changes: Sequence[Change]) -> None:
    # A model that was saved may be gone since; clients send back the whole object that they were given.
    named = {
        mode.id: own.default_model
        for mode, own in changes
        if own.default_model not in (None, AUTO, mode.own.default_model)
    }
    asked = {model_id for model_id in named.values() if model_id is not None}
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


def _in_force(mode: TenantDomainMode, own: DomainDecisions) -> DomainModeInForce:
    return DomainModeInForce(
        enabled=True if own.enabled is None else own.enabled,
        default_model=own.default_model,
        temperature=mode.temperature if own.temperature is None else own.temperature,
        system_prompt=mode.system_prompt if own.system_prompt is None else own.system_prompt,
    )


def _version(modes: Sequence[TenantDomainMode]) -> int:
    return sum(mode.version for mode in modes)  # each only ever counts up


def _together(modes: Sequence[TenantDomainMode]) -> DomainModes:
    return DomainModes({mode.id: _in_force(mode, mode.own) for mode in modes}, _version(modes))
