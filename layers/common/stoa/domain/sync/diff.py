"""A pure comparison of the facts with a tenant's registry. It finds the changes that are proposed to it or applied.

`domain/sync/policy.py` decides what becomes of a change.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from decimal import Decimal

from msgspec import Struct
from msgspec.structs import replace

from stoa.domain.sync.change import (
    CONTEXT,
    NEW_MODEL,
    PRICE,
    RETIREMENT,
    Change,
    Ending,
    Kind,
    NewModel,
    Reason,
    Side,
    Sizes,
)
from stoa.domain.sync.facts import Facts, Key, Price
from stoa.domain.sync.moves import price_moves


class Held(Struct, frozen=True):
    """A model of the registry as one tenant has it: what it accepted, else what the registry says.

    `is_taken` is False for a model that came into the registry at the wish of other tenants only. `own` names what
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


def new_models(facts: Iterable[Facts], known: set[Key]) -> list[Change]:
    """Returns the models that could be offered and are in no registry. They are the same for all tenants."""
    return [_new_model(fact) for fact in facts if fact.key not in known and _can_be_offered(fact)]


def diff(held: Sequence[Held], matched: Mapping[str, Facts], now: datetime) -> list[Change]:
    """Returns what a tenant has otherwise than the facts. `matched` holds the facts of each model, by our id."""
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


def suggested_successor(model: Held, held: Iterable[Held]) -> str | None:
    """Returns the model of the same provider whose price is nearest, and which is offered and not about to retire."""

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
    after = NewModel(fact.display_name, fact.context_window, fact.max_output_tokens, fact.price)
    return Change(NEW_MODEL, "/".join(fact.key), *fact.key, model_id, None, after, fact.agreement)


def _price(model: Held, fact: Facts) -> Change | None:
    if fact.price is None or model.price == fact.price:
        return None
    moves = price_moves(model.price, fact.price) if model.price else ()
    if model.price and not moves:
        return None  # the same, written in another way
    change = _change(PRICE, model, fact, model.price, fact.price)
    return replace(change, agreement=fact.agreement, moves=moves)


def _context(model: Held, fact: Facts) -> Change | None:
    told = Sizes(fact.context_window, fact.max_output_tokens).given()
    has = {"context_window": model.context_window, "max_output_tokens": model.max_output_tokens}
    after = {name: tokens for name, tokens in told.items() if tokens != has[name]}
    if not after or not model.can_chat:
        return None
    return _change(CONTEXT, model, fact, Sizes(**{name: has[name] for name in after}), Sizes(**after))


def _retirement(model: Held, fact: Facts, held: Sequence[Held], now: datetime) -> Change | None:
    why = _why_retired(fact)
    if why is None or (model.deprecated_at is not None and model.deprecated_at <= now):
        return None
    ends = None if fact.deprecated_on is None else datetime.combine(fact.deprecated_on, time(), UTC)
    if model.deprecated_at is not None and (ends is None or ends == model.deprecated_at):
        return None
    before = Ending(model.deprecated_at, model.successor_id)
    return _change(
        RETIREMENT, model, fact, before, Ending(ends, model.successor_id or suggested_successor(model, held), why)
    )


def _why_retired(fact: Facts) -> Reason | None:
    if fact.lifecycle == "removed":
        return "removed"
    if fact.lifecycle == "deprecated" or fact.deprecated_on is not None:
        return "deprecated"
    return "unlisted" if fact.is_listed is False else None


def _change(kind: Kind, model: Held, fact: Facts, before: Side | None, after: Side) -> Change:
    over_own = not model.own.isdisjoint(_touched(after))
    return Change(kind, model.model_id, *fact.key, model.model_id, before, after, over_own=over_own)


def _touched(after: Side) -> set[str]:
    """Returns what a change would replace, by the names of `Held.own`."""
    if isinstance(after, Sizes):
        return set(after.given())
    return {"deprecated_at"} if isinstance(after, Ending) else {"price"}


def _both(model: Held) -> Decimal:
    assert model.price is not None  # only priced models are asked for
    return model.price.input_price + model.price.output_price
