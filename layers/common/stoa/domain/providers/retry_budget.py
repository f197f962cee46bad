"""Limits the failovers of an outage to a share of the calls, and a few more, so that load is not multiplied.

A retry budget as a token bucket, like Finagle's `RetryBudget` (twitter.github.io/finagle/guide/Clients.html#retries)
and the per-client budget of 10 % in Google's SRE book, chapter 21 ("Handling Overload").
"""

from msgspec import Struct

SHARE = 0.1  # failovers that one call pays for
FLOOR_A_SECOND = 0.2  # ... and that time does, for a process with few calls
MOST = 10.0  # saved up at most; a process begins with these


class RetryBudget(Struct):
    """Budget of failovers away from one provider. Times are seconds on a clock that only goes forward."""

    left: float = MOST
    as_of: float = 0.0

    def call(self, now: float) -> None:
        """Notes a message that is about to be sent to the provider."""
        self._refill(now, SHARE)

    def take(self, now: float) -> bool:
        """Returns whether another model may be tried after the provider has failed, and pays for it if so."""
        self._refill(now, 0.0)
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True

    def _refill(self, now: float, earned: float) -> None:
        passed = max(0.0, now - self.as_of)
        self.left = min(MOST, self.left + earned + passed * FLOOR_A_SECOND)
        self.as_of = max(now, self.as_of)
