"""Bundles as an admin keeps them. Purchases keep what they were made for, whatever becomes of a bundle."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields, NotFound
from stoa.core.ids import new_id
from stoa.core.text import document_of
from stoa.database.pool import Connection
from stoa.domain.catalogue.access import TIER_FREE
from stoa.identity.caller import Caller, check_version
from stoa.store.billing import bundles
from stoa.store.billing.bundles import Bundle, BundleTerms
from stoa.store.tenancy import audit
from stoa.workflows.selection.member_view import load_member_view


def list_all_bundles(caller: Caller) -> list[Bundle]:
    """Returns all of the tenant's bundles, also those that are switched off."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return bundles.all_of(connection, caller.tenant_id)


def create_bundle(caller: Caller, terms: BundleTerms) -> Bundle:
    """Makes a bundle. Raises InvalidFields for models that are not the tenant's or that are free."""
    _check_models(caller, terms.model_ids)
    with caller.database.transaction(caller.tenant_scope) as connection:
        return _saved(connection, caller, "bundle.create", new_id(), None, terms)


def change_bundle(caller: Caller, bundle_id: UUID, given: Mapping[str, Any], *, version: int | None) -> Bundle:
    """Changes the fields of BundleTerms that were given. Raises NotFound, Conflict (STALE_EDIT), or InvalidFields as
    above."""
    if "model_ids" in given:
        _check_models(caller, given["model_ids"])
    with caller.database.transaction(caller.tenant_scope) as connection:
        bundles.lock(connection, caller.tenant_id, bundle_id)
        before = bundles.get(connection, caller.tenant_id, bundle_id)
        if before is None:
            raise NotFound("bundle")
        check_version(before.version, version, "this bundle")
        return _saved(connection, caller, "bundle.change", bundle_id, before, replace(before, **given))


def _saved(
    connection: Connection, caller: Caller, action: str, bundle_id: UUID, before: Bundle | None, terms: BundleTerms
) -> Bundle:
    wanted = replace(terms, model_ids=sorted(set(terms.model_ids)))
    bundles.save(connection, caller.tenant_id, bundle_id, wanted)
    after = bundles.get(connection, caller.tenant_id, bundle_id)
    if after is None:
        raise NotFound("bundle")
    audit.record(
        connection,
        caller.tenant_id,
        caller.actor,
        action,
        str(bundle_id),
        before=None if before is None else document_of(before),
        after=document_of(after),
    )
    return after


def _check_models(caller: Caller, model_ids: Sequence[str]) -> None:
    offers = load_member_view(caller.database, caller.member, caller.now).offers
    problems = []
    for position, model_id in enumerate(model_ids):
        if model_id not in offers:
            problems.append(FieldProblem(f"modelIds[{position}]", "there is no such model"))
        elif offers[model_id].access_tier == TIER_FREE:
            problems.append(FieldProblem(f"modelIds[{position}]", "this model is free, there is nothing to sell"))
    if problems:
        raise InvalidFields(problems)
