"""The price feeds of this installation."""

from collections.abc import Collection

from stoa.clients.feeds import Feed
from stoa.clients.feeds.genai_prices_feed import GenaiPrices
from stoa.clients.feeds.model_prices_feed import ModelPrices
from stoa.settings import settings


def price_feeds(provider_ids: Collection[str]) -> tuple[Feed, Feed]:
    """The source of prices and the one that confirms them, for the providers of these ids."""
    configured = settings()
    return GenaiPrices(provider_ids, configured.feed_url), ModelPrices(provider_ids, configured.second_feed_url)
