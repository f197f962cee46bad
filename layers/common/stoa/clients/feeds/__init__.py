"""Where prices and models come from: one module a source, each with a `read` that never raises for what it reads.

Imported by the price sync alone: the packages behind it take 0.5 s to import, and only `read` imports them.
"""

from datetime import datetime
from typing import Protocol

from stoa.domain.sync.feed import FeedResult


class Feed(Protocol):
    """A source of prices."""

    @property
    def name(self) -> str:
        """What the source is called in facts and problems."""
        ...

    def read(self, now: datetime, last_count: int | None = None) -> FeedResult:
        """What the source says at `now`. `last_count`: how many models it had the last time; None: never read yet."""
        ...
