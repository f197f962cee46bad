"""What the facts say otherwise than a tenant has it: the changes that are proposed to it or applied.

A pure comparison. What becomes of a change decides domain/sync/policy.py.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from stoa.domain.pricing.rates import Rates
from stoa.domain.sync.moves import Move, greatest, price_moves
from stoa.domain.sync.facts import Facts, Key, Price

Kind = Literal["new_model", "price", "context", "retirement"]

NEW_MODEL: Kind = "new_model"
PRICE: Kind = "price"
CONTEXT: Kind = "context"
RETIREMENT: Kind = "retirement"

# The overlay's columns of what a change may set. A successor is not among them: one that is set is never replaced.
COLUMNS: Mapping[str, str] = {
    "contextWindow": "context_window",
    "maxOutputTokens": "max_output_tokens",
    "deprecatedAt": "deprecated_at",
}

DEPRECATED, REMOVED, UNLISTED = "deprecated", "removed", "unlisted"


@dataclass(frozen=True, slots=True)
class Held:
    """A model of the registry as one tenant has it: what it accepted, else what the registry says.

    `is_taken` is False for a model that came into the registry at the wish of other tenants only. `own` is what
    an admin decided otherwise than the feeds: `price`, or columns of the overlay.
    """

    model_id: str
    provider_id: str
    provider_model: str
    price: Price | None
    context_window: int
    max_output_tokens: int
    deprecated_at: datetime | None = None
    successor_id: str | None = None
    is_offered: bool = True
    can_chat: bool = True
    is_taken: bool = True
    own: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Change:
    """One thing that could change at a tenant. `before` and `after` are as they are stored and shown."""

    kind: Kind
    subject: str  # the model's id; of a new one provider and its name there
    provider_id: str
    provider_model: str
    model_id: str | None
    before: Mapping[str, Any] | None
    after: Mapping[str, Any]
    agreement: str | None = None
    moves: tuple[Move, ...] = ()
    over_own: bool = False  # it would replace what an admin decided otherwise

    @cached_property
    def digest(self) -> str:
        """The same for the same `after`. A successor is only our suggestion, and moves with prices."""
        told = {name: value for name, value in self.after.items() if name != "successorId"}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:32]

    @property
    def percent(self) -> Decimal | None:
        """The move of a price that matters most; None: no move of a price, or from an unknown one."""
        move = greatest(self.moves)
        return move.percent if move else None


def new_models(facts: Iterable[Facts], known: set[Key]) -> list[Change]:
    """What could be offered and is in no registry: the same for all tenants."""
    return [_new_model(fact) for fact in facts if fact.key not in known and _can_be_offered(fact)]


def diff(held: Sequence[Held], matched: Mapping[str, Facts], now: datetime) -> list[Change]:
    """What a tenant has otherwise than the facts. `matched`: the facts of each model, by our id."""
    changes = []
    for model in held:
        fact = matched.get(model.model_id)
        if fact is None:
            continue
        if not model.is_taken:
            changes += [_new_model(fact, model.model_id)] if _can_be_offered(fact) else []
            continue
        found = (_price(model, fact), _context(model, fact), _retirement(model, fact, held, now))
        changes += [change for change in found if change is not None]
    return changes


def price_json(price: Price) -> dict[str, Any]:
    """A price as changes hold it: exact, as text."""
    return {
        "inputPrice": format(price.input_price.normalize(), "f"),
        "outputPrice": format(price.output_price.normalize(), "f"),
        "rates": price.rates.to_json(),
    }


def price_from(stored: Mapping[str, Any] | None) -> Price | None:
    """The price that `price_json` told of; None where there is none."""
    if not stored or stored.get("inputPrice") is None:
        return None
    return Price(Decimal(stored["inputPrice"]), Decimal(stored["outputPrice"]), Rates.from_json(stored["rates"]))


def suggested_successor(model: Held, held: Iterable[Held]) -> str | None:
    """The model of the same provider that costs most nearly the same, and is offered and not about to retire."""

    def distance(other: Held) -> tuple[Decimal, str]:
        apart = abs(_both(other) - _both(model)) if model.price else _both(other)
        return apart, other.model_id

    fit = [
        other
        for other in held
        if other.provider_id == model.provider_id
        and other.model_id != model.model_id
        and other.price is not None
        and other.is_offered
        and other.can_chat
        and other.deprecated_at is None
    ]
    return min(fit, key=distance).model_id if fit else None


def _can_be_offered(fact: Facts) -> bool:
    stays = fact.lifecycle == "active" and fact.deprecated_on is None and fact.is_listed is not False
    return stays and (fact.price is not None or bool(fact.is_listed))


def _new_model(fact: Facts, model_id: str | None = None) -> Change:
    after: dict[str, Any] = {
        "displayName": fact.display_name,
        "contextWindow": fact.context_window,
        "maxOutputTokens": fact.max_output_tokens,
        **(price_json(fact.price) if fact.price else {"inputPrice": None, "outputPrice": None, "rates": {}}),
    }
    subject = "/".join(fact.key)
    return Change(NEW_MODEL, subject, *fact.key, model_id, None, after, fact.agreement)


def _price(model: Held, fact: Facts) -> Change | None:
    if fact.price is None or model.price == fact.price:
        return None
    moves = price_moves(model.price, fact.price) if model.price else ()
    if model.price and not moves:
        return None  # the same, written in another way
    before = price_json(model.price) if model.price else None
    return _of(PRICE, model, fact, before, price_json(fact.price), fact.agreement, moves)


def _context(model: Held, fact: Facts) -> Change | None:
    told = {"contextWindow": fact.context_window, "maxOutputTokens": fact.max_output_tokens}
    has = {"contextWindow": model.context_window, "maxOutputTokens": model.max_output_tokens}
    after = {name: tokens for name, tokens in told.items() if tokens is not None and tokens != has[name]}
    if not after or not model.can_chat:
        return None
    return _of(CONTEXT, model, fact, {name: has[name] for name in after}, after)


def _retirement(model: Held, fact: Facts, held: Sequence[Held], now: datetime) -> Change | None:
    why = _why_retired(fact)
    if why is None or (model.deprecated_at is not None and model.deprecated_at <= now):
        return None
    ends = fact.deprecated_on and datetime.combine(fact.deprecated_on, time(), UTC)
    if model.deprecated_at is not None and (ends is None or ends == model.deprecated_at):
        return None
    before = {
        "deprecatedAt": model.deprecated_at and model.deprecated_at.isoformat(),
        "successorId": model.successor_id,
    }
    after = {
        "why": why,
        "deprecatedAt": ends and ends.isoformat(),
        "successorId": model.successor_id or suggested_successor(model, held),
    }
    return _of(RETIREMENT, model, fact, before, after)


def _why_retired(fact: Facts) -> str | None:
    if fact.lifecycle == "removed":
        return REMOVED
    if fact.lifecycle == "deprecated" or fact.deprecated_on is not None:
        return DEPRECATED
    return UNLISTED if fact.is_listed is False else None


def _of(
    kind: Kind,
    model: Held,
    fact: Facts,
    before: Mapping[str, Any] | None,
    after: Mapping[str, Any],
    agreement: str | None = None,
    moves: tuple[Move, ...] = (),
) -> Change:
    touched = {PRICE} if kind == PRICE else {COLUMNS.get(name) for name in after}
    over_own = not model.own.isdisjoint(touched)
    return Change(kind, model.model_id, *fact.key, model.model_id, before, after, agreement, moves, over_own)


def _both(model: Held) -> Decimal:
    assert model.price is not None  # only priced models are asked for
    return model.price.input_price + model.price.output_price
