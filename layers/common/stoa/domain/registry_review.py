"""What a run of the sync writes of the changes it found, given what is on file already."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from stoa.domain.registry_diff import NEW_MODEL, Change
from stoa.domain.review_policy import Rule, decide, is_told

Place = tuple[str, str]  # kind and subject


@dataclass(frozen=True, slots=True)
class Filed:
    """The newest proposal of a kind about a subject that was not superseded or withdrawn."""

    change_id: UUID
    kind: str
    subject: str
    digest: str
    is_open: bool


class Entry(NamedTuple):
    """A change to be filed. `replaces` is the open one whose value is out of date or which is now applied."""

    change: Change
    applies: bool
    reason: str
    told: bool
    replaces: UUID | None


class Review(NamedTuple):
    """What is to be written: new entries, and open ones that nothing asks for any more."""

    entries: list[Entry]
    withdrawn: list[UUID]


def review(
    changes: Iterable[Change],
    filed: Mapping[Place, Filed],
    policy: Mapping[str, Rule],
    threshold: Decimal,
    looked_at: set[str],
) -> Review:
    """Sort out what is new. What was decided once is not asked again until its value is another.

    `looked_at` are the models of which this reading told something: only of them an open change can be over.
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
        applies = decision.outcome == "apply"
        same = known is not None and known.digest == change.digest
        if same and known is not None and not (known.is_open and applies):
            continue
        replaces = known.change_id if known is not None and known.is_open else None
        told = is_told(change, threshold) and not same
        entries.append(Entry(change, applies, decision.reason, told, replaces))
    over = [
        known.change_id
        for place, known in filed.items()
        if known.is_open and place not in wanted and (known.kind == NEW_MODEL or known.subject in looked_at)
    ]
    return Review(entries, over)
