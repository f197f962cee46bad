"""Bundles as an admin keeps them. Purchases keep what they were made for, whatever becomes of a bundle."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, InvalidFields, NotFound
from stoa.core.ids import new_id
from stoa.database.pool import Connection, Database, Row, Scope
from stoa.domain.catalogue.access import TIER_FREE
from stoa.identity.caller import check_version
from stoa.identity.members import Member
from stoa.store.billing import bundles
from stoa.store.tenancy import audit
from stoa.store.tenancy.audit import Actor
from stoa.workflows.selection.member_view import load_member_view

_NEW = {"description": "", "enabled": True, "display_order": 100}
_FIELDS = ("name", "description", "price_cents", "enabled", "display_order")


def list_all_bundles(database: Database, admin: Member) -> list[dict[str, Any]]:
    """All of the tenant's bundles, those switched off, too."""
    with database.autocommit(Scope(tenant_id=admin.tenant_id)) as connection:
        return [_told(row) for row in bundles.all_of(connection, admin.tenant_id)]


def create_bundle(
    database: Database, admin: Member, actor: Actor, given: Mapping[str, Any], now: datetime
) -> dict[str, Any]:
    """A new bundle. Raises InvalidFields for models that are not the tenant's or that are free."""
    _check_models(database, admin, given["model_ids"], now)
    with database.transaction(Scope(tenant_id=admin.tenant_id)) as connection:
        made = {**_NEW, **given, "id": new_id()}
        return _saved(connection, admin, actor, "bundle.create", None, made)


def change_bundle(
    database: Database,
    admin: Member,
    actor: Actor,
    bundle_id: UUID,
    given: Mapping[str, Any],
    now: datetime,
    *,
    version: int | None,
) -> dict[str, Any]:
    """Change the fields that were given. Raises NotFound, Conflict (STALE_EDIT), or InvalidFields as above."""
    if "model_ids" in given:
        _check_models(database, admin, given["model_ids"], now)
    with database.transaction(Scope(tenant_id=admin.tenant_id)) as connection:
        bundles.lock(connection, admin.tenant_id, bundle_id)
        before = bundles.all_of(connection, admin.tenant_id, bundle_id)
        if not before:
            raise NotFound("bundle")
        check_version(before[0]["version"], version, "this bundle")
        return _saved(connection, admin, actor, "bundle.change", before[0], {**before[0], **given})


def _saved(
    connection: Connection, admin: Member, actor: Actor, action: str, before: Row | None, wanted: Mapping[str, Any]
) -> dict[str, Any]:
    values = {"id": wanted["id"], **{name: wanted[name] for name in _FIELDS}}
    bundles.save(connection, admin.tenant_id, values, sorted(set(wanted["model_ids"])))
    (row,) = bundles.all_of(connection, admin.tenant_id, wanted["id"])
    after = _told(row)
    audit.record(
        connection,
        admin.tenant_id,
        actor,
        action,
        str(wanted["id"]),
        before=None if before is None else _told(before),
        after=after,
    )
    return after


def _check_models(database: Database, admin: Member, model_ids: list[str], now: datetime) -> None:
    offers = load_member_view(database, admin, now).offers
    problems = []
    for position, model_id in enumerate(model_ids):
        if model_id not in offers:
            problems.append(FieldProblem(f"modelIds[{position}]", "there is no such model"))
        elif offers[model_id].access_tier == TIER_FREE:
            problems.append(FieldProblem(f"modelIds[{position}]", "this model is free, there is nothing to sell"))
    if problems:
        raise InvalidFields(problems)


def _told(row: Row) -> dict[str, Any]:
    return {
        "id": str(row["id"]),
        "name": row["name"],
        "description": row["description"],
        "priceCents": row["price_cents"],
        "currency": row["currency"],
        "modelIds": row["model_ids"],
        "enabled": row["enabled"],
        "displayOrder": row["display_order"],
        "version": row["version"],
    }
