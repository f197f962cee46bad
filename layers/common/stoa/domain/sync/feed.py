"""Models as price feeds and providers' own lists tell of them, and the rules for what is believed.

A feed is somebody else's file. An entry that cannot be right is reported and left out. An absent model changes nothing,
because absence from a feed says nothing of a model. Only `lifecycle` tells of a retirement.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from stoa.domain.pricing.rates import NO_RATES, Rates, Tier

Lifecycle = Literal["active", "deprecated", "removed"]

# USD per 1,000,000 tokens. The dearest model on any list asks 600. A price from here on is a slip of the decimal point.
PRICE_LIMIT = Decimal(10_000)
CONTEXT_LIMIT = 1_000_000_000
# A feed with fewer models than this part of what it last had is taken for a broken one.
SMALLEST_PART = Decimal("0.5")
_NAME = re.compile(r"[A-Za-z0-9@~][A-Za-z0-9._:/@+~=\[\]-]{0,199}")


class FeedModel(Struct, frozen=True):
    """A model at a provider, as a feed tells of it at one instant. Prices are USD per 1,000,000 tokens.

    Both prices are known and above 0, or both are None because the feed has none that could be charged.
    `names` are all exact names that the provider answers to, in lower case. `stems` are beginnings of names that mean
    this model, whatever date or version follows.
    """

    provider_id: str
    provider_model: str
    display_name: str
    context_window: int | None
    max_output_tokens: int | None
    input_price: Decimal | None
    output_price: Decimal | None
    rates: Rates
    deprecated_on: date | None
    source: str
    lifecycle: Lifecycle = "active"
    names: frozenset[str] = frozenset()
    stems: frozenset[str] = frozenset()

    @property
    def key(self) -> tuple[str, str]:
        """The pair that no other model has."""
        return self.provider_id, self.provider_model

    @property
    def entry(self) -> str:
        """The name by which problems refer to the model."""
        return f"{self.provider_id}/{self.provider_model}"


class FeedProblem(Struct, frozen=True):
    """A problem with an entry of a feed. An empty `entry` means the whole feed."""

    source: str
    entry: str
    field: str | None
    reason: str


class FeedResult(Struct, frozen=True):
    """The result of reading a feed. A result that is not `complete` changes nothing.

    `skipped` counts the models of providers that Stoa does not have, by the feed's name for the provider.
    """

    source: str
    models: tuple[FeedModel, ...]
    problems: tuple[FeedProblem, ...]
    complete: bool
    skipped: tuple[tuple[str, int], ...] = ()


class ListedModel(Struct, frozen=True):
    """A model that its provider lists. `tells_end`: the list says when the model ends, or that no end is known."""

    provider_id: str
    provider_model: str
    context_window: int | None
    ends_on: date | None = None
    tells_end: bool = False


class Listing(Struct, frozen=True):
    """The result of reading a provider's own list. If it is not `complete`, a model's absence means nothing."""

    provider_id: str
    models: tuple[ListedModel, ...]
    problems: tuple[FeedProblem, ...]
    complete: bool


def is_name(text: str) -> bool:
    """Returns whether the text can be a provider's name for a model."""
    return _NAME.fullmatch(text) is not None


def read_result(
    source: str,
    models: Iterable[FeedModel],
    problems: Iterable[FeedProblem] = (),
    *,
    last_count: int | None = None,
    skipped: Iterable[tuple[str, int]] = (),
) -> FeedResult:
    """Returns the believable part of a feed. `last_count` is the number of models it had the last time, if ever."""
    found = list(problems)
    believed: list[FeedModel] = []
    for model in models:
        kept, wrong = checked(model)
        found += wrong
        believed += [kept] if kept else []
    believed, repeated = without_duplicates(believed)
    found += repeated
    complete = bool(believed) and not too_few(len(believed), last_count)
    if not complete:
        before = "" if last_count is None else f", and {last_count} the last time"
        found.append(FeedProblem(source, "", None, f"only {len(believed)} usable models{before}: nothing is changed"))
    return FeedResult(source, tuple(believed), tuple(found), complete, tuple(sorted(skipped)))


