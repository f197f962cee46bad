"""All sources of prices and models in this installation, read at once."""

from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from stoa.clients.feeds import Feed
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.clients.feeds.provider_lists import has_list, read_list
from stoa.clients.wires.endpoints import endpoint_for
from stoa.clients.wires.types import Endpoint, ProviderError
from stoa.core.settings import settings
from stoa.domain.providers.provider import Provider
from stoa.domain.sync.facts import Reading

AT_ONCE = 8  # lists; each has a time limit, so all of them together have one
WITHOUT_LIST = frozenset({"iam", "service_account"})  # providers with these ways to sign in have no list


def price_feeds(provider_ids: Collection[str]) -> tuple[Feed, Feed]:
    """Returns the source of prices and the one that confirms them, for the providers of these ids."""
    configured = settings()
    return GenaiPrices(provider_ids, configured.feed_url), ModelPrices(provider_ids, configured.second_feed_url)


def endpoints_with_lists(providers: Iterable[Provider]) -> list[Endpoint]:
    """Returns the endpoints of the providers that list their models and for which this installation has a key."""
    found = []
    for provider in providers:
        if provider.auth in WITHOUT_LIST:
            continue
        try:
            endpoint = endpoint_for(provider)
        except ProviderError:  # no key, no address: the provider is not used here
            continue
        if has_list(endpoint):
            found.append(endpoint)
    return found


def read_sources(providers: Iterable[Provider], now: datetime, last_counts: Mapping[str, int]) -> Reading:
    """Returns a reading of both feeds and of these providers' lists.

    `last_counts` holds the number of models that each source had when it was last read in full, by the feed's name, or
    `list:` and the provider's id. Raises nothing for what a source does.
    """
    known = list(providers)
    first, second = price_feeds([provider.id for provider in known])
    endpoints = endpoints_with_lists(known)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lists = [pool.submit(read_list, one, last_counts.get(f"list:{one.provider_id}")) for one in endpoints]
        return Reading(
            first.read(now, last_counts.get(first.name)),
            second.read(now, last_counts.get(second.name)),
            tuple(done.result() for done in lists),
        )
