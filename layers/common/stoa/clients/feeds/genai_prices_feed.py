"""The first source: genai-prices, as it came with the software or from an address that serves the same data.

Format: https://github.com/pydantic/genai-prices (prices/data.json): providers with models, prices in USD per 1,000,000
tokens, some under conditions of time, some rising with the number of input tokens. This module reads the prices of
plain requests. Stoa sends no batches and uses no service tiers (`price_variants`).
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

from msgspec.structs import replace
from pydantic import BaseModel, BeforeValidator, Field, model_validator

from stoa.clients.feeds.fetch import FeedUnreadable, download, parse_json
from stoa.clients.feeds.fields import (
    READING,
    Label,
    Number,
    display_name,
    entry_name,
    problems_of,
    rates_from,
    rounded,
)
from stoa.clients.feeds.genai_names import accepts, names_of
from stoa.clients.feeds.provider_ids import our_provider
from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.sync.feed import FeedModel, FeedProblem, FeedResult, read_result, unreadable, wrong_price

KINDS = {
    "input_mtok": "input",
    "output_mtok": "output",
    "cache_read_mtok": "cached_input",
    "cache_write_mtok": "cache_write",
    "input_audio_mtok": "input_audio",
    "output_audio_mtok": "output_audio",
    "input_image_mtok": "input_image",
    "output_image_mtok": "output_image",
}
# Units that a plain request may also cost and Stoa cannot charge. An admin is told of them.
NOT_CHARGED = ("requests_kcount", "output_reasoning_mtok", "output_citation_mtok")


class Tier(BaseModel):
    """The price of a kind of token in a message of more than `start` input tokens."""

    model_config = READING
    start: int
    price: Number


class Price(BaseModel):
    """The price of a kind of token. A plain number is a price without tiers."""

    model_config = READING
    base: Number
    tiers: Annotated[list[Tier], Field(max_length=10)] = []

    @model_validator(mode="before")
    @classmethod
    def _of_a_number(cls, value: Any) -> Any:
        return value if isinstance(value, dict) else {"base": value}

    def above(self, input_tokens: int) -> Decimal:
        """Returns the price in a message of more than this many input tokens."""
        reached = [tier for tier in self.tiers if tier.start <= input_tokens]
        return max(reached, key=lambda tier: tier.start).price if reached else self.base


class Prices(BaseModel):
    """A set of prices. Units that are not here are charged for things that Stoa does not do."""

    model_config = READING
    input_mtok: Price | None = None
    output_mtok: Price | None = None
    cache_read_mtok: Price | None = None
    cache_write_mtok: Price | None = None
    input_audio_mtok: Price | None = None
    output_audio_mtok: Price | None = None
    input_image_mtok: Price | None = None
    output_image_mtok: Price | None = None
    requests_kcount: Price | None = None
    output_reasoning_mtok: Price | None = None
    output_citation_mtok: Price | None = None

    def in_and_out(self) -> Decimal:
        """Returns the price of a token in and a token out together, to find the dearest of several sets."""
        asked = [price.base for price in (self.input_mtok, self.output_mtok) if price is not None]
        return sum((price for price in asked if price.is_finite()), Decimal(0))


class Constraint(BaseModel):
    """The time at which a set of prices holds: from a day on, or every day between two times."""

    model_config = READING | {"extra": "forbid"}
    start_date: date | None = None
    start_time: time | None = None
    end_time: time | None = None


class Conditional(BaseModel):
    """A set of prices and the time at which it holds. Without a constraint it always holds."""

    model_config = READING
    constraint: Constraint | None = None
    prices: Prices


def _as_list(prices: Any) -> Any:
    return [{"prices": prices}] if isinstance(prices, dict) else prices


class Entry(BaseModel):
    """A model of the feed."""

    model_config = READING
    id: Label
    match: Any
    name: str | None = None
    context_window: int | None = None
    deprecated: bool | None = None
    prices: Annotated[list[Conditional], BeforeValidator(_as_list), Field(min_length=1)]


class GenaiPrices:
    """The feed for the providers of these ids, read from the address each time, or from the package without one."""

    name = "genai-prices"

    def __init__(self, provider_ids: Collection[str], url: str | None = None) -> None:
        self._provider_ids = frozenset(provider_ids)
        self._download = download(url) if url else None

    def read(self, now: datetime, last_count: int | None = None) -> FeedResult:
        """Returns the models and prices at `now`.

        A failing address changes nothing. Only a first reading falls back on the package, whose prices may be older
        than those that hold already.
        """
        if self._download is None:
            return self.parse(bundled(), now, last_count)
        try:
            result = self.parse(parse_json(self._download.read()), now, last_count)
        except FeedUnreadable as error:
            result = unreadable(self.name, error.message)
        if result.complete or last_count is not None:
            return result
        packaged = self.parse(bundled(), now)
        instead = FeedProblem(self.name, "", None, "the address gave nothing usable: read from the package instead")
        return replace(packaged, problems=(*result.problems, instead, *packaged.problems))

    def parse(self, data: Any, now: datetime, last_count: int | None = None) -> FeedResult:
        """Returns the models and prices of these data at `now`."""
        if not isinstance(data, list):
            return unreadable(self.name, "not a list of providers")
        models: list[FeedModel] = []
        problems: list[FeedProblem] = []
        skipped: Counter[str] = Counter()
        for feed_id, entry in _entries(data):
            provider_id, ending = our_provider(feed_id)
            if provider_id not in self._provider_ids:
                skipped[entry_name(feed_id)] += 1
                continue
            try:
                model, notes = _model(provider_id, ending, Entry.model_validate(entry), now)
            except ValueError as error:
                named = entry_name(provider_id, entry.get("id") if isinstance(entry, dict) else None)
                problems += problems_of(self.name, named, error)
                continue
            models.append(model)
            problems += notes
        return read_result(self.name, models, problems, last_count=last_count, skipped=skipped.items())


def bundled() -> list[Any]:
    """Returns the data of the installed package, in the form of its data.json."""
    from genai_prices.data import providers  # 0.3 s

    return [{"id": provider.id, "models": _plain(provider.models)} for provider in providers]


def holding(prices: list[Conditional], now: datetime) -> Prices:
    """Returns the prices that hold on the day of `now`. If they change with the time of day, the dearest are returned.

    The feed defines that the last condition that is met decides, and the first of all where none is met.
    """
    candidates: list[Prices] = []
    for conditional in reversed(prices):
        constraint = conditional.constraint
        if constraint is not None and constraint.start_date and now.astimezone(UTC).date() < constraint.start_date:
            continue
        candidates.append(conditional.prices)
        if constraint is None or constraint.start_time is None:
            break  # what came before is over
    return max(candidates, key=Prices.in_and_out, default=prices[0].prices)


def _entries(data: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yields each model with the feed's id of its provider. A malformed provider has the id `?`, which nobody has."""
    for provider in data:
        feed_id = provider.get("id") if isinstance(provider, dict) else None
        models = provider.get("models") if isinstance(provider, dict) else None
        for entry in models if isinstance(models, list) else [None]:
            yield feed_id if isinstance(feed_id, str) else "?", entry