def unreadable(source: str, reason: str) -> FeedResult:
    """Returns the result for a feed that could not be read at all."""
    return FeedResult(source, (), (FeedProblem(source, "", None, reason),), complete=False)


def too_few(count: int, last_count: int | None) -> bool:
    """Returns whether so many models are missing at once that the feed must be broken."""
    return last_count is not None and count < last_count * SMALLEST_PART


def checked(model: FeedModel) -> tuple[FeedModel | None, list[FeedProblem]]:
    """Returns the model as far as it is believed, or None, and its problems."""
    wrong = _impossible(model)
    if wrong:
        return None, wrong
    notes: list[FeedProblem] = []
    prices = {"input_price": model.input_price, "output_price": model.output_price}
    missing = [name for name, price in prices.items() if price is None]
    for name, price in prices.items():
        if price == 0:
            notes.append(_problem(model, name, "a price of 0 is not taken from a feed; an admin can set it"))
        elif price is None and len(missing) == 1:
            notes.append(_problem(model, name, "missing, where the other price is given"))
    if notes or missing:
        return replace(model, input_price=None, output_price=None, rates=NO_RATES), notes
    kept = without_free_rates(model.rates)
    if kept != model.rates:
        notes.append(_problem(model, "rates", "a rate of 0 is not taken from a feed; what it is for costs as ever"))
    return replace(model, rates=kept), notes


def without_free_rates(rates: Rates) -> Rates:
    """Returns the rates without those that are 0."""

    def above_zero(given: dict[str, Decimal]) -> dict[str, Decimal]:
        return {kind: rate for kind, rate in given.items() if rate > 0}

    tiers = [(tier.above_input_tokens, above_zero(tier.given())) for tier in rates.tiers]
    made = tuple(Tier(above_input_tokens=above, **given) for above, given in tiers if given)
    return Rates(**above_zero(rates.given()), tiers=made)


def without_duplicates(models: Iterable[FeedModel]) -> tuple[list[FeedModel], list[FeedProblem]]:
    """Returns each model once, and problems. A model of which the feed says two different things is left out."""
    by_key: defaultdict[tuple[str, str], dict[FeedModel, None]] = defaultdict(dict)
    for model in models:
        by_key[model.key][model] = None
    once = [model for said in by_key.values() if len(said) == 1 for model in said]
    repeated = [
        _problem(model, None, "the feed has this model more than once and says different things of it")
        for said in by_key.values()
        if len(said) > 1
        for model in said
    ]
    return once, repeated


def _impossible(model: FeedModel) -> list[FeedProblem]:
    found: list[tuple[str, str]] = []
    if not is_name(model.provider_model):
        found.append(("provider_model", "not a name that a model can have"))
    for name, price in (("input_price", model.input_price), ("output_price", model.output_price)):
        if price is not None and (reason := wrong_price(price)):
            found.append((name, reason))
    if model.rates.highest() >= PRICE_LIMIT:
        found.append(("rates", f"not below {PRICE_LIMIT:,} USD per 1,000,000 tokens"))
    for name, tokens in (("context_window", model.context_window), ("max_output_tokens", model.max_output_tokens)):
        if tokens is not None and not 0 < tokens < CONTEXT_LIMIT:
            found.append((name, "not a possible number of tokens"))
    return [_problem(model, name, reason) for name, reason in found]


def wrong_price(price: Decimal) -> str | None:
    """Returns why this cannot be a price per 1,000,000 tokens. None: it can be."""
    if not price.is_finite():
        return "not a number"
    if price < 0:
        return "negative"
    if price >= PRICE_LIMIT:
        return f"not below {PRICE_LIMIT:,} USD per 1,000,000 tokens"
    return None


def _problem(model: FeedModel, field: str | None, reason: str) -> FeedProblem:
    return FeedProblem(model.source, model.entry, field, reason)
