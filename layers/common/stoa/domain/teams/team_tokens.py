"""Decides what a member may still take of a team's tokens, and which of several teams pays for a message."""

from collections.abc import Iterable
from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

# What reservations of messages under way hold is counted as used until they are settled.


class TeamShare(Struct, frozen=True):
    """A member's part in one team that is active, in its present period. Amounts are tokens."""

    team_id: UUID
    team_name: str
    models: frozenset[str]  # that the plan covers
    pool: int
    pool_used: int
    allotment: int | None  # None: the pool alone is the limit
    own_used: int
    starts_on: date
    ends_on: date
    resets_at: datetime

    @property
    def pool_remaining(self) -> int:
        """Tokens left for the whole team, never negative."""
        return max(0, self.pool - self.pool_used)

    @property
    def allotment_remaining(self) -> int | None:
        """Tokens left of the member's own allotment, never negative. None: there is none."""
        return None if self.allotment is None else max(0, self.allotment - self.own_used)

    @property
    def remaining(self) -> int:
        """Returns what the member may still take. The pool and an allotment both bound it."""
        own = self.allotment_remaining
        return self.pool_remaining if own is None else min(self.pool_remaining, own)


def effective_allotment(allotment: int | None, *, shared_pool: bool) -> int | None:
    """Returns the allotment that holds. Where the pool is not shared, who was allotted nothing has nothing."""
    return 0 if allotment is None and not shared_pool else allotment


def paying_team(model_id: str, shares: Iterable[TeamShare]) -> TeamShare | None:
    """Returns the team that pays for a message to the model: of those that cover it the one with most left.

    It may have nothing left. None: no team covers the model.
    """
    covering = [share for share in shares if model_id in share.models]
    return min(covering, key=lambda share: (-share.remaining, share.team_id), default=None)
