"""The verdict of a sync run on the changes it found, given what is on file already."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from msgspec import Struct

from stoa.domain.sync.change import NEW_MODEL, PRICE, Change, Status
from stoa.domain.sync.policy import Rule, decide, is_told

Place = tuple[str, str]  # kind and subject

OVERRULED = "You had this price already; an operator has set another one since."


class Filed(Struct, frozen=True):
    """The newest change of a kind about a subject that was not superseded or withdrawn."""

    change_id: UUID
    kind: str
    subject: str
    digest: str
    status: Status

    @property
    def is_open(self) -> bool:
        """True when it waits for an admin."""
        return self.status == "open"

    def settles(self, change: Change) -> bool:
        """Returns whether the change was decided once: rejected, or accepted and still so.

        A price that was accepted and differs all the same was set by an operator since, who may not know.
        """
        overruled = change.kind == PRICE and self.status in ("approved", "applied")
        return self.digest == change.digest and not self.is_open and not overruled


class Entry(NamedTuple):
    """A change to be filed. `replaces` is the open one whose value is out of date or which is now applied."""

    change: Change
    applies: bool
    reason: str
    told: bool
    replaces: UUID | None


class Review(NamedTuple):
    """New entries to write, and open changes that nothing asks for any more."""

    entries: list[Entry]
    withdrawn: list[UUID]


def review(
    changes: Iterable[Change],
    filed: Mapping[Place, Filed],
    policy: Mapping[str, Rule],
    threshold: Decimal,
    looked_at: Collection[Place],
) -> Review:
    """Returns what is new. A change that was decided once is not asked again until its value is another.

    `looked_at` names what this reading told of, kind by kind. Only there an open change can be over.
    """
    entries: list[Entry] = []
    wanted: set[Place] = set()
    for change in changes:
        place = (change.kind, change.subject)
        known = filed.get(place)
        decision = decide(change, policy, threshold)
        if decision.outcome == "ignore":
            continue
        wanted.add(place)
        if known is not None and known.settles(change):
            continue
        applies, reason = decision.outcome == "apply", decision.reason
        same = known is not None and known.digest == change.digest
        if same and known is not None and not known.is_open:
            applies, reason = False, OVERRULED
        if same and known is not None and known.is_open and not applies:
            continue
        replaces = known.change_id if known is not None and known.is_open else None
        entries.append(Entry(change, applies, reason, is_told(change, threshold) and not same, replaces))
    over = [
        known.change_id
        for place, known in filed.items()
        if known.is_open and place not in wanted and (known.kind == NEW_MODEL or place in looked_at)
    ]
    return Review(entries, over)
