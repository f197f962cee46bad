"""The statements that our code really sends, recorded once and sent again by libpq."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from bench.libpq import Numbered, Values, numbered
from stoa.core.ids import new_id
from stoa.database.wire import Row, Statement, Wire

Trip = list[Statement]  # what one round trip carries: one transaction

_UUID = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@contextmanager
def recording() -> Iterator[list[Trip]]:
    """Every round trip of this process inside the block, in the order in which they end."""
    trips: list[Trip] = []
    execute = Wire.execute

    def note(self: Wire, statements: Sequence[Statement]) -> list[list[Row]]:
        rows = execute(self, statements)
        trips.append(list(statements))
        return rows

    with patch.object(Wire, "execute", note):
        yield trips


@dataclass(frozen=True, slots=True)
class Recorded:
    """Some round trips of one message, and the ids that were made for this message alone."""

    trips: list[list[Numbered]]
    own_ids: frozenset[bytes]

    def again(self) -> list[list[Values]]:
        """The same values with new ids in the place of the message's own: another message of the same member."""
        new = {own: str(new_id()).encode() for own in sorted(self.own_ids)}

        def replaced(value: bytes | None) -> bytes | None:
            return value and _UUID.sub(lambda found: new.get(found[0], found[0]), value)

        return [[[replaced(value) for value in values] for _, values in trip] for trip in self.trips]


def recorded(trips: Sequence[Trip], other: Sequence[Trip]) -> Recorded:
    """The round trips of a message; `other` are those of another one, which tell its own ids from its member's."""
    ours, theirs = _numbered(trips), _numbered(other)
    return Recorded(ours, frozenset(_ids(ours) - _ids(theirs)))


def _numbered(trips: Sequence[Trip]) -> list[list[Numbered]]:
    return [[numbered(sql, parameters) for sql, parameters in trip] for trip in trips]


def _ids(trips: Sequence[Sequence[Numbered]]) -> set[bytes]:
    return {
        found for trip in trips for _, values in trip for value in values if value for found in _UUID.findall(value)
    }
