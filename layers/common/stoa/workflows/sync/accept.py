"""Makes what the feeds say a tenant's own: for the sync, where the policy lets a change apply, and for admins.

Runs within the caller's transaction. Prices must be planned anew afterwards (stoa/workflows/pricing/price_planning.py).
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from msgspec import Struct
from msgspec.structs import asdict, replace

from stoa.database.pool import Connection
from stoa.domain.sync.change import OWN_FACTS, Change, Ending, NewModel, Side, Sizes, price_of
from stoa.domain.sync.diff import Held, diff
from stoa.domain.sync.facts import Facts, Price
from stoa.domain.sync.ids import candidate_ids
from stoa.store.catalogue import registry_models
from stoa.store.catalogue.registry_models import NewRegistryModel
from stoa.store.sync import accepted as store
from stoa.store.sync.accepted import AcceptedFacts, AcceptedPrice

# Used where no source tells a model's sizes. We can explain the refusal of a message to a size that is too small, and
# cannot explain what happens with one that is too large.
CAUTIOUS_CONTEXT = 8192
CAUTIOUS_OUTPUT = 4096


class Choices(Struct, frozen=True, kw_only=True):
    """An admin's own decisions beside a change. None: as the change says. Prices come both or not at all."""

    input_price: Decimal | None = None
    output_price: Decimal | None = None
    context_window: int | None = None
    max_output_tokens: int | None = None
    display_name: str | None = None
    access_tier: str | None = None
    unlock_price_cents: int | None = None
    deprecated_at: datetime | None = None
    successor_id: str | None = None

    @property
    def price(self) -> Price | None:
        """The base price that the admin set."""
        if self.input_price is None or self.output_price is None:
            return None
        return Price(self.input_price, self.output_price)

    @property
    def own_facts(self) -> tuple[str, ...]:
        """The columns of the overlay that the admin decided otherwise than the feeds."""
        return tuple(name for name in OWN_FACTS if getattr(self, name) is not None)


NO_CHOICES = Choices()


class Accepted(Struct, frozen=True):
    """A change that is accepted. `model_id` is None for a model that is in no registry yet."""

    provider_id: str
    provider_model: str
    model_id: str | None
    after: Side
    choices: Choices = NO_CHOICES

    @property
    def price(self) -> Price | None:
        """The base price that comes with the change: the admin's, else the feed's. None: it brings none."""
        return self.choices.price or price_of(self.after)


def accept(
    connection: Connection, tenant_id: UUID, accepted: Sequence[Accepted], actor_id: UUID | None, now: datetime
) -> list[str]:
    """Writes all of them and returns the models' ids in the same order. New models need the operator's scope, too."""
    ids: list[str] = []
    prices: list[AcceptedPrice] = []
    overlays: dict[str, AcceptedFacts] = {}
    for one in accepted:
        model_id = _add(connection, one, one.after) if isinstance(one.after, NewModel) else str(one.model_id)
        ids.append(model_id)
        if one.price is not None:
            prices.append(AcceptedPrice(model_id, one.price, is_own=one.price != price_of(one.after)))
        facts = _facts(one, model_id)
        if facts is not None:
            known = overlays.get(model_id)
            overlays[model_id] = _merged(known, facts) if known else facts
    if prices:
        store.accept_prices(connection, tenant_id, prices, actor_id, now)
    if overlays:
        store.accept_facts(connection, tenant_id, list(overlays.values()))
    return ids


def decided_otherwise(one: Accepted, new: NewModel, model_id: str, now: datetime) -> list[Change]:
    """Returns what the feeds say of a new model and the admin did not follow.

    The sync would find these changes the next time.
    """
    fact = Facts(
        one.provider_id, one.provider_model, new.display_name, new.context_window, new.max_output_tokens, new.price
    )
    held = Held(
        model_id,
        *fact.key,
        one.price,
        one.choices.context_window or fact.context_window or 0,
        one.choices.max_output_tokens or fact.max_output_tokens or 0,
    )
    return diff([held], {model_id: fact}, now)


def _add(connection: Connection, one: Accepted, new: NewModel) -> str:
    """Adds the model to the registry and returns its id.

    All tenants see this row, so it holds what the feed says and nothing that the tenant decided.
    """
    context = new.context_window or CAUTIOUS_CONTEXT
    model = NewRegistryModel(
        provider_id=one.provider_id,
        provider_model=one.provider_model,
        display_name=new.display_name,
        context_window=context,
        max_output_tokens=new.max_output_tokens or min(context, CAUTIOUS_OUTPUT),
        base_input_price=new.price.input_price if new.price else None,
        base_output_price=new.price.output_price if new.price else None,
        base_rates=new.price.rates.to_json() if new.price else {},
    )
    return registry_models.add_from_feed(connection, candidate_ids(one.provider_id, one.provider_model), model)


def _facts(one: Accepted, model_id: str) -> AcceptedFacts | None:
    """Returns the columns of the tenant's overlay that a change writes. None: it writes none."""
    choices = one.choices
    match one.after:
        case Price():
            return None
        case Sizes():
            return AcceptedFacts(
                model_id=model_id,
                context_window=one.after.context_window,
                max_output_tokens=one.after.max_output_tokens,
            )
        case NewModel():
            return AcceptedFacts(
                model_id=model_id,
                enabled=True,
                context_window=choices.context_window,
                max_output_tokens=choices.max_output_tokens,
                display_name=choices.display_name,
                access_tier=choices.access_tier,
                unlock_price_cents=choices.unlock_price_cents,
                own_facts=choices.own_facts,
            )
        case Ending():
            return AcceptedFacts(
                model_id=model_id,
                deprecated_at=choices.deprecated_at or one.after.deprecated_at,
                successor_id=choices.successor_id or one.after.successor_id,
                own_facts=choices.own_facts,
            )


def _merged(first: AcceptedFacts, second: AcceptedFacts) -> AcceptedFacts:
    told = {name: value for name, value in asdict(second).items() if value is not None}
    return replace(first, **told)
