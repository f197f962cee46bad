"""The registry's models in the hands of the installation's operators."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from stoa.core.errors import FieldProblem, InvalidFields, NotFound
from stoa.core.text import iso
from stoa.database.pool import Database, Row, Scope
from stoa.domain.pricing.price_book import SOURCE_BASE
from stoa.domain.pricing.rates import Rates
from stoa.store.catalogue import registry_models
from stoa.store.tenancy import audit, tenants
from stoa.store.tenancy.audit import Actor
from stoa.workflows.catalogue.model_view import outer_name
from stoa.workflows.pricing.price_planning import replan
from stoa.workflows.pricing.rate_view import rates_view


def change_registry_model(
    database: Database, tenant_id: UUID, actor: Actor, model_id: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Change a model that all tenants share: whether it is offered, in trouble, deprecated, what the provider asks.

    Null clears, absent keeps. New rates go into every tenant's price book, one after the other; where that breaks off,
    the same call again completes it. The change is in the audit log of the operator's own tenant. Raises NotFound, also
    for a tenant's own model.
    """
    with database.transaction(Scope(tenant_id=tenant_id, operator=True)) as connection:
        before = registry_models.lock(connection, model_id)
        if before is None:
            raise NotFound("model of the registry")
        successor = given.get("successor_id")
        if successor == model_id or (successor is not None and registry_models.lock(connection, successor) is None):
            reason = f"{successor!r} is no other model of the registry"
            raise InvalidFields([FieldProblem("successorId", reason)])
        after = registry_models.save(connection, model_id, given)
        audit.record(
            connection,
            tenant_id,
            actor,
            "registry_model.change",
            model_id,
            before={outer_name(name): before[name] for name in given},
            after={outer_name(name): value for name, value in given.items()},
        )
        known = tenants.ids(connection) if "base_rates" in given else []
    for tenant in known:
        with database.transaction(Scope(tenant_id=tenant["id"])) as connection:
            replan(connection, tenant["id"], [model_id], source=SOURCE_BASE, actor_id=None, now=datetime.now(UTC))
    return _described(after)


def _described(row: Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "displayName": row["display_name"],
        "providerId": row["provider_id"],
        "enabled": row["enabled"],
        "isAvailable": row["is_available"],
        "deprecatedAt": row["deprecated_at"] and iso(row["deprecated_at"]),
        "successorId": row["successor_id"],
        "baseRates": rates_view(Rates.from_json(row["base_rates"])),
    }
