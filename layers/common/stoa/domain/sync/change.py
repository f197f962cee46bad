"""A change that is proposed to a tenant or applied, its two sides as typed values, and the documents stored of them."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import asdict

from stoa.core.text import camel_case, digest_of
from stoa.domain.pricing.rates import Rates
from stoa.domain.sync.agreement import Agreement
from stoa.domain.sync.facts import Price
from stoa.domain.sync.moves import Move, greatest

Kind = Literal["new_model", "price", "context", "retirement"]
Status = Literal["open", "applied", "approved", "rejected", "superseded", "withdrawn"]
Reason = Literal["deprecated", "removed", "unlisted"]

NEW_MODEL: Kind = "new_model"
PRICE: Kind = "price"
CONTEXT: Kind = "context"
RETIREMENT: Kind = "retirement"

# The overlay's columns that a change may set. A successor is not among them: one that is set is never replaced.
OWN_FACTS = ("context_window", "max_output_tokens", "deprecated_at")


class NewModel(Struct, frozen=True):
    """A model that could be offered. None: no source knows it."""

    display_name: str
    context_window: int | None
    max_output_tokens: int | None
    price: Price | None


class Sizes(Struct, frozen=True):
    """Numbers of tokens. None: this size is not part of the change."""

    context_window: int | None = None
    max_output_tokens: int | None = None

    def given(self) -> dict[str, int]:
        """Returns the sizes that are part of the change, by column."""
        return {name: tokens for name, tokens in asdict(self).items() if tokens is not None}


class Ending(Struct, frozen=True):
    """The end of a model at its provider. `why` is None on the side that the tenant has."""

    deprecated_at: datetime | None
    successor_id: str | None
    why: Reason | None = None


# A side of a change, before or after. Its type follows from the change's kind.
Side = Price | NewModel | Sizes | Ending


class Change(Struct, frozen=True, dict=True):
    """A difference between the facts and a tenant's registry.

    `subject` is the model's id; of a new model it is the provider and its name there. `before` is None for a new model,
    and for a price where none was known. `over_own` says that the change would replace what an admin decided otherwise.
    """

    kind: Kind
    subject: str
    provider_id: str
    provider_model: str
    model_id: str | None
    before: Side | None
    after: Side
    agreement: Agreement | None = None
    moves: tuple[Move, ...] = ()
    over_own: bool = False

    @cached_property
    def digest(self) -> str:
        """The same for the same `after`. A successor is only our suggestion, and depends on other models' prices."""
        told = {name: value for name, value in to_stored(self.after).items() if name != "successorId"}
        return digest_of(told)[:32]

    @property
    def percent(self) -> Decimal | None:
        """The move of a price that matters most. None: no price moves, or it moves from an unknown one."""
        move = greatest(self.moves)
        return move.percent if move else None


def to_stored(side: Side) -> dict[str, Any]:
    """Returns a side of a change as the document that is stored. Prices are exact text."""
    match side:
        case Price():
            return {
                "inputPrice": format(side.input_price.normalize(), "f"),
                "outputPrice": format(side.output_price.normalize(), "f"),
                "rates": side.rates.to_json(),
            }
        case NewModel():
            return {
                "displayName": side.display_name,
                "contextWindow": side.context_window,
                "maxOutputTokens": side.max_output_tokens,
                **(to_stored(side.price) if side.price else {"inputPrice": None, "outputPrice": None, "rates": {}}),
            }
        case Sizes():
            return {camel_case(name): tokens for name, tokens in side.given().items()}
        case _:
            ends = side.deprecated_at and side.deprecated_at.isoformat()
            told = {"deprecatedAt": ends, "successorId": side.successor_id}
            return told if side.why is None else {"why": side.why, **told}


def from_stored(kind: Kind, stored: Mapping[str, Any]) -> Side:
    """Returns a side of a change of this kind, from the document that `to_stored` made of it."""
    match kind:
        case "price":
            return _price(stored)
        case "new_model":
            price = None if stored["inputPrice"] is None else _price(stored)
            return NewModel(stored["displayName"], stored["contextWindow"], stored["maxOutputTokens"], price)
        case "context":
            return Sizes(stored.get("contextWindow"), stored.get("maxOutputTokens"))
        case _:  # retirement
            ends = stored["deprecatedAt"]
            return Ending(ends and datetime.fromisoformat(ends), stored["successorId"], stored.get("why"))


def price_of(side: Side | None) -> Price | None:
    """Returns the price that a side of a change holds. None: it holds none."""
    if isinstance(side, NewModel):
        return side.price
    return side if isinstance(side, Price) else None


def _price(stored: Mapping[str, Any]) -> Price:
    return Price(Decimal(stored["inputPrice"]), Decimal(stored["outputPrice"]), Rates.from_json(stored["rates"]))
