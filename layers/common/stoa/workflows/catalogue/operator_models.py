"""Models of the registry as the installation's operators manage them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from stoa.core.errors import FieldProblem, InvalidFields, NotFound
from stoa.database.pool import Scope
from stoa.domain.pricing.price_book import SOURCE_BASE
from stoa.domain.pricing.rates import Rates
from stoa.identity.caller import Caller
from stoa.store.catalogue import registry_models
from stoa.store.catalogue.registry_models import RegistryModel
from stoa.store.tenancy import audit, tenants
from stoa.workflows.catalogue.model_view import outer_name
from stoa.workflows.pricing.price_planning import replan


def change_registry_model(caller: Caller, model_id: str, given: Mapping[str, Any]) -> RegistryModel:
    """Changes a model that all tenants share: whether it is offered, in trouble or deprecated, and its base rates.

    Null clears, absent keeps. New rates go into every tenant's price book, one after the other; where that breaks off,
    the same call again completes it. The change is in the audit log of the operator's own tenant. Raises NotFound, also
    for a tenant's own model.
    """
    with caller.database.transaction(replace(caller.tenant_scope, operator=True)) as connection:
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
            caller.tenant_id,
            caller.actor,
            "registry_model.change",
            model_id,
            before={outer_name(name): _told(getattr(before, name)) for name in given},
            after={outer_name(name): value for name, value in given.items()},
        )
        known = tenants.all_tenants(connection) if "base_rates" in given else []
    for tenant in known:
        with caller.database.transaction(Scope(tenant_id=tenant.id)) as connection:
            replan(connection, tenant.id, [model_id], source=SOURCE_BASE, actor_id=None, now=datetime.now(UTC))
    return after


def _told(value: Any) -> Any:
    """Returns a value as the audit log keeps it."""
    return value.to_json() if isinstance(value, Rates) else value