def _model(provider_id: str, ending: str, entry: Entry, now: datetime) -> tuple[FeedModel, list[FeedProblem]]:
    exact, stems = names_of(entry.match)
    name = entry.id if accepts(entry.match, entry.id) else next(iter(exact), None)
    if name is None:
        raise ValueError("match: names no model by which the provider could be asked")
    prices = holding(entry.prices, now)
    input_price, output_price, rates = _priced(prices)
    model = FeedModel(
        provider_id=provider_id,
        provider_model=name + ending,
        display_name=display_name(entry.name, name),
        context_window=entry.context_window,
        max_output_tokens=None,
        input_price=input_price,
        output_price=output_price,
        rates=rates,
        deprecated_on=None,
        source=GenaiPrices.name,
        lifecycle="deprecated" if entry.deprecated else "active",
        names=frozenset(other.lower() + ending for other in (name, *exact)),
        stems=frozenset(stems) if not ending else frozenset(),
    )
    also = [unit for unit in NOT_CHARGED if getattr(prices, unit) is not None]
    return model, [
        FeedProblem(GenaiPrices.name, model.entry, unit, "asked besides and not charged by Stoa") for unit in also
    ]


def _priced(prices: Prices) -> tuple[Decimal | None, Decimal | None, Rates]:
    given: dict[str, Price] = {kind: price for unit, kind in KINDS.items() if (price := getattr(prices, unit))}
    base = {kind: rounded(price.base) for kind, price in given.items()}
    input_price, output_price = base.get("input"), base.get("output")
    if input_price is None or output_price is None or wrong_price(input_price) or wrong_price(output_price):
        return input_price, output_price, NO_RATES  # for the rules to report
    thresholds = {tier.start for price in given.values() for tier in price.tiers}
    levels = {start: {kind: price.above(start) for kind, price in given.items()} for start in thresholds}
    return input_price, output_price, rates_from({0: base} | levels)


def _plain(value: Any) -> Any:
    """Returns the package's objects as its data.json has them."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if is_dataclass(value):
        # `or` and `and` are fields named `or_` and `and_`.
        return {field.name.rstrip("_"): _plain(getattr(value, field.name)) for field in fields(value)}
    if type(value).__name__ == "ModelPrice":
        return {unit: _plain(price) for unit, price in vars(value).items()}
    return value
