"""Make what the feeds say a tenant's own: for the sync, where the policy lets a change apply, and for admins.

Within the caller's transaction. Prices have to be planned anew afterwards (stoa/workflows/pricing/price_planning.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from stoa.core.ids import new_id
from stoa.database.pool import Connection
from stoa.domain.sync.facts import Facts, Price
from stoa.domain.sync.diff import COLUMNS, CONTEXT, NEW_MODEL, PRICE, Change, Held, diff, price_from
from stoa.domain.sync.ids import candidate_ids
from stoa.store.catalogue import registry_models
from stoa.store.sync import changes

# Where no source tells a model's sizes: too small is a refusal that we can explain, too large is one that we cannot.
CAUTIOUS_CONTEXT = 8192
CAUTIOUS_OUTPUT = 4096


@dataclass(frozen=True, slots=True)
class Accepted:
    """A change that is accepted. `after` is the change's own; `given` what an admin decided beside it, by column."""

    kind: str
    provider_id: str
    provider_model: str
    model_id: str | None
    after: Mapping[str, Any]
    given: Mapping[str, Any]


def accept(
    connection: Connection, tenant_id: UUID, accepted: Sequence[Accepted], actor_id: UUID | None, now: datetime
) -> list[str]:
    """Write all of them; the models' ids in the same order. New models need the operator's scope, too."""
    ids: list[str] = []
    prices: list[dict[str, Any]] = []
    overlays: dict[str, dict[str, Any]] = {}
    for one in accepted:
        model_id = _add(connection, one) if one.kind == NEW_MODEL else str(one.model_id)
        ids.append(model_id)
        price = accepted_price(one)
        if price is not None:
            prices.append(_price_row(model_id, price, is_own=price != price_from(one.after)))
        columns = _overlay(one)
        if columns:
            overlays.setdefault(model_id, {"model_id": model_id}).update(columns)
    if prices:
        changes.accept_prices(connection, tenant_id, prices, actor_id, now)
    if overlays:
        changes.accept_facts(connection, tenant_id, list(overlays.values()))
    return ids


def accept_price(
    connection: Connection, tenant_id: UUID, model_id: str, price: Price, actor_id: UUID | None, now: datetime
) -> None:
    """One model's base price at the tenant from now on, by an admin's own word."""
    changes.accept_prices(connection, tenant_id, [_price_row(model_id, price, is_own=True)], actor_id, now)


def accepted_price(one: Accepted) -> Price | None:
    """The base price that comes with a change: the admin's, else the feed's. None: it brings none."""
    if one.kind not in (PRICE, NEW_MODEL):
        return None
    given: tuple[Decimal | None, Decimal | None] = (one.given.get("input_price"), one.given.get("output_price"))
    if given[0] is not None and given[1] is not None:
        return Price(given[0], given[1])
    return price_from(one.after)


def decided_otherwise(one: Accepted, model_id: str, now: datetime) -> list[Change]:
    """What the feeds say of a new model and the admin did not follow: changes that the sync would find next time."""
    fact = Facts(
        one.provider_id,
        one.provider_model,
        one.after["displayName"],
        one.after["contextWindow"],
        one.after["maxOutputTokens"],
        price_from(one.after),
    )
    held = Held(
        model_id,
        *fact.key,
        accepted_price(one),
        one.given.get("context_window") or fact.context_window or 0,
        one.given.get("max_output_tokens") or fact.max_output_tokens or 0,
    )
    return diff([held], {model_id: fact}, now)


def change_row(change: Change, model_id: str | None, status: str, reason: str) -> dict[str, Any]:
    """A change as it is put on file."""
    return {
        "id": new_id(),
        "kind": change.kind,
        "subject": change.subject,
        "provider_id": change.provider_id,
        "provider_model": change.provider_model,
        "model_id": model_id or change.model_id,
        "before": change.before,
        "after": change.after,
        "digest": change.digest,
        "percent": change.percent,
        "agreement": change.agreement,
        "status": status,
        "reason": reason,
    }


def _add(connection: Connection, one: Accepted) -> str:
    """The model in the registry. All tenants see this row: it holds what the feed says and nothing of the tenant's."""
    price = price_from(one.after)
    context = one.after["contextWindow"] or CAUTIOUS_CONTEXT
    model = {
        "provider_id": one.provider_id,
        "provider_model": one.provider_model,
        "display_name": one.after["displayName"],
        "context_window": context,
        "max_output_tokens": one.after["maxOutputTokens"] or min(context, CAUTIOUS_OUTPUT),
        "base_input_price": price and price.input_price,
        "base_output_price": price and price.output_price,
        "base_rates": price.rates.to_json() if price else {},
    }
    return registry_models.add_from_feed(connection, candidate_ids(one.provider_id, one.provider_model), model)


def _overlay(one: Accepted) -> dict[str, Any]:
    """The columns of the tenant's overlay that a change writes."""
    if one.kind == PRICE:
        return {}
    if one.kind == CONTEXT:
        return {COLUMNS[name]: tokens for name, tokens in one.after.items()} | {"own_facts": []}
    own = {name: value for name, value in one.given.items() if name not in ("input_price", "output_price")}
    columns = {**own, "own_facts": [name for name in COLUMNS.values() if name in own]}
    if one.kind == NEW_MODEL:
        return {"enabled": True, **columns}
    return {"deprecated_at": one.after["deprecatedAt"], "successor_id": one.after["successorId"], **columns}


def _price_row(model_id: str, price: Price, *, is_own: bool) -> dict[str, Any]:
    return {
        "id": new_id(),
        "model_id": model_id,
        "input_price": price.input_price,
        "output_price": price.output_price,
        "rates": price.rates.to_json(),
        "is_own": is_own,
    }
