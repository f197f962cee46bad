"""Models of a tenant as its admins manage them: which are offered and how, and the tenant's own models."""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.observe import emit
from stoa.database.pool import Connection
from stoa.domain.catalogue.overlay import DECIDED, in_effect, limit_columns
from stoa.domain.pricing.rates import Rates
from stoa.identity.caller import Caller, check_version
from stoa.store.catalogue import model_usage, own_models
from stoa.store.catalogue import tenant_models as store
from stoa.store.catalogue.model_usage import ModelUsage
from stoa.store.catalogue.tenant_models import TenantModel
from stoa.store.tenancy import audit
from stoa.workflows.catalogue.model_view import ModelView, can_be_used, outer_name, view_of
from stoa.workflows.catalogue.new_model import AskedModel, completed
from stoa.workflows.pricing.price_planning import replan

TOP_USERS = 10

_FALLBACKS = "fallback_model_ids"
# Further columns of the overlay: how the model is shown.
_OVERLAY = (*DECIDED, _FALLBACKS, "speed", "quality", "best_for", "shown_cost", "thinktank_enabled")
_PRICES = ("base_input_price", "base_output_price")
_PRICED = frozenset({*_PRICES, "base_rates"})


def list_models(caller: Caller, *, enabled: bool | None) -> list[ModelView]:
    """Returns every model of the registry and of the tenant, also those that are disabled or have no price.

    `enabled` narrows the list to models that members can use, or to those that they cannot.
    """
    with caller.database.autocommit(caller.tenant_scope) as connection:
        models = store.offered(connection, caller.tenant_id, caller.now)
    views = [view_of(model, caller.now) for model in models]
    return [view for view in views if enabled is None or can_be_used(view) is enabled]


def read_model(caller: Caller, model_id: str) -> ModelView:
    """Returns one model. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        return _read(connection, caller, store.named(connection, model_id))


def create_model(caller: Caller, asked: AskedModel) -> ModelView:
    """Makes a model of the tenant's own: a fine-tune or a self-hosted one. It is sold as soon as its prices are known.

    Facts that were not given come from the registry, else from the feeds. Raises InvalidFields for an unknown provider,
    a fact that nobody knows or a premium model without a price, Conflict for an id that is taken.
    """
    with caller.database.transaction(caller.tenant_scope) as connection:
        if not store.has_provider(connection, caller.tenant_id, asked.provider_id):
            raise InvalidFields([FieldProblem("providerId", "there is no such provider")])
        model = completed(asked, own_models.known(connection, asked.provider_id, asked.provider_model))
        _check_unlock_price(model.access_tier, model.unlock_price_cents)
        if asked.is_typed and own_models.twin(connection, caller.tenant_id, asked.name) is not None:
            raise _exists(asked.name)
        model_id = own_models.create(connection, caller.tenant_id, asked.name, model, typed=asked.is_typed)
        if model_id is None:
            raise _exists(asked.name)
        if asked.shown:
            store.locked(connection, caller.tenant_id, caller.now, model_id)
            store.save_overlay(connection, caller.tenant_id, model_id, asked.shown)
        if model.base_input_price is not None:
            _replan(connection, caller, model_id, source="initial")
        _record(connection, caller, "model.create", model_id, None, {**model.columns(), **asked.shown})
        created = _read(connection, caller, model_id)
    emit(
        "admin_model_created",
        modelId=model_id,
        providerId=model.provider_id,
        tier=model.access_tier,
        priceCents=model.unlock_price_cents,
    )
    return created


def _exists(name: str) -> Conflict:
    return Conflict("MODEL_EXISTS", f"There is a model named {name!r} already. Choose another name.")


def change_model(caller: Caller, model_id: str, given: Mapping[str, Any], *, version: int | None) -> ModelView:
    """Writes what `given` names, by column, and keeps the rest. In the overlay None gives a field back to the registry.

    Raises NotFound, Conflict when `version` is not the present one, or InvalidFields, e.g. for a field of the registry.
    """
    overlay = {name: value for name, value in given.items() if name in _OVERLAY}
    if "daily_limit" in given:
        overlay |= limit_columns(given["daily_limit"])
    own = {name: value for name, value in given.items() if name not in _OVERLAY}
    with caller.database.transaction(caller.tenant_scope) as connection:
        model_id = store.named(connection, model_id)
        model = _locked(connection, caller, model_id)
        check_version(model.version, version, "this model")
        if not given:
            return view_of(model, caller.now)
        _check_decision(model, given)
        _check_fallbacks(connection, caller, model_id, given.get(_FALLBACKS) or ())
        if own:
            _check_own(connection, caller, model, own)
            own_models.save_own_model(connection, caller.tenant_id, model_id, own)
        store.save_overlay(connection, caller.tenant_id, model_id, overlay)
        if not own.keys().isdisjoint(_PRICED):
            _replan(connection, caller, model_id, source="base")
        before = {name: getattr(model.overlay if name in DECIDED else model, name) for name in given}
        _record(connection, caller, "model.change", model_id, before, given)
        changed = _read(connection, caller, model_id)
    _tell_switch(model, enabled=changed.enabled)
    return changed


def switch_model(caller: Caller, model_id: str, *, enabled: bool) -> bool:
    """Starts or stops offering the model, and returns whether it is offered now. Raises NotFound."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        model_id = store.named(connection, model_id)
        model = _locked(connection, caller, model_id)
        store.save_overlay(connection, caller.tenant_id, model_id, {"enabled": enabled})
        action = "model.enable" if enabled else "model.disable"
        _record(connection, caller, action, model_id, {"enabled": model.overlay.enabled}, {"enabled": enabled})
    _tell_switch(model, enabled=enabled)
    return enabled


