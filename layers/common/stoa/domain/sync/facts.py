"""The facts that all sources together give of each provider's models, and the change that a new reading makes.

Facts are kept. A source that could not be read in full, or that leaves a model out, takes nothing back. The first
source prices, the second one confirms, and a provider's own list tells which models exist.
"""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.sync.agreement import Agreement, agreement
from stoa.domain.sync.feed import FeedModel, FeedResult, Lifecycle, Listing
from stoa.domain.sync.matching import Names, counterparts

Key = tuple[str, str]  # a provider of ours, and its own name for a model


class Price(NamedTuple):
    """A price in USD per 1,000,000 tokens, and the rates that differ from these two prices."""

    input_price: Decimal
    output_price: Decimal
    rates: Rates = NO_RATES


class Facts(Struct, frozen=True):
    """A model of a provider. None: no source tells.

    `is_listed` follows the provider's own list. It is False only where the model was listed once.
    """

    provider_id: str
    provider_model: str
    display_name: str
    context_window: int | None = None
    max_output_tokens: int | None = None
    price: Price | None = None
    agreement: Agreement = "only_one"
    lifecycle: Lifecycle = "active"
    deprecated_on: date | None = None
    is_listed: bool | None = None

    @property
    def key(self) -> Key:
        """The pair that no other model has."""
        return self.provider_id, self.provider_model


class Reading(NamedTuple):
    """A reading of all sources: the first, the second, and the providers' lists."""

    first: FeedResult
    second: FeedResult
    listings: tuple[Listing, ...] = ()

    @property
    def parts(self) -> "tuple[FeedResult | Listing, ...]":
        """All sources that were read."""
        return (self.first, self.second, *self.listings)

    def models(self) -> list[FeedModel]:
        """Returns every model of the sources read in full. Where both name a model, the first one's is returned."""
        second = self.second.models if self.second.complete else ()
        if not self.first.complete:
            return list(second)
        confirmed = {model.key for model in counterparts(self.first.models, second).values()}
        known = {model.key for model in self.first.models}
        return [*self.first.models, *(model for model in second if model.key not in confirmed | known)]


def merged(before: Mapping[Key, Facts], reading: Reading, ours: Collection[Key] = ()) -> dict[Key, Facts]:
    """Returns the facts after a reading: all that were known before, changed and extended by what it says.

    A name of `ours` in a provider's list is a fact of its own, also where the feed has it as a name of another model:
    `gpt-4o-2024-05-13` may end, and `gpt-4o` go on.
    """
    facts = dict(before)
    if reading.first.complete:  # otherwise nobody knows whether the second's price is the only one
        second = reading.second.models if reading.second.complete else ()
        confirming = counterparts(reading.first.models, second)
        for model in reading.models():
            facts[model.key] = _with_feed(facts.get(model.key), model, confirming.get(model.key), reading)
    names = Names(reading.models())
    sized = {model.key for model in reading.models() if model.context_window} if reading.first.complete else set(facts)
    for listing in reading.listings:
        facts |= _with_listing(facts, listing, names, sized, ours)
    return facts


def _with_feed(before: Facts | None, model: FeedModel, second: FeedModel | None, reading: Reading) -> Facts:
    known = before or Facts(model.provider_id, model.provider_model, model.display_name)
    price = known.price
    if model.input_price is not None and model.output_price is not None:
        price = Price(model.input_price, model.output_price, model.rates)
    agreed = agreement(model, second)
    if not reading.second.complete and price == known.price:
        agreed = known.agreement
    return replace(
        known,
        display_name=model.display_name,
        context_window=model.context_window or known.context_window,
        max_output_tokens=model.max_output_tokens or known.max_output_tokens,
        price=price,
        agreement=agreed,
        lifecycle=model.lifecycle,
        deprecated_on=model.deprecated_on or known.deprecated_on,
    )


def _with_listing(
    facts: Mapping[Key, Facts], listing: Listing, names: Names, sized: Collection[Key], ours: Collection[Key]
) -> dict[Key, Facts]:
    """Returns the facts that a provider's list changes. A feed tells the context of the models in `sized`."""
    changed: dict[Key, Facts] = {}
    for listed in listing.models:
        own = (listed.provider_id, listed.provider_model)
        known_as = [model.key for model in names.candidates(*own)]
        has_own = own in facts or own in ours or not known_as
        keys: list[Key] = [own, *known_as] if has_own else known_as
        for key in dict.fromkeys(keys):
            known = changed.get(key) or facts.get(key) or Facts(*key, display_name=listed.provider_model)
            sizes = (known.context_window, listed.context_window)
            changed[key] = replace(
                known,
                is_listed=True,
                context_window=(sizes[0] or sizes[1]) if key in sized else (sizes[1] or sizes[0]),
                # A provider takes an announced end back by leaving it out. The end of one name is not the model's.
                deprecated_on=listed.ends_on if listed.tells_end and key == own else known.deprecated_on,
            )
    if listing.complete:
        gone = [known for known in facts.values() if known.provider_id == listing.provider_id and known.is_listed]
        changed |= {known.key: replace(known, is_listed=False) for known in gone if known.key not in changed}
    return changed
