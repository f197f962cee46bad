"""The sources of prices and models: one module a source, each with a `read` that never raises for what it reads.

Only the price sync imports this package. The libraries behind it take 0.5 s to import, and only `read` imports them.
"""

from datetime import datetime
from typing import Protocol

from stoa.domain.sync.feed import FeedResult


class Feed(Protocol):
    """A source of prices."""

    @property
    def name(self) -> str:
        """The name of the source in facts and problems."""
        ...

    def read(self, now: datetime, last_count: int | None = None) -> FeedResult:
        """Returns the models of the source at `now`.

        `last_count` is the number of models it had the last time. None: it was never read.
        """
        ...