def read_usage_stats(caller: Caller, model_id: str) -> ModelUsage:
    """Returns how many members use a model, how much, and the members who use it most. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        model_id = store.named(connection, model_id)
        if not store.has_model(connection, caller.tenant_id, model_id):
            raise NotFound("model")
        return model_usage.stats(connection, caller.tenant_id, model_id, caller.now, top=TOP_USERS)


def _locked(connection: Connection, caller: Caller, model_id: str) -> TenantModel:
    model = store.locked(connection, caller.tenant_id, caller.now, model_id)
    if model is None:
        raise NotFound("model")
    return model


def _read(connection: Connection, caller: Caller, model_id: str) -> ModelView:
    model = store.get(connection, caller.tenant_id, caller.now, model_id)
    if model is None:
        raise NotFound("model")
    return view_of(model, caller.now)


def _replan(connection: Connection, caller: Caller, model_id: str, *, source: str) -> None:
    replan(connection, caller.tenant_id, [model_id], source=source, actor_id=caller.actor.user_id, now=caller.now)


def _check_decision(model: TenantModel, given: Mapping[str, Any]) -> None:
    decided = {name: value for name, value in given.items() if name in DECIDED}
    values = in_effect(model.registry, replace(model.overlay, **decided))
    _check_unlock_price(values.access_tier, values.unlock_price_cents)


def _check_unlock_price(access_tier: str, unlock_price_cents: int | None) -> None:
    if access_tier == "premium" and unlock_price_cents is None:
        raise InvalidFields([FieldProblem("unlockPriceCents", "a premium model needs a price to unlock it")])


def _check_fallbacks(connection: Connection, caller: Caller, model_id: str, fallbacks: Sequence[str]) -> None:
    unknown = store.unknown(connection, caller.tenant_id, fallbacks) if fallbacks else ()
    problems = []
    for position, fallback in enumerate(fallbacks):
        if fallback == model_id:
            problems.append((position, "a model cannot stand in for itself"))
        elif fallback in unknown:
            problems.append((position, f"there is no model {fallback!r}"))
        elif fallback in fallbacks[:position]:
            problems.append((position, f"{fallback!r} is named twice"))
    if problems:
        raise InvalidFields([FieldProblem(f"fallbackModelIds[{at}]", reason) for at, reason in problems])


def _check_own(connection: Connection, caller: Caller, model: TenantModel, own: Mapping[str, Any]) -> None:
    """Checks fields of a model's own row: only the tenant's models have them, and a successor is one of its models."""
    if not model.is_own:
        reason = "this is a model of the registry; only an operator changes it"
        raise InvalidFields([FieldProblem(outer_name(name), reason) for name in sorted(own)])
    successor = own.get("successor_id")
    if successor is not None:
        if successor == model.id:
            raise InvalidFields([FieldProblem("successorId", "a model cannot succeed itself")])
        if not store.has_model(connection, caller.tenant_id, successor):
            raise InvalidFields([FieldProblem("successorId", f"there is no model {successor!r}")])
    prices = [own.get(name, getattr(model, name)) for name in _PRICES]
    if None in prices and prices != [None, None]:
        raise InvalidFields([FieldProblem("baseOutputPrice", "send both base prices; one alone prices nothing")])


def _record(
    connection: Connection,
    caller: Caller,
    action: str,
    model_id: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    told_before = None if before is None else _told(before)
    audit.record(connection, caller.tenant_id, caller.actor, action, model_id, before=told_before, after=_told(after))


def _told(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the values as the audit log keeps them."""
    return {outer_name(name): value.to_json() if isinstance(value, Rates) else value for name, value in values.items()}


def _tell_switch(before: TenantModel, *, enabled: bool) -> None:
    if in_effect(before.registry, before.overlay).enabled is not enabled:
        emit("admin_model_enabled" if enabled else "admin_model_disabled", modelId=before.id)
