"""The second source: model-prices, made from the history of models.dev and dated corrections, apart from the first.

Format: https://github.com/wakamex/model-prices: snapshot.json, schema 1, with each model's prices as dated intervals,
USD per 1,000,000 tokens. This module reads the interval of plain requests (`standard`) that `now` lies in. Where a
provider asks more at some hours, it reads the price of those hours. The address is that of a snapshot, or of a
latest.json that names one beside it by its SHA-256.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, Field, TypeAdapter

from stoa.clients.feeds.fetch import Download, FeedUnreadable, download, get, parse_json
from stoa.clients.feeds.fields import READING, Number, entry_name, problems_of, rates_from, rounded
from stoa.clients.feeds.provider_ids import our_provider
from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.sync.feed import FeedModel, FeedProblem, FeedResult, Lifecycle, read_result, unreadable, wrong_price

KINDS = {"input": "input", "output": "output", "cache_read": "cached_input", "cache_write": "cache_write"}


class Costs(BaseModel):
    """The prices of kinds of tokens, as far as they are named."""

    model_config = READING
    input: Number | None = None
    output: Number | None = None
    cache_read: Number | None = None
    cache_write: Number | None = None

    def times(self, factor: Decimal) -> dict[str, Decimal]:
        """Returns prices by our kinds of token. A cache price of 0 is left out: models.dev means that there is none."""
        given = {kind: getattr(self, name) for name, kind in KINDS.items()}
        return {
            kind: rounded(price * factor)
            for kind, price in given.items()
            if price is not None and (price != 0 or kind in ("input", "output"))
        }


class Tier(Costs):
    """The prices that change above a number of input tokens."""

    above: Annotated[int, Field(ge=1)]


class Listed(Costs):
    """The prices of an interval."""

    tiers: Annotated[tuple[Tier, ...], Field(max_length=10)] = ()


class Interval(BaseModel):
    """Prices from `start` on. None: from the beginning. Without `rates` the model is not sold in the interval."""

    model_config = READING
    start: AwareDatetime | None
    rates: Listed | None


class Schedule(BaseModel):
    """A provider that asks more at some hours."""

    model_config = READING
    provider: str
    valid_from: AwareDatetime
    valid_until: AwareDatetime | None = None
    peak_multiplier: Annotated[Number, Field(ge=1, le=10)] | None = None

    def holds(self, provider: str, now: datetime) -> bool:
        """Returns whether the schedule is this provider's and in force."""
        begun = self.valid_from <= now and (self.valid_until is None or now < self.valid_until)
        return begun and self.provider == provider and self.peak_multiplier is not None


class Snapshot(BaseModel):
    """The parts of a snapshot that are read at once. Prices are read one by one, later."""

    model_config = READING
    schema_: Annotated[Literal[1], Field(alias="schema")]
    prices: dict[str, dict[str, Any]]
    aliases: dict[str, dict[str, str]] = {}
    bases: dict[str, dict[str, str]] = {}
    status: dict[str, dict[str, str]] = {}
    schedules: dict[str, Any] = {}


INTERVALS: TypeAdapter[list[Interval]] = TypeAdapter(Annotated[list[Interval], Field(min_length=1)])
SCHEDULES = TypeAdapter(list[Schedule])


