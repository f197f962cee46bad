"""A tenant whose registry is synced with feeds that the test writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from stoa.domain.pricing.rates import NO_RATES, Rates
from stoa.domain.sync.facts import Reading
from stoa.domain.sync.feed import FeedModel, FeedProblem, FeedResult, ListedModel, Listing
from stoa.workflows.sync.run import SyncReport, sync
from tests.integration.member.support import Reply
from tests.integration.pricing.support import Shop

CHANGES = "/api/admin/registry/changes"

# Our models as the registry has them: provider, its name, context window, prices.
OURS = {
    "gpt-4o": ("openai", "gpt-4o", 128_000, "2.5", "10"),
    "gpt-4o-mini": ("openai", "gpt-4o-mini", 128_000, "0.15", "0.6"),
}


def feed_model(provider_id: str, name: str, context: int | None, *prices: str | None, **changed: Any) -> FeedModel:
    """Returns a model as the first source has it."""
    rates = changed.pop("rates", None)
    made = FeedModel(
        provider_id=provider_id,
        provider_model=name,
        display_name=name,
        context_window=context,
        max_output_tokens=None,
        input_price=None if prices[0] is None else Decimal(prices[0]),
        output_price=None if prices[1] is None else Decimal(prices[1]),
        rates=Rates.from_json(rates) if rates else NO_RATES,
        deprecated_on=None,
        source="first",
    )
    return replace(made, **changed)


@dataclass
class Feeds:
    """The sources' contents, until the test says otherwise."""

    first: dict[str, FeedModel] = field(default_factory=dict)
    second: dict[str, FeedModel] = field(default_factory=dict)
    listings: tuple[Listing, ...] = ()
    problems: tuple[FeedProblem, ...] = ()
    first_complete: bool = True
    second_complete: bool = True
    reads: list[Mapping[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for model in OURS.values():
            self.say(*model)

    def say(self, provider_id: str, name: str, context: int | None, *prices: str | None, **changed: Any) -> None:
        """Makes both sources have this model."""
        self.say_first(provider_id, name, context, *prices, **changed)
        self.second[name] = replace(self.first[name], source="second")

    def say_first(self, provider_id: str, name: str, context: int | None, *prices: str | None, **changed: Any) -> None:
        """Makes only the first source have this model."""
        self.first[name] = feed_model(provider_id, name, context, *prices, **changed)

    def price(self, model_id: str, *prices: str, **changed: Any) -> None:
        """Makes both sources give one of our models another price."""
        self.say(*OURS[model_id][:3], *prices, **changed)

    def retire(self, name: str, on: date) -> None:
        """Makes both sources say when a model ends."""
        for source in (self.first, self.second):
            source[name] = replace(source[name], lifecycle="deprecated", deprecated_on=on)

    def list(self, provider_id: str, *names: str, complete: bool = True) -> None:
        """Makes a provider's own list name these models."""
        models = tuple(ListedModel(provider_id, name, None) for name in names)
        self.listings = (Listing(provider_id, models, (), complete),)

    def read(self, providers: object, last_counts: Mapping[str, int]) -> Reading:
        self.reads.append(last_counts)
        first = FeedResult("first", tuple(self.first.values()), self.problems, self.first_complete)
        second = FeedResult("second", tuple(self.second.values()), (), self.second_complete)
        return Reading(first, second, self.listings)


@dataclass
class Registry(Shop):
    """A tenant, its admin, and the feeds."""

    feeds: Feeds = field(default_factory=Feeds)

    def sync(self) -> SyncReport:
        """Runs the sync for all tenants that are due now."""
        report = sync(self.database, self.feeds.read, self.clock)
        assert report.tenants_failed == 0
        return report

    def changes(self, **where: Any) -> list[dict[str, Any]]:
        """Returns the tenant's changes, oldest first."""
        rows = self.query("SELECT * FROM registry_changes WHERE tenant_id = :tenant_id ORDER BY id")
        return [row for row in rows if all(row[name] == value for name, value in where.items())]

    def base(self, model_id: str) -> tuple[float, float]:
        """Returns the provider's prices as the tenant has them."""
        model = self.model(model_id)
        return model["baseInputPrice"], model["baseOutputPrice"]

    def listed(self, **query: Any) -> list[dict[str, Any]]:
        """Returns the changes as the admin sees them, newest first."""
        reply = self.send("GET", CHANGES, **query)
        assert reply.status == 200, reply.body
        return list(reply.body["data"])

    def open_change(self, kind: str) -> dict[str, Any]:
        """Returns the only open change of a kind."""
        (change,) = self.listed(status="open", kind=kind)
        return change

    def approve(self, change: dict[str, Any], **decided: Any) -> Reply:
        return self.send("POST", f"{CHANGES}/{change['id']}/approve", decided)

    def reject(self, change: dict[str, Any], **decided: Any) -> Reply:
        return self.send("POST", f"{CHANGES}/{change['id']}/reject", decided)

    def undo(self, change: dict[str, Any]) -> Reply:
        return self.send("POST", f"{CHANGES}/{change['id']}/undo")

    def mails(self) -> list[dict[str, Any]]:
        return self.query("SELECT * FROM mail_outbox WHERE tenant_id = :tenant_id ORDER BY id")
