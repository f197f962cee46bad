"""A tenant's models in the hands of its admins: what is offered and how, and the tenant's own models."""

from collections.abc import Mapping, Sequence
from typing import Any

from stoa.core.errors import Conflict, FieldProblem, InvalidFields, NotFound
from stoa.core.observe import emit
from stoa.database.pool import Connection, Row
from stoa.domain.catalogue.overlay import DECIDED, in_effect, limit_columns
from stoa.identity.caller import Caller, check_version
from stoa.store.catalogue import model_usage
from stoa.store.catalogue import tenant_models as store
from stoa.store.tenancy import audit
from stoa.workflows.catalogue.model_view import described, outer_name, overlay_of, registry_of
from stoa.workflows.pricing.price_planning import replan

TOP_USERS = 10

_FALLBACKS = "fallback_model_ids"
_PRICES = ("base_input_price", "base_output_price")
_PRICED = frozenset({*_PRICES, "base_rates"})


def list_models(caller: Caller, *, enabled: bool | None) -> list[dict[str, Any]]:
    """Every model of the registry and of the tenant, disabled ones and those without a price included."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        rows = store.offered(connection, caller.tenant_id, caller.now)
    models = [described(row) for row in rows]
    return [model for model in models if enabled is None or model["enabled"] is enabled]


def create_model(caller: Caller, name: str, model: Mapping[str, Any]) -> dict[str, Any]:
    """Make a model of the tenant's own: a fine-tune or a self-hosted one. It is sold as soon as its prices are known.

    Raises InvalidFields for an unknown provider or a premium model without a price, Conflict for a name that is taken.
    """
    _check_unlock_price(model["access_tier"], model["unlock_price_cents"])
    if (model["base_input_price"] is None) != (model["base_output_price"] is None):
        raise InvalidFields(
            [FieldProblem("baseOutputPrice", "send both base prices, or null for both (then it is not sold)")]
        )
    with caller.database.transaction(caller.tenant_scope) as connection:
        if not store.has_provider(connection, caller.tenant_id, model["provider_id"]):
            raise InvalidFields([FieldProblem("providerId", "there is no such provider")])
        model_id = store.create(connection, caller.tenant_id, name, model)
        if model_id is None:
            raise Conflict("MODEL_EXISTS", f"You have a model named {name!r} already. Choose another name.")
        if model["base_input_price"] is not None:
            replan(
                connection,
                caller.tenant_id,
                [model_id],
                source="initial",
                actor_id=caller.actor.user_id,
                now=caller.now,
            )
        _record(connection, caller, "model.create", model_id, None, model)
        created = _read(connection, caller, model_id)
    emit("admin_model_created", modelId=model_id, providerId=model["provider_id"])
    return created


def change_model(caller: Caller, model_id: str, given: Mapping[str, Any], *, version: int | None) -> dict[str, Any]:
    """Write what `given` names. In the overlay null gives a field back to the registry; what is not named stays.

    Raises NotFound, Conflict when `version` is not the present one, or InvalidFields, e.g. for a field of the registry.
    """
    overlay = {name: value for name, value in given.items() if name in DECIDED}
    if "daily_limit" in given:
        overlay |= limit_columns(given["daily_limit"])
    if _FALLBACKS in given:
        overlay[_FALLBACKS] = given[_FALLBACKS]
    own = {name: value for name, value in given.items() if name not in (*DECIDED, "daily_limit", _FALLBACKS)}
    with caller.database.transaction(caller.tenant_scope) as connection:
        row = store.locked(connection, caller.tenant_id, caller.now, model_id)
        if row is None:
            raise NotFound("model")
        check_version(row["version"], version, "this model")
        if not given:
            return described(row)
        _check_decision(row, given)
        _check_fallbacks(connection, caller, model_id, given.get(_FALLBACKS) or ())
        if own:
            _check_own(connection, caller, row, own)
            store.save_own_model(connection, caller.tenant_id, model_id, own)
        store.save_overlay(connection, caller.tenant_id, model_id, overlay)
        if not own.keys().isdisjoint(_PRICED):
            replan(
                connection, caller.tenant_id, [model_id], source="base", actor_id=caller.actor.user_id, now=caller.now
            )
        before = {**row, **overlay_of(row)}
        _record(connection, caller, "model.change", model_id, {name: before[name] for name in given}, given)
        changed = _read(connection, caller, model_id)
    _tell_switch(described(row), changed)
    return changed


def switch_model(caller: Caller, model_id: str, *, enabled: bool) -> bool:
    """Offer the model, or offer it no more; whether it is offered now. Raises NotFound."""
    with caller.database.transaction(caller.tenant_scope) as connection:
        row = store.locked(connection, caller.tenant_id, caller.now, model_id)
        if row is None:
            raise NotFound("model")
        store.save_overlay(connection, caller.tenant_id, model_id, {"enabled": enabled})
        action = "model.enable" if enabled else "model.disable"
        _record(connection, caller, action, model_id, {"enabled": row["own_enabled"]}, {"enabled": enabled})
    _tell_switch(described(row), {"id": model_id, "enabled": enabled})
    return enabled


def read_usage_stats(caller: Caller, model_id: str) -> dict[str, Any]:
    """How many members use a model, how much, and who the most. Raises NotFound."""
    with caller.database.autocommit(caller.tenant_scope) as connection:
        if not store.has_model(connection, caller.tenant_id, model_id):
            raise NotFound("model")
        row = model_usage.stats(connection, caller.tenant_id, model_id, caller.now, top=TOP_USERS)
    return {
        "totalUsers": row["total_users"],
        "messagesLast24h": row["last_day"],
        "messagesLast7d": row["last_week"],
        "averageMessagesPerUser": row["average"],
        "topUsers": row["top_users"],
    }


def _check_decision(row: Row, given: Mapping[str, Any]) -> None:
    values = in_effect(registry_of(row), {**overlay_of(row), **given})
    _check_unlock_price(values["access_tier"], values["unlock_price_cents"])


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


def _check_own(connection: Connection, caller: Caller, row: Row, own: Mapping[str, Any]) -> None:
    """The fields of a model's own row: only of the tenant's models, and a successor that the tenant has."""
    if not row["is_own"]:
        reason = "this is a model of the registry; only an operator changes it"
        raise InvalidFields([FieldProblem(outer_name(name), reason) for name in sorted(own)])
    successor = own.get("successor_id")
    if successor is not None:
        if successor == row["id"]:
            raise InvalidFields([FieldProblem("successorId", "a model cannot succeed itself")])
        if not store.has_model(connection, caller.tenant_id, successor):
            raise InvalidFields([FieldProblem("successorId", f"there is no model {successor!r}")])
    prices = [own.get(name, row[name]) for name in _PRICES]
    if None in prices and prices != [None, None]:
        raise InvalidFields([FieldProblem("baseOutputPrice", "send both base prices; one alone prices nothing")])


def _read(connection: Connection, caller: Caller, model_id: str) -> dict[str, Any]:
    return described(store.offered(connection, caller.tenant_id, caller.now, model_id)[0])


def _record(
    connection: Connection,
    caller: Caller,
    action: str,
    model_id: str,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
) -> None:
    audit.record(
        connection,
        caller.tenant_id,
        caller.actor,
        action,
        model_id,
        before=None if before is None else _named(before),
        after=_named(after),
    )


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    return {outer_name(name): value for name, value in values.items()}


def _tell_switch(before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
    if before["enabled"] is not after["enabled"]:
        emit("admin_model_enabled" if after["enabled"] else "admin_model_disabled", modelId=after["id"])