class ModelPrices:
    """The feed for the providers of these ids, read from the address each time, or from the package without one."""

    name = "model-prices"

    def __init__(self, provider_ids: Collection[str], url: str | None = None) -> None:
        self._provider_ids = frozenset(provider_ids)
        self._download = download(url) if url else None

    def read(self, now: datetime, last_count: int | None = None) -> FeedResult:
        """Returns the models and prices at `now`. Without it no price is confirmed, so none moves without review."""
        try:
            return self.parse(parse_json(_fetched(self._download) if self._download else bundled()), now, last_count)
        except FeedUnreadable as error:
            return unreadable(self.name, error.message)

    def parse(self, data: Any, now: datetime, last_count: int | None = None) -> FeedResult:
        """Returns the models and prices of these data at `now`."""
        try:
            snapshot = Snapshot.model_validate(data)
            schedules = SCHEDULES.validate_python(snapshot.schedules.get("schedule", []))
        except ValueError as error:
            return read_result(self.name, (), problems_of(self.name, "", error), last_count=last_count)
        names = _other_names(snapshot)
        models: list[FeedModel] = []
        problems: list[FeedProblem] = []
        skipped: Counter[str] = Counter()
        for feed_id, model_name, timelines in _entries(snapshot):
            provider_id, _ = our_provider(feed_id)
            if provider_id not in self._provider_ids:
                skipped[entry_name(feed_id)] += 1
                continue
            factor = max((rule.peak_multiplier or 1 for rule in schedules if rule.holds(feed_id, now)), default=1)
            status = snapshot.status.get(feed_id, {}).get(model_name, "")
            try:
                input_price, output_price, rates = _priced(timelines, now, Decimal(factor))
            except ValueError as error:
                problems += problems_of(self.name, entry_name(provider_id, model_name), error)
                continue
            models.append(
                FeedModel(
                    provider_id=provider_id,
                    provider_model=model_name,
                    display_name=model_name,
                    context_window=None,
                    max_output_tokens=None,
                    input_price=input_price,
                    output_price=output_price,
                    rates=rates,
                    deprecated_on=None,
                    source=self.name,
                    lifecycle=_lifecycle(status),
                    names=frozenset({model_name.lower(), *names.get((feed_id, model_name), ())}),
                )
            )
        return read_result(self.name, models, problems, last_count=last_count, skipped=skipped.items())


def bundled() -> bytes:
    """Returns the snapshot of the installed package."""
    from importlib.resources import files

    return files("model_prices").joinpath("snapshot.json").read_bytes()


def _fetched(source: Download) -> bytes:
    body = source.read()
    value = parse_json(body)
    if not isinstance(value, dict) or "prices" in value or not isinstance(value.get("sha256"), str):
        return body
    named = value["sha256"]
    snapshot = get(f"{source.url.rpartition('/')[0]}/{named}.json").body if named.isalnum() else b""
    if hashlib.sha256(snapshot).hexdigest() != named:
        raise FeedUnreadable("the snapshot is not the one that latest.json names")
    return snapshot


def _entries(snapshot: Snapshot) -> Iterator[tuple[str, str, Any]]:
    for feed_id, models in snapshot.prices.items():
        for model_name, timelines in models.items():
            yield feed_id, model_name, timelines


def _other_names(snapshot: Snapshot) -> Mapping[tuple[str, str], set[str]]:
    names: dict[tuple[str, str], set[str]] = {}
    for alias, target in snapshot.aliases.get("models", {}).items():
        feed_id, _, model_name = target.partition("/")
        names.setdefault((feed_id, model_name), set()).add(alias.lower())
    for feed_id, bases in snapshot.bases.items():
        for alias, model_name in bases.items():
            names.setdefault((feed_id, model_name), set()).add(alias.lower())
    return names


def _priced(timelines: Any, now: datetime, factor: Decimal) -> tuple[Decimal | None, Decimal | None, Rates]:
    if not isinstance(timelines, dict):
        raise ValueError("standard: not a timeline")
    intervals = INTERVALS.validate_python(timelines.get("standard"))
    # The first interval also covers every earlier time.
    begun = [interval for interval in intervals[1:] if interval.start and interval.start <= now]
    listed = max(begun, key=lambda interval: interval.start or now, default=intervals[0]).rates
    if listed is None:
        return None, None, NO_RATES
    base = listed.times(factor)
    input_price, output_price = base.get("input"), base.get("output")
    if input_price is None or output_price is None or wrong_price(input_price) or wrong_price(output_price):
        return input_price, output_price, NO_RATES  # for the rules to report
    levels = {0: base}
    for tier in sorted(listed.tiers, key=lambda tier: tier.above):
        # A price that a tier does not name stays as it is below the tier.
        levels[tier.above] = levels[max(levels)] | tier.times(factor)
    return input_price, output_price, rates_from(levels)


def _lifecycle(status: str) -> Lifecycle:
    return "removed" if status == "removed" else "deprecated" if status == "deprecated" else "active"
